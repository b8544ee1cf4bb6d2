"""Every hook, as a plugin meets it in a whole installation."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from cxsdk import CRM, CX, Channel, FollowUp, Loyalty, Message, PostPurchase, Raw, Secret, SurveyProvider, hookimpl
from cxsdk.cli.group import cli
from cxsdk.domain.clock import ManualClock
from cxsdk.hooks import Hooks
from cxsdk.journeys.lanes import work
from cxsdk.store import inbox
from cxsdk.store.customers import merge
from cxsdk.store.inbox import Arrival
from cxsdk.store.tables import (
    cases,
    customers,
    decisions,
    identities,
    interactions,
    invitations,
    outbox,
    promises,
)  # fmt: skip
from cxsdk.web import public_app
from cxsdk_email import Email
from cxsdk_hostedsurvey import HostedSurvey
from cxsdk_localcrm import LocalCRM
from cxsdk_telephony import Telephony
from tests.acceptance.conftest import NOON, Company, Letters
from tests.installing import installed

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
def company_with(folder: Path, *plugins: Any, channels: Sequence[Channel] = ()) -> Iterator[Company]:
    """The company of the other acceptance tests, with these objects as its plugins ``mine0``, ``mine1`` and so on."""
    for number, plugin in enumerate(plugins):
        plugin.__name__ = f"mine{number}"
    crm = LocalCRM(database=str(folder / "crm.db"), durable=False)
    letters = Letters()
    cx = CX(
        company="Sample Shop",
        crm=crm,
        channels=[letters, *channels],
        survey_providers=[HostedSurvey()],
        surveys=[PostPurchase(after="2h"), Loyalty(between=("14d", "28d"))],
        follow_up=FollowUp(contact_within="1h", solve_within="24h"),
        plugins=plugins,
        database=f"sqlite:///{folder}/cx.db",
    )
    with ExitStack() as stack:
        installation = stack.enter_context(installed(cx, clock=ManualClock(NOON)))
        assert [found.problem for found in installation.runtime.hooks.found if found.problem] == []
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

    assert {Cards, LocalCRM} <= set(Hooks.load(extra=[("mine", Plugin())]).crms())


def test_hook_register_survey_providers() -> None:
    class Forms(HostedSurvey):
        """Another survey provider."""

    class Plugin:
        @hookimpl
        def register_survey_providers(self) -> list[type[SurveyProvider]]:
            return [Forms]

    assert {Forms, HostedSurvey} <= set(Hooks.load(extra=[("mine", Plugin())]).survey_providers())


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


def request(**fields: Any) -> Raw:
    """What an agent's system posts to have something written to a customer."""
    body = {"type": "message", "at": NOON.isoformat(), "customer": {"email": ANN["value"]}, "text": "Hello"} | fields
    return Raw.of(body).model_copy(update={"received_at": NOON})


def asks(company: Company, raw: Raw) -> None:
    """An agent's system asks for something to be written."""
    with company.runtime.store.write() as tx:
        inbox.put(company.runtime.store, tx, [Arrival("api", raw)])
    company.installation.settle()


def test_an_agents_message_goes_over_the_chosen_channel_once(tmp_path: Path) -> None:
    other, plugin = Letters(name="other"), Chooses("other")
    with company_with(tmp_path, plugin, channels=[other]) as company:
        asks(company, request())
        asks(company, request())
        [customer] = company.rows(customers)
        assert plugin.asked == [(customer.id, ["letters", "other"])]
        assert ([m.text for m in other.sent], company.letters.sent) == (["Hello"], [])
        assert [entry["text"] for entry in company.crm.entries()] == ["Hello"]


def test_an_agents_message_goes_where_the_agent_said_whatever_a_plugin_would_choose(tmp_path: Path) -> None:
    plugin = Chooses("other")
    with company_with(tmp_path, plugin, channels=[Letters(name="other")]) as company:
        asks(company, request(channel="letters"))
        assert (len(company.letters.sent), plugin.asked) == (1, [])


def test_an_address_that_an_agent_names_is_written_to_whatever_else_is_known(tmp_path: Path) -> None:
    other = Letters(name="other")
    with company_with(tmp_path, Chooses("other"), channels=[other]) as company:
        company.writes("Hello", also=[{"kind": "email", "value": "a@example.com"}])
        asks(company, request())
        assert [message.to for message in other.sent] == ["ann@example.com"]


def test_an_address_that_is_only_perhaps_a_customers_is_written_to_where_an_agent_names_it(tmp_path: Path) -> None:
    other = Letters(name="other")
    with company_with(tmp_path, Chooses("other"), channels=[other]) as company:
        company.tell("InteractionFact", direction="inbound", sender=ANN | {"confidence": "maybe"}, text="Hello")
        asks(company, request())
        assert [message.to for message in other.sent] == ["ann@example.com"]
        assert [row.confidence for row in company.rows(identities)] == ["maybe"]


class Meanwhile:
    """A plugin that lets something happen while it is asked, then chooses the other channel."""

    def __init__(self, happens: Callable[[str], None]) -> None:
        self._happens = happens

    @hookimpl
    def choose_channel(self, customer_id: str) -> str:
        self._happens(customer_id)
        return "other"


@contextmanager
def company_while(folder: Path, happens: Callable[[Company, str], None]) -> Iterator[tuple[Company, Letters]]:
    """A company with two channels, in which something happens to a customer while a plugin is asked for one."""
    other, companies = Letters(name="other"), list[Company]()
    plugin = Meanwhile(lambda customer_id: happens(companies[0], customer_id))
    with company_with(folder, plugin, channels=[other]) as company:
        companies.append(company)
        yield company, other


def is_free(database: Path) -> bool:
    """Whether nobody holds the database for writing."""
    with closing(sqlite3.connect(database, timeout=0)) as another:
        try:
            another.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
    return True


def test_no_transaction_is_open_while_a_plugin_chooses(tmp_path: Path) -> None:
    free: list[bool] = []
    with company_while(tmp_path, lambda *_: free.append(is_free(tmp_path / "cx.db"))) as (company, other):
        company.buys()
        company.later(2 * HOUR)
        asks(company, request())
        assert (free, len(other.sent)) == ([True, True], 2)
        with company.runtime.store.write():
            assert not is_free(tmp_path / "cx.db")


def test_who_wants_no_more_while_a_plugin_chooses_gets_no_more(tmp_path: Path) -> None:
    def stops(company: Company, _: str) -> None:
        company.writes("stop", settle=False)
        work(company.runtime, "inbox:letters")

    with company_while(tmp_path, stops) as (company, other):
        company.buys()
        company.later(2 * HOUR)
        assert (company.letters.sent, other.sent) == ([], [])
        invitation = company.invitation(kind="post_purchase")
        assert (invitation.state, invitation.reason) == ("skipped", "opted_out")


def test_what_can_be_reached_no_more_goes_over_the_next_channel(tmp_path: Path) -> None:
    def closes(company: Company, _: str) -> None:
        del company.runtime.channels["other"]  # type: ignore[attr-defined]

    with company_while(tmp_path, closes) as (company, other):
        company.buys()
        company.later(2 * HOUR)
        assert (len(company.letters.sent), other.sent) == (1, [])
        assert company.invitation(kind="post_purchase").account == "letters"


def test_a_customer_whom_nothing_reaches_any_more_is_skipped(tmp_path: Path) -> None:
    def forgets(company: Company, customer_id: str) -> None:
        with company.runtime.store.write() as tx:
            tx.execute(identities.delete().where(identities.c.customer_id == customer_id))

    with company_while(tmp_path, forgets) as (company, other):
        company.buys()
        company.later(2 * HOUR)
        assert (company.letters.sent, other.sent) == ([], [])
        assert company.invitation(kind="post_purchase").reason == "unreachable"


def test_two_who_become_one_while_a_plugin_chooses_are_written_to_as_one(tmp_path: Path) -> None:
    def merges(company: Company, customer_id: str) -> None:
        [eve] = [row.id for row in company.rows(customers) if row.id != customer_id]
        with company.runtime.store.write() as tx:
            merge(company.runtime.store, tx, customer_id, eve)

    with company_while(tmp_path, merges) as (company, other):
        company.writes("Hello", who="eve@example.com")
        company.buys()
        company.later(2 * HOUR)
        [kept] = [row.id for row in company.rows(customers) if row.merged_into is None]
        assert len(other.sent) == 1
        assert {row.customer_id for row in company.rows(outbox, kind="message")} == {kept}


def test_what_is_taken_back_before_a_plugin_is_asked_is_not_sent(tmp_path: Path) -> None:
    plugin = Chooses("other")
    with company_with(tmp_path, plugin, channels=[Letters(name="other")]) as company:
        company.buys(order="A-1")
        company.installation.opened.runtime.clock.move_to(company.now + 2 * HOUR)  # type: ignore[attr-defined]
        work(company.runtime, "due:invitation")
        company.buys(kind="refund", order="A-1", settle=False)
        work(company.runtime, "inbox:letters")
        company.installation.settle()
        assert (plugin.asked, company.invitation(kind="post_purchase").reason) == ([], "refunded")


def test_a_choice_is_explained_and_no_choice_is_not(tmp_path: Path) -> None:
    with company_with(tmp_path, Chooses("other"), channels=[Letters(name="other")]) as company:
        company.buys()
        company.later(2 * HOUR)
        [chosen] = company.rows(decisions, verdict="choose")
        assert (chosen.subject_id, chosen.text) == (
            company.invitation(kind="post_purchase").id,
            "A plugin chose other over letters.",
        )
    (tmp_path / "again").mkdir()
    with company_with(tmp_path / "again", Chooses("letters"), channels=[Letters(name="other")]) as company:
        company.buys()
        company.later(2 * HOUR)
        assert company.rows(decisions, verdict="choose") == []


def test_where_no_plugin_chooses_a_message_is_owed_to_its_channel_at_once(tmp_path: Path) -> None:
    with company_with(tmp_path, channels=[Letters(name="other")]) as company:
        company.buys()
        company.later(2 * HOUR)
        assert [row.account for row in company.rows(outbox, kind="message")] == ["letters"]


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
