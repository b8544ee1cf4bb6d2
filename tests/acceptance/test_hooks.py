"""Every hook, as a plugin meets it in a whole installation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from cxsdk import CRM, CX, Channel, FollowUp, Loyalty, Message, PostPurchase, Secret, SurveyProvider, hookimpl
from cxsdk.cli.group import cli
from cxsdk.domain.clock import ManualClock
from cxsdk.hooks import Hooks
from cxsdk.store.tables import cases, interactions, invitations, outbox, promises
from cxsdk.testing.inline import installed
from cxsdk.web import public_app
from cxsdk_email import Email
from cxsdk_hostedsurvey import HostedSurvey
from cxsdk_localcrm import LocalCRM
from cxsdk_telephony import Telephony
from tests.acceptance.conftest import NOON, Company, Letters

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ANN = {"kind": "email", "value": "ann@example.com"}


class Diary:
    """A plugin that writes down what it is told of, and fails as often as it is asked to."""

    def __init__(self, failures: int = 0, error: Exception | None = None) -> None:
        self.told: list[tuple[str, Any]] = []
        self._failures = failures
        self._error = error or RuntimeError("not now")

    def _note(self, hook: str, about: Any) -> None:
        self.told.append((hook, about))
        if len(self.told) <= self._failures:
            raise self._error

    @hookimpl
    def on_interaction_logged(self, interaction_id: str, customer_id: str, entry_id: str) -> None:
        self._note("interaction", (interaction_id, customer_id, entry_id))

    @hookimpl
    def on_response_received(self, invitation_id: str, customer_id: str, survey: str, score: int | None) -> None:
        self._note("response", (invitation_id, survey, score))

    @hookimpl
    def on_case_opened(self, case_id: str, customer_id: str, reason: str) -> None:
        self._note("opened", (case_id, reason))

    @hookimpl
    def on_case_closed(self, case_id: str, customer_id: str, outcome: str) -> None:
        self._note("closed", (case_id, outcome))

    @hookimpl
    def on_promise_broken(self, promise_id: str, kind: str) -> None:
        self._note("broken", (promise_id, kind))

    def of(self, hook: str) -> list[Any]:
        """What it was told of by one hook."""
        return [about for name, about in self.told if name == hook]


@contextmanager
def company_with(folder: Path, *plugins: object, channels: Sequence[Channel] = ()) -> Iterator[Company]:
    """The company of the other acceptance tests, with these objects as its plugins ``mine0``, ``mine1`` and so on."""
    crm = LocalCRM(database=str(folder / "crm.db"), durable=False)
    letters = Letters()
    cx = CX(
        company="Sample Shop",
        crm=crm,
        channels=[letters, *channels],
        survey_providers=[HostedSurvey()],
        surveys=[PostPurchase(after="2h"), Loyalty(between=("14d", "28d"))],
        follow_up=FollowUp(contact_within="1h", solve_within="24h"),
        database=f"sqlite:///{folder}/cx.db",
    )
    hooks = Hooks.load(extra=[(f"mine{number}", plugin) for number, plugin in enumerate(plugins)])
    assert [found.problem for found in hooks.found if found.problem] == []
    with ExitStack() as stack:
        installation = stack.enter_context(installed(cx, clock=ManualClock(NOON), hooks=hooks))
        web = TestClient(public_app(installation.opened), base_url="http://127.0.0.1:8000")
        yield Company(installation, crm, letters, stack.enter_context(web))


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def company(tmp_path: Path, diary: Diary) -> Iterator[Company]:
    with company_with(tmp_path, diary) as company:
        yield company


def answers_badly(company: Company) -> None:
    """A customer has bought, is asked two weeks later, and answers 3 of 10."""
    company.buys()
    company.later(14 * DAY)
    company.answers(q_nps="3", nonce="n1", step="score")


# -- what plugins make known


def test_hook_register_channels() -> None:
    class Plugin:
        @hookimpl
        def register_channels(self) -> list[type[Channel]]:
            return [Letters]

    known = Hooks.load(extra=[("mine", Plugin())]).channels()
    assert {Letters, Email, Telephony} <= set(known)


def test_hook_register_crms() -> None:
    class Cards(LocalCRM):
        """Another CRM."""

    class Plugin:
        @hookimpl
        def register_crms(self) -> list[type[CRM]]:
            return [Cards]

    assert set(Hooks.load(extra=[("mine", Plugin())]).crms()) == {Cards, LocalCRM}


def test_hook_register_survey_providers() -> None:
    class Forms(HostedSurvey):
        """Another survey provider."""

    class Plugin:
        @hookimpl
        def register_survey_providers(self) -> list[type[SurveyProvider]]:
            return [Forms]

    assert set(Hooks.load(extra=[("mine", Plugin())]).survey_providers()) == {Forms, HostedSurvey}


def test_hook_register_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def greet() -> None:
        click.echo("Hello from a plugin")

    class Plugin:
        @hookimpl
        def register_commands(self) -> list[click.Command]:
            return [greet]

    hooks = Hooks.load(extra=[("mine", Plugin())])
    monkeypatch.setattr(Hooks, "load", lambda: hooks)
    assert "greet" in CliRunner().invoke(cli, ["--help"]).output
    assert CliRunner().invoke(cli, ["greet"]).output == "Hello from a plugin\n"


# -- what plugins are told


def test_hook_on_interaction_logged(company: Company, diary: Diary) -> None:
    company.writes("Hello")
    [contact] = company.rows(interactions)
    [entry] = company.crm.entries()
    assert diary.of("interaction") == [(contact.id, contact.customer_id, str(entry["id"]))]


def test_a_contact_of_which_more_becomes_known_is_told_of_once(company: Company, diary: Diary) -> None:
    call = {"interaction": "c1", "kind": "call", "direction": "inbound", "sender": ANN}
    company.tell("InteractionFact", state="missed", **call)
    company.tell("InteractionFact", recording_url="https://pbx.example.com/r/1", **call)
    [entry] = company.crm.entries()
    assert entry["revision"] == 2
    assert len(diary.of("interaction")) == 1


def test_our_own_letters_are_no_contacts(company: Company, diary: Diary) -> None:
    company.buys()
    company.later(2 * HOUR)
    assert len(company.letters.sent) == 1
    assert diary.told == []


def test_hook_on_response_received(company: Company, diary: Diary) -> None:
    company.buys()
    company.later(14 * DAY)
    invitation = company.invitation(kind="loyalty").id
    company.answers(q_nps="9", nonce="n1", step="score")
    company.answers(q_comment="more colours", nonce="n2", step="more")
    assert diary.of("response") == [(invitation, "loyalty", 9)] * 2


def test_hook_on_case_opened(company: Company, diary: Diary) -> None:
    answers_badly(company)
    company.answers(q_comment="too slow", nonce="n2", step="more")
    assert diary.of("opened") == [(company.case().id, "unhappy")]


def test_hook_on_case_closed(company: Company, diary: Diary) -> None:
    answers_badly(company)
    company.finishes(company.open_tasks()[0])
    assert diary.of("closed") == []
    company.answers(q_solved="1", nonce="c1", step="full")
    assert diary.of("closed") == [(company.case().id, "confirmed")]


def test_hook_on_promise_broken(company: Company, diary: Diary) -> None:
    answers_badly(company)
    company.later(HOUR)
    assert diary.of("broken") == []
    company.later(timedelta(seconds=1))
    [promise] = company.rows(promises, kind="contact")
    assert diary.of("broken") == [(promise.id, "contact")]
    company.later(DAY)
    assert [kind for _, kind in diary.of("broken")] == ["contact", "solve"]


def test_what_happened_is_owed_with_it_and_told_only_to_those_who_listen(tmp_path: Path) -> None:
    class Deaf:
        @hookimpl
        def on_case_opened(self) -> None:
            raise AssertionError("no case was opened")

    with company_with(tmp_path, Diary(), Deaf()) as company:
        company.writes("Hello")
        assert [row.account for row in company.rows(outbox, kind="hook")] == ["hook-mine0"]


def test_what_a_plugin_fails_on_is_told_again_until_it_is_taken(tmp_path: Path) -> None:
    diary = Diary(failures=2)
    with company_with(tmp_path, diary) as company:
        company.writes("Hello")
        assert len(diary.told) == 1
        company.later(timedelta(minutes=2))
        assert len(diary.told) == 2
        company.later(timedelta(minutes=8))
        assert len(diary.told) == 3
        company.later(3 * DAY)
    assert len(diary.told) == 3
    assert len(set(diary.told)) == 1


def test_what_a_plugin_always_fails_on_is_set_aside_with_the_reason(tmp_path: Path) -> None:
    diary = Diary(failures=100)
    with company_with(tmp_path, diary) as company:
        company.writes("Hello")
        company.later(3 * DAY)
        [row] = company.rows(outbox, kind="hook")
    assert (row.state, len(diary.told)) == ("dead", 7)
    assert "not now" in row.reason


def test_a_plugin_that_fails_hurts_nobody_else(tmp_path: Path) -> None:
    broken, diary = Diary(failures=100), Diary()
    with company_with(tmp_path, broken, diary) as company:
        company.writes("Hello")
        company.writes("Hello again")
        assert len(list(company.crm.entries())) == 2
    assert len(diary.of("interaction")) == 2


# -- what plugins choose


class Chooses:
    """A plugin that always makes the same choice of channel, or fails."""

    def __init__(self, choice: Any) -> None:
        self.asked: list[Any] = []
        self._choice = choice

    @hookimpl
    def choose_channel(self, customer_id: str, channels: Sequence[str]) -> Any:
        self.asked.append((customer_id, list(channels)))
        if isinstance(self._choice, Exception):
            raise self._choice
        return self._choice


def test_hook_choose_channel(tmp_path: Path) -> None:
    other, plugin = Letters(name="other"), Chooses("other")
    with company_with(tmp_path, plugin, channels=[other]) as company:
        company.buys()
        company.later(2 * HOUR)
        [invitation] = company.rows(invitations, kind="post_purchase")
        assert plugin.asked == [(invitation.customer_id, ["letters", "other"])]
        assert (invitation.account, invitation.state) == ("other", "sent")
        assert (len(company.letters.sent), len(other.sent)) == (0, 1)


@pytest.mark.parametrize("choice", [None, "nobody", 7, RuntimeError("no idea")], ids=str)
def test_without_a_choice_that_fits_the_first_channel_is_taken(tmp_path: Path, choice: Any) -> None:
    with company_with(tmp_path, Chooses(choice), channels=[Letters(name="other")]) as company:
        company.buys()
        company.later(2 * HOUR)
        assert company.invitation(kind="post_purchase").account == "letters"


def test_where_only_one_channel_reaches_the_customer_nobody_is_asked(tmp_path: Path) -> None:
    plugin = Chooses("pbx")
    with company_with(tmp_path, plugin, channels=[Telephony(name="pbx", secret=Secret("hush"))]) as company:
        company.buys()
        company.later(2 * HOUR)
    assert plugin.asked == []


class Filters:
    """A plugin that rewrites every message, returns something else, or fails."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    @hookimpl
    def filter_message(self, message: Message) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return message.model_copy(update=self._answer) if isinstance(self._answer, dict) else self._answer


def test_hook_filter_message(tmp_path: Path) -> None:
    with company_with(tmp_path, Filters({"subject": "One question"})) as company:
        company.buys()
        company.later(2 * HOUR)
        [letter] = company.letters.sent
        assert letter.subject == "One question"
        assert company.runtime.public_url in letter.text


def test_a_filter_changes_neither_the_addressee_nor_the_key(tmp_path: Path) -> None:
    with company_with(tmp_path, Filters({"to": "eve@example.com", "key": "another", "text": "Hello"})) as company:
        company.buys()
        company.later(2 * HOUR)
        [letter] = company.letters.sent
        assert (letter.to, letter.text) == ("ann@example.com", "Hello")
        assert letter.key == company.invitation(kind="post_purchase").id


@pytest.mark.parametrize("answer", [None, "another text", RuntimeError("no idea")], ids=str)
def test_without_an_answer_that_fits_the_message_goes_out_as_it_is(tmp_path: Path, answer: Any) -> None:
    with company_with(tmp_path, Filters(answer)) as company:
        company.buys()
        company.later(2 * HOUR)
        [letter] = company.letters.sent
        assert "Sample Shop" in letter.subject
        assert company.rows(cases) == []
