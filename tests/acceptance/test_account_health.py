"""An account that breaks and heals: told once for each breakage, shown with its reason, and not hammered meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from cxsdk import (
    AuthenticationError,
    Fact,
    Limit,
    OutcomeUnknown,
    Page,
    RateLimited,
    Raw,
    Reader,
    Receipt,
    Stop,
    Transient,
    hookimpl,
)
from cxsdk.cli.condition import known_of, told_of
from cxsdk.journeys import sources
from cxsdk.policy.health import REFUSALS
from cxsdk.testing.crm import FakeCRM, fake_crm, limited
from cxsdk_workers.clock import _Reading
from tests.acceptance.office import NOON, Office, Wire, office_of


class Pager:
    """A plugin that is told of accounts."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.raises: Exception | None = None

    @hookimpl
    def on_account_broken(self, account: str, part: str, code: str, why: str, cure: str, since: str) -> None:
        assert why
        assert cure
        self.told.append(("broken", account, part, code, since))
        if self.raises:
            raise self.raises

    @hookimpl
    def on_account_recovered(self, account: str, part: str, code: str, since: str) -> None:
        self.told.append(("recovered", account, part, code, since))


MakeOffice = Callable[..., Office]


@pytest.fixture
def pager() -> Pager:
    return Pager()


@pytest.fixture
def office(pager: Pager) -> Iterator[Office]:
    """An office with a CRM that knows Ann, and one who listens."""
    with office_of(fake_crm("upsert"), plugins=[pager]) as office:
        office.introduce("ann")
        yield office


def condition(office: Office) -> dict[str, Any]:
    """What ``cxsdk plugins`` tells of the CRM."""
    cx, store = office.installation.opened.cx, office.runtime.store
    with store.read() as tx:
        return told_of(cx.crm, cx.public_url, known_of(cx, store, tx))


def test_hook_on_account_broken(office: Office, pager: Pager) -> None:
    office.crm.fall_ill(AuthenticationError("expired"))
    office.write("one")
    assert pager.told == [("broken", "fakecrm", "calls", "account_credentials_refused", NOON.isoformat())]


def test_hook_on_account_recovered(office: Office, pager: Pager) -> None:
    office.crm.fall_ill(AuthenticationError("expired"))
    office.write("one")
    office.later(hours=1)
    assert len(pager.told) == 1
    office.crm.recover()
    office.later(minutes=5)
    about = ("fakecrm", "calls", "account_credentials_refused", NOON.isoformat())
    assert pager.told == [("broken", *about), ("recovered", *about)]
    assert office.crm.counted()["one"] == 1


def test_each_breakage_is_told_of_once(office: Office, pager: Pager) -> None:
    for text in ("one", "two"):
        office.crm.fall_ill(AuthenticationError("expired"))
        office.write(text)
        office.later(minutes=30)
        office.crm.recover()
        office.later(minutes=30)
    assert [told[0] for told in pager.told] == ["broken", "recovered"] * 2
    assert pager.told[0][-1] != pager.told[2][-1]


@pytest.mark.parametrize("error", [Transient("busy"), OutcomeUnknown("reset"), ConnectionRefusedError()])
def test_an_outage_is_told_of_after_five_minutes(office: Office, pager: Pager, error: Exception) -> None:
    office.crm.fall_ill(error)
    office.write("one")
    office.later(minutes=3, seconds=55)
    assert pager.told == []
    office.later(minutes=20)
    assert pager.told == [("broken", "fakecrm", "calls", "account_unreachable", NOON.isoformat())]
    assert len(office.crm.asked("log")) < 40


def test_a_short_outage_is_told_of_by_nobody(office: Office, pager: Pager) -> None:
    office.crm.fall_ill(Transient("busy"))
    office.write("one")
    office.later(minutes=2)
    office.crm.recover()
    office.later(minutes=30)
    assert pager.told == []
    assert office.crm.counted()["one"] == 1


def test_two_short_outages_are_no_long_one(office: Office, pager: Pager) -> None:
    for text in ("one", "two"):
        office.crm.fall_ill(Transient("busy"))
        office.write(text)
        office.later(minutes=3)
        office.crm.recover()
        office.later(minutes=3)
    assert pager.told == []


def test_a_limit_that_lasts_an_hour_is_told_of_at_once(office: Office, pager: Pager) -> None:
    office.crm.script("log", limited(3600))
    office.write("one")
    assert [told[:4] for told in pager.told] == [("broken", "fakecrm", "calls", "account_over_limit")]
    office.later(hours=1)
    assert [told[0] for told in pager.told] == ["broken", "recovered"]


def test_a_limit_of_seconds_is_none_of_a_breakage(office: Office, pager: Pager) -> None:
    office.crm.script("log", limited(30), limited())
    office.write("one")
    office.later(minutes=10)
    assert pager.told == []


def told_within(limit: Limit) -> list[str]:
    """What is told of a CRM of which no more is asked than this."""
    pager = Pager()
    with office_of(FakeCRM(limits=[limit]), plugins=[pager]) as office:
        office.introduce("ann")
        office.later(hours=3)
        assert office.crm.asked("log") or limit.per > timedelta(hours=3)
    return [told[3] for told in pager.told]


def test_a_limit_of_ours_that_holds_everything_up_for_a_day_is_told_of() -> None:
    assert told_within(Limit(calls=1, per="1d")) == ["account_over_limit"]


def test_a_small_plan_that_spreads_its_calls_is_no_breakage() -> None:
    assert told_within(Limit(calls=4, per="3h", burst=1)) == []


def refuse_all(office: Office, number: int) -> list[str]:
    texts = [f"text {n}" for n in range(number)]
    for text in texts:
        office.crm.refuse(text)
        office.write(text)
    return texts


def test_a_crm_that_refuses_one_after_the_other_counts_as_broken(office: Office, pager: Pager) -> None:
    refuse_all(office, REFUSALS - 1)
    assert pager.told == []
    office.crm.refuse("the last straw")
    office.write("the last straw")
    assert [told[:4] for told in pager.told] == [("broken", "fakecrm", "calls", "account_refuses_records")]


def test_a_broken_crm_that_refuses_is_tried_with_single_records_and_recovers(office: Office, pager: Pager) -> None:
    refuse_all(office, REFUSALS)
    asked = len(office.crm.asked("log"))
    refuse_all(office, 30)
    office.later(minutes=5)
    assert len(office.crm.asked("log")) - asked < 15
    assert len(pager.told) == 1
    office.crm.recover()
    office.later(minutes=10)
    assert [told[0] for told in pager.told] == ["broken", "recovered"]
    assert condition(office)["healthy"]


def test_a_channel_that_refuses_one_recipient_after_the_other_holds_nobody_up(
    office: Office, pager: Pager, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = [{"kind": "email", "value": "ann@example.com"}]
    with monkeypatch.context() as patch:
        patch.setattr(Wire, "send", lambda _, messages: [Receipt.rejected("no such mailbox") for _ in messages])
        for number in range(REFUSALS + 5):
            office.tell("MessageRequest", customer=customer, text=f"hello {number}")
    office.tell("MessageRequest", customer=customer, text="We call you.")
    assert [message.text for message in office.wire.sent] == ["We call you."]
    assert pager.told == []


def test_one_accepted_record_begins_the_count_anew(office: Office, pager: Pager) -> None:
    refuse_all(office, REFUSALS - 1)
    office.write("a good one")
    refuse_all(office, REFUSALS - 1)
    assert pager.told == []


def test_what_is_wrong_is_shown_with_its_cure_and_what_waits(office: Office) -> None:
    assert condition(office)["healthy"] is True
    office.crm.fall_ill(AuthenticationError("the key is expired"))
    office.write("one", "two")
    told = condition(office)
    [trouble] = told["troubles"]
    assert told["healthy"] is False
    assert told["waiting"] == {"entry": 2}
    assert trouble["code"] == "account_credentials_refused"
    assert trouble["since"] == NOON.isoformat()
    assert "the key is expired" in trouble["why"]
    assert "Renew the credentials" in trouble["cure"]
    office.crm.recover()
    office.later(minutes=5)
    assert (condition(office)["healthy"], condition(office)["troubles"]) == (True, [])


def test_an_account_that_fails_and_is_not_broken_yet_says_so(office: Office) -> None:
    office.crm.fall_ill(Transient("busy"))
    office.write("one")
    told = condition(office)
    assert told["healthy"] is True
    assert [(one["broken"], one["code"]) for one in told["troubles"]] == [(False, None)]


def test_the_shown_code_follows_the_trouble_and_is_not_told_of_again(office: Office, pager: Pager) -> None:
    office.crm.fall_ill(Transient("down"))
    office.write("one")
    office.later(minutes=10)
    office.crm.fall_ill(AuthenticationError("expired"))
    office.later(minutes=10)
    assert [one["code"] for one in condition(office)["troubles"]] == ["account_credentials_refused"]
    assert [told[3] for told in pager.told] == ["account_unreachable"]


def test_a_listener_that_fails_is_told_again_and_breaks_no_account(office: Office, pager: Pager) -> None:
    pager.raises = AuthenticationError("the pager's own")
    office.crm.fall_ill(AuthenticationError("expired"))
    office.write("one")
    office.later(minutes=6)
    assert {told[:3] for told in pager.told} == {("broken", "fakecrm", "calls")}
    assert len(pager.told) >= 2
    pager.raises = None
    office.later(minutes=6)
    before = len(pager.told)
    office.later(minutes=30)
    assert len(pager.told) == before


def test_nothing_is_owed_where_nobody_listens() -> None:
    with office_of(fake_crm("upsert")) as office:
        office.introduce("ann")
        office.crm.fall_ill(AuthenticationError("expired"))
        office.write("one")
        assert office.rows("hook") == []
        assert not condition(office)["healthy"]


# -- sources


class Mailbox(Wire):
    """A wire that is read as well."""

    def fail_reading(self, error: Exception | None) -> None:
        self._reading = error

    def sources(self) -> Mapping[str, Reader]:
        return {"inbox": self._read}

    def _read(self, cursor: str | None, stop: Stop) -> Iterator[Page]:
        if getattr(self, "_reading", None) is not None:
            raise self._reading
        yield Page(items=(), cursor="1")

    def parse(self, raw: Raw) -> Iterator[Fact]:
        yield from super().parse(raw)


class Reading:
    """A mailbox's source, read as the clock does."""

    def __init__(self, office: Office, mailbox: Mailbox) -> None:
        self.office = office
        self.mailbox = mailbox

    def once(self, error: Exception | None) -> None:
        """Reads once; an error puts it off."""
        runtime = self.office.runtime
        [source] = [source for source in sources.sources_of(runtime) if source.account == "mailbox"]
        self.mailbox.fail_reading(error)
        _Reading(runtime, source, "test", Event())._once()
        self.mailbox.fail_reading(None)
        self.office.installation.settle(read=False)


@pytest.fixture
def reading(pager: Pager) -> Iterator[Reading]:
    with ExitStack() as stack:
        mailbox = Mailbox(name="mailbox")
        office = stack.enter_context(office_of(FakeCRM(), more=[mailbox], plugins=[pager]))
        yield Reading(office, mailbox)


@pytest.mark.parametrize(("wait", "told"), [(1800, 0), (7200, 1)])
def test_a_source_that_waits_for_permits_is_told_of_after_an_hour(
    reading: Reading, pager: Pager, wait: float, told: int
) -> None:
    reading.once(RateLimited("used up", retry_after=wait, code="limit_used_up"))
    assert len(pager.told) == told


def test_a_source_whose_login_is_refused_is_told_of_once(reading: Reading, pager: Pager) -> None:
    for _ in range(3):
        reading.once(AuthenticationError("expired"))
    assert [told[:4] for told in pager.told] == [("broken", "mailbox", "inbox", "account_credentials_refused")]
    reading.once(None)
    reading.once(None)
    assert [told[0] for told in pager.told] == ["broken", "recovered"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Transient("down"), "account_unreachable"),
        (TimeoutError(), "account_unreachable"),
        (RateLimited("slowly"), "account_over_limit"),
        (KeyError("subject"), "account_plugin_fails"),
    ],
)
def test_a_source_that_fails_for_five_minutes_is_told_of(
    reading: Reading, pager: Pager, error: Exception, code: str
) -> None:
    reading.once(error)
    assert pager.told == []
    reading.office.runtime.clock.advance(timedelta(minutes=5))  # type: ignore[attr-defined]
    reading.once(error)
    assert [told[:4] for told in pager.told] == [("broken", "mailbox", "inbox", code)]


def test_calls_that_work_do_not_heal_a_source(reading: Reading, pager: Pager) -> None:
    reading.once(AuthenticationError("expired"))
    with reading.office.runtime.store.read() as tx:
        known = known_of(reading.office.installation.opened.cx, reading.office.runtime.store, tx)
    told = told_of(reading.mailbox, "http://127.0.0.1:8000", known)
    assert [(one["part"], one["code"]) for one in told["troubles"]] == [("inbox", "account_credentials_refused")]
    assert told["healthy"] is False
