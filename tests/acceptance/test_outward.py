"""Everything that can become of a call to the CRM, with what must then be true: nothing lost, nothing doubled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from cxsdk import (
    AuthenticationError,
    OutcomeUnknown,
    PersonGone,
    RateLimited,
    Receipt,
    Rejected,
    Transient,
    Unsupported,
)
from cxsdk.domain.identity import Person
from cxsdk.domain.outward import LogEntry, Message
from cxsdk.errors import StoreUnavailable
from cxsdk.journeys import outward, receipts
from cxsdk.journeys.lanes import work
from cxsdk.store import accounts
from cxsdk.store.tables import DEAD, DONE, OWED, UNKNOWN, WAITING, customers, decisions
from cxsdk.testing.crm import WELL, Act, FakeCRM, cut, failing, fake_crm, limited, lost
from tests.acceptance.office import CRASHES, Office, office_of

ENTRIES = "outbox:fakecrm:entry"
TASKS = "outbox:fakecrm:task"
MESSAGES = "outbox:wire:message"

#: An office with a CRM of these capabilities, where nothing is owed.
MakeOffice = Callable[..., Office]


@pytest.fixture
def office_with() -> Iterator[MakeOffice]:
    with ExitStack() as stack:

        def make(*args: Any, **capabilities: Any) -> Office:
            return stack.enter_context(office_of(fake_crm(*args, **capabilities)))

        yield make


@pytest.fixture
def office(office_with: MakeOffice) -> Office:
    """An office with the plainest CRM: it recognises our keys. Ann is known there."""
    office = office_with()
    office.introduce("ann")
    return office


EVERY_WAY = pytest.mark.parametrize("duplicates", ["upsert", "lookup", "none"])


def health(office: Office) -> Any:
    with office.runtime.store.read() as tx:
        return accounts.health(tx, "fakecrm")


# What a call may answer, and every value of it is there once in the end


OUTCOMES = {
    "well": WELL,
    "over a limit": limited(30),
    "over a limit, for it does not say how long": limited(),
    "over a limit that it says is over": limited(0),
    "transient": failing(Transient("busy")),
    "transient, try at once": failing(Transient("busy", retry_after=0)),
    "refused credentials": failing(AuthenticationError("expired")),
    "an error before it stored": failing(OutcomeUnknown("reset")),
    "our database was away before it stored": failing(StoreUnavailable("away")),
    "a bug before it stored": failing(KeyError("id")),
    "stored, and the answer was lost": lost(),
    "stored, and our database was away": lost(StoreUnavailable("away")),
    "stored, and the time ran out": lost(TimeoutError()),
    "stored, and then a bug": lost(KeyError("id")),
    "cut off after two receipts": cut(2, OutcomeUnknown("reset"), stores=3),
    "limited after two receipts": cut(2, RateLimited(retry_after=30)),
    "too few receipts": Act(receipts=2),
    "no receipts": Act(receipts=0),
    "too many receipts": Act(surplus=(Receipt.accepted("more"),)),
    "no receipt but something else": Act(receipts=2, surplus=("ok", "ok", "ok")),
    "nothing but None": Act(receipts=0, surplus=(None,)),
}


@pytest.mark.parametrize("duplicates", ["upsert", "lookup"])
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_whatever_a_call_answers_each_entry_is_there_once(
    office_with: MakeOffice, duplicates: str, outcome: str
) -> None:
    office = office_with(duplicates)
    office.introduce("ann")
    office.crm.script("log", OUTCOMES[outcome])
    office.write("one", "two", "three", "four")
    office.later(hours=1)
    assert {office.crm.counted()[text] for text in ("one", "two", "three", "four")} == {1}
    assert not office.open_rows()
    assert {row.state for row in office.rows("entry")} == {DONE}


@pytest.mark.parametrize("duplicates", ["upsert", "lookup"])
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_whatever_a_call_answers_each_person_is_there_once(
    office_with: MakeOffice, duplicates: str, outcome: str
) -> None:
    office = office_with(duplicates)
    office.crm.script("create_people", OUTCOMES[outcome])
    for name in ("ann", "bob", "eve"):
        office.tell(settle=False, sender={"kind": "email", "value": f"{name}@example.com"}, text=name)
    office.settle()
    office.later(hours=1)
    assert len(office.crm.people()) == 3
    assert office.crm.counted() == Counter(["ann", "bob", "eve"])
    assert not office.open_rows()


@pytest.mark.parametrize("duplicates", ["upsert", "lookup"])
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_whatever_a_call_answers_each_task_is_there_once(
    office_with: MakeOffice, duplicates: str, outcome: str
) -> None:
    office = office_with(duplicates)
    office.crm.script("save_tasks", OUTCOMES[outcome])
    for number in range(3):
        phone = {"kind": "phone", "value": f"+1212555012{number}"}
        office.call("missed", call=f"c{number}", sender=phone, settle=False)
    office.settle()
    office.later(hours=1)
    assert len(office.crm.tasks()) == 3
    assert not office.open_rows()


@pytest.mark.parametrize("outcome", [name for name, act in OUTCOMES.items() if act.stores == 0])
def test_without_any_way_to_tell_what_did_not_happen_is_done_once(office_with: MakeOffice, outcome: str) -> None:
    office = office_with("none")
    office.introduce("ann")
    office.crm.script("log", OUTCOMES[outcome])
    office.write("one", "two")
    office.later(hours=1)
    assert (office.crm.counted()["one"], office.crm.counted()["two"]) == (1, 1)


def test_without_any_way_to_tell_an_entry_whose_answer_was_lost_is_rather_doubled_than_lost(
    office_with: MakeOffice,
) -> None:
    office = office_with("none")
    office.introduce("ann")
    office.crm.script("log", cut(1, OutcomeUnknown("reset"), stores=2))
    office.write("one", "two", "three")
    office.later(hours=1)
    assert office.crm.counted() == Counter({"hello from ann": 1, "one": 1, "two": 2, "three": 1})


def test_our_database_that_is_away_under_a_plugin_burns_no_attempt_and_is_nobodys_fault(office: Office) -> None:
    office.crm.script("log", *[failing(StoreUnavailable("away", retry_after=1))] * 30)
    office.write("one")
    for _ in range(5):
        office.later(seconds=2)
    [row] = [row for row in office.rows("entry") if row.state == OWED]
    assert (row.attempts, health(office).broken) == (0, None)
    assert health(office).problem.startswith("store_unavailable: away")
    office.later(hours=1)
    assert office.crm.counted()["one"] == 1
    assert health(office).problem is None


# Receipts


def test_what_was_yielded_before_an_exception_is_not_sent_again(office: Office) -> None:
    office.crm.script("log", cut(2, Transient("busy")))
    office.write("one", "two", "three")
    office.later(minutes=1)
    sent = Counter(entry.text for call in office.crm.asked("log") for entry in call.values)
    assert (sent["one"], sent["two"], sent["three"]) == (1, 1, 2)


def test_a_plugin_is_heard_to_its_end_even_if_it_has_given_all_receipts(office_with: MakeOffice) -> None:
    office = office_with()
    ended = []

    class Committing(FakeCRM):
        def log(self, entries: Any) -> Iterator[Receipt]:
            yield from super().log(entries)
            ended.append("log")

        def create_people(self, people: Any) -> Iterator[Receipt]:
            yield from super().create_people(people)
            ended.append("create_people")

    object.__setattr__(office.crm, "__class__", Committing)
    office.write("one")
    assert ended == ["create_people", "log"]


def test_a_person_without_an_id_is_the_plugins_mistake_and_harms_nobody_else(office: Office) -> None:
    office.crm.script("create_people", Act(receipts=0, surplus=(Receipt.accepted(), Receipt.accepted("x"))))
    for name in ("bob", "eve"):
        office.tell(settle=False, sender={"kind": "email", "value": f"{name}@example.com"}, text=name)
    office.settle()
    office.later(hours=1)
    assert not office.open_rows()
    assert {row.state for row in office.rows("person")} == {DONE}
    assert all(row.provider_id for row in office.rows("person"))


@pytest.mark.parametrize("id", ["x" * 500, "nul\0", "\ud800"])
def test_an_absurd_id_or_reason_harms_nobody_else(office: Office, id: str) -> None:
    office.crm.script(
        "log", Act(receipts=1, surplus=(Receipt.accepted(id), Receipt.rejected(id), Receipt.deferred(id)))
    )
    office.write("one", "two", "three", "four")
    office.later(hours=1)
    assert not office.open_rows()
    assert office.row("one").state == DONE
    assert office.row("three").state == DEAD
    assert office.row("four").state == DONE


# One bad value


def test_a_refused_item_is_set_aside_alone_with_its_reason(office: Office) -> None:
    office.crm.refuse("two", "The text is forbidden.")
    office.write("one", "two", "three")
    assert (office.row("two").state, office.row("two").reason) == (DEAD, "The text is forbidden.")
    assert office.row("one").state == office.row("three").state == DONE
    assert len(office.crm.asked("log")) == 2  # hello, and this batch once


@pytest.mark.parametrize("error", [Rejected("bad e-mail"), Unsupported("no such type")])
def test_a_batch_refused_as_a_whole_is_tried_one_by_one(office: Office, error: Exception) -> None:
    office.crm.choke_on("two", error)
    office.write("one", "two", "three")
    assert office.row("two").state == DEAD
    assert str(error) in office.row("two").reason
    assert office.crm.counted() == Counter(["hello from ann", "one", "three"])


@pytest.mark.parametrize("duplicates", ["upsert", "lookup", "none"])
@pytest.mark.parametrize("error", [OutcomeUnknown("500"), KeyError("id"), TimeoutError()])
def test_one_value_on_which_the_crm_always_fails_does_not_hold_up_the_rest(
    office_with: MakeOffice, error: Exception, duplicates: str
) -> None:
    office = office_with(duplicates)
    office.introduce("ann")
    office.crm.choke_on("two", error)
    office.write("one", "two", "three", "four", "five")
    office.later(minutes=10)
    assert office.crm.counted() == Counter(["hello from ann", "one", "three", "four", "five"])
    for number in range(48):  # whether the value or the account is to blame, other traffic shows
        office.write(f"more {number}")
        office.later(hours=1)
    assert office.row("two").state == DEAD
    assert type(error).__name__ in office.row("two").reason or str(error) in office.row("two").reason
    assert not office.open_rows()


def test_a_value_that_cannot_be_built_is_refused_alone(office: Office) -> None:
    office.tell(settle=False, sender={"kind": "email", "value": "ann@example.com"}, text="one")
    office.tell(settle=False, sender={"kind": "email", "value": "ann@example.com"}, text="two")
    work(office.runtime, "inbox:wire")
    with office.runtime.store.write() as tx:
        broken = office.row("one").body | {"kind": "a kind of a later version"}
        table = outward.table
        tx.execute(table.update().where(table.c.id == office.row("one").id).values(body=broken))
    office.settle()
    assert office.row("one").state == DEAD
    assert "cannot be built" in office.row("one").reason
    assert office.row("two").state == DONE


def test_a_row_whose_body_has_lost_a_field_is_refused_alone(office: Office) -> None:
    for number in range(2):
        phone = {"kind": "phone", "value": f"+1212555012{number}"}
        office.call("missed", call=f"c{number}", sender=phone, settle=False)
    work(office.runtime, "inbox:wire")
    first, _ = office.rows("task")
    with office.runtime.store.write() as tx:
        table = outward.table
        tx.execute(table.update().where(table.c.id == first.id).values(body={"title": "no due time"}))
    office.settle()
    assert [row.state for row in office.rows("task")] == [DEAD, DONE]


def test_a_value_that_is_deferred_waits_alone(office: Office) -> None:
    office.crm.script("log", Act(receipts=0, stores=0, surplus=(Receipt.deferred("greylisted"), Receipt.accepted("e"))))
    office.write("one", "two")
    assert (office.row("one").state, office.row("two").state) == (OWED, DONE)
    assert office.row("one").marked_at is None
    office.later(minutes=2)
    assert office.row("one").state == DONE


def test_attempts_that_are_used_up_end_with_the_last_reason(office: Office) -> None:
    office.crm.choke_on("one", KeyError("owner"))
    office.write("one")
    office.later(days=3)
    row = office.row("one")
    assert (row.state, row.attempts) == (DEAD, len(receipts.RETRY_WAITS))
    assert "KeyError" in row.reason
    tries = [call.at for call in office.crm.asked("log") if any(entry.text == "one" for entry in call.values)]
    assert len(tries) == len(receipts.RETRY_WAITS) + 1
    assert tries[-1] - tries[0] < timedelta(hours=36)


def test_what_became_known_after_a_value_was_set_aside_is_tried_anew(office: Office) -> None:
    office.crm.refuse("a call")
    office.call("missed")
    assert office.row("a call").state == DEAD
    office.crm.recover()
    office.call("missed", recording_url="https://pbx.example.com/r/1")
    assert office.row("a call").state == DONE
    assert office.crm.counted()["a call"] == 1


# Limits, outages, credentials


def test_a_limit_pauses_the_account_and_burns_no_attempt(office: Office) -> None:
    office.crm.script("log", limited(30))
    office.write("one", "two")
    before = len(office.crm.asked("log"))
    assert {office.row(text).attempts for text in ("one", "two")} == {0}
    office.write("three")
    office.later(seconds=29)
    assert len(office.crm.asked("log")) == before
    office.later(seconds=1)
    last = office.crm.asked("log")[-1]
    assert {entry.text for entry in last.values} == {"one", "two", "three"}  # the batch is kept whole
    assert not office.open_rows()


def test_a_limit_of_the_crm_does_not_hold_up_a_channel(office: Office) -> None:
    office.crm.script("log", limited(3600))
    office.write("one")
    customer = [{"kind": "email", "value": "ann@example.com"}]
    office.tell("MessageRequest", customer=customer, text="We call you.")
    assert [message.text for message in office.wire.sent] == ["We call you."]
    assert office.crm.counted()["one"] == 0


@pytest.mark.parametrize(
    "error", [RateLimited(retry_after=0), RateLimited(retry_after=-5), Transient(retry_after=0), Transient()]
)
def test_an_account_that_says_try_at_once_is_not_hammered(office: Office, error: Exception) -> None:
    office.crm.fall_ill(error)
    office.write("one")
    office.later(minutes=10)
    assert len(office.crm.asked("log")) < 100


@pytest.mark.parametrize("seconds", [1e12, float("inf"), float("nan")])
def test_an_absurd_wait_is_not_believed(office: Office, seconds: float) -> None:
    office.crm.script("log", limited(seconds))
    office.write("one")
    office.later(days=1)
    assert office.crm.counted()["one"] == 1


def test_a_success_elsewhere_does_not_end_a_pause(office: Office) -> None:
    with office.runtime.store.write() as tx:
        accounts.pause(office.runtime.store, tx, "fakecrm", "limited", timedelta(seconds=30))
    with office.runtime.store.write() as tx:  # a call that was under way when the limit was hit
        accounts.worked(office.runtime.store, tx, "fakecrm")
    with office.runtime.store.read() as tx:
        assert accounts.is_paused(office.runtime.store, tx, "fakecrm")


def test_a_shorter_pause_does_not_end_a_longer_one(office: Office) -> None:
    with office.runtime.store.write() as tx:
        accounts.pause(office.runtime.store, tx, "fakecrm", "limited", timedelta(seconds=30))
        accounts.pause(office.runtime.store, tx, "fakecrm", "busy")
    office.runtime.clock.advance(timedelta(seconds=29))  # type: ignore[attr-defined]
    with office.runtime.store.read() as tx:
        assert accounts.is_paused(office.runtime.store, tx, "fakecrm")


OUTAGES = [
    ("upsert", Transient("connection refused")),
    ("upsert", OutcomeUnknown("500")),
    ("upsert", AuthenticationError("expired")),
    ("upsert", ConnectionRefusedError()),
    ("lookup", OutcomeUnknown("500")),
    ("lookup", TimeoutError()),
    ("none", Transient("connection refused")),
]


@pytest.mark.parametrize(("duplicates", "error"), OUTAGES)
def test_an_outage_of_three_days_makes_no_dead_letters_and_everything_is_logged_once_after_it(
    office_with: MakeOffice, monkeypatch: pytest.MonkeyPatch, error: Exception, duplicates: str
) -> None:
    # probes are rarer than in production, so that three days are tried in a second
    monkeypatch.setattr(accounts, "FIRST_PAUSE", timedelta(seconds=20))
    monkeypatch.setattr(accounts, "LONGEST_PAUSE", timedelta(hours=4))
    monkeypatch.setattr(receipts, "AUTHENTICATION_PAUSE", timedelta(hours=4))
    office = office_with(duplicates)
    office.introduce("ann")
    office.crm.fall_ill(error)
    written = []
    for day in range(3):
        texts = [f"day {day}, {number}" for number in range(15)]
        office.write(*texts)
        office.write(f"stranger {day}", who=f"stranger{day}@example.com")
        written += [*texts, f"stranger {day}"]
        office.later(days=1)
    assert not [row for row in office.rows() if row.state in (DEAD, UNKNOWN)]
    office.crm.recover()
    office.later(hours=5)
    assert office.crm.counted() == Counter(["hello from ann", *written])
    assert not office.open_rows()


def test_an_account_that_failed_is_probed_with_one_value_before_it_gets_all(office: Office) -> None:
    office.crm.fall_ill(OutcomeUnknown("500"))
    office.write(*(f"m{number}" for number in range(10)))
    office.later(hours=1)
    probes = office.crm.asked("log")[2:]
    assert {len(call.values) for call in probes} == {1}
    office.crm.recover()
    before = len(office.crm.asked("log"))
    office.later(minutes=2)
    assert not office.open_rows()
    assert len(office.crm.asked("log")) - before <= 4


# Rows in flight whose worker is gone


@pytest.mark.parametrize("duplicates", ["upsert", "lookup"])
@pytest.mark.parametrize("where", CRASHES)
def test_a_worker_killed_anywhere_loses_nothing_and_doubles_nothing(
    office_with: MakeOffice, duplicates: str, where: str
) -> None:
    office = office_with(duplicates, lookup_lag=timedelta(seconds=15))
    office.introduce("ann")
    with office.killed(where):
        office.write("one", "two", "three")
    office.later(minutes=5)
    assert office.crm.counted() == Counter(["hello from ann", "one", "two", "three"])
    assert not office.open_rows()


def test_a_row_in_flight_is_sent_again_when_its_lease_ends_where_the_crm_recognises_it(office: Office) -> None:
    with office.killed("before the call"):
        office.write("one")
    office.later(seconds=29)
    assert office.crm.counted()["one"] == 0
    office.later(seconds=2)
    assert office.crm.counted()["one"] == 1


@pytest.mark.parametrize("stored", [True, False])
def test_a_row_in_flight_is_looked_up_and_never_before_the_calls_end_and_the_lag(
    office_with: MakeOffice, stored: bool
) -> None:
    office = office_with("lookup", lookup_lag=timedelta(minutes=2))
    office.introduce("ann")
    marked = office.now
    with office.killed("before the write-down" if stored else "before the call"):
        office.write("one")
    office.later(minutes=10)
    [looked] = office.crm.asked("find_written")
    assert looked.at >= marked + timedelta(seconds=20, minutes=2)
    assert looked.at <= marked + timedelta(minutes=3)
    assert office.crm.counted()["one"] == 1
    assert not office.open_rows()


def test_a_lookup_is_put_off_to_its_time_without_being_asked_for(office_with: MakeOffice) -> None:
    office = office_with("lookup", lookup_lag=timedelta(minutes=2))
    office.introduce("ann")
    with office.killed("before the write-down"):
        office.write("one")
    office.later(seconds=130)
    assert office.crm.asked("find_written") == []
    assert office.row("one").next_at == office.row("one").marked_at + timedelta(seconds=140)


LOOKUP_FAILURES = {
    "over a limit": limited(30),
    "transient": failing(Transient("busy")),
    "refused credentials": failing(AuthenticationError("expired")),
    "lost": failing(OutcomeUnknown("reset")),
    "a bug": failing(KeyError("id")),
    "refused": failing(Rejected("no such field")),
    "too few answers": Act(receipts=1),
}


@pytest.mark.parametrize("failure", LOOKUP_FAILURES)
def test_a_lookup_that_fails_leaves_the_row_in_doubt(office_with: MakeOffice, failure: str) -> None:
    office = office_with("lookup")
    office.introduce("ann")
    office.crm.script("log", lost())
    office.crm.script("find_written", LOOKUP_FAILURES[failure])
    office.write("one", "two")
    office.later(hours=1)
    assert office.crm.counted() == Counter(["hello from ann", "one", "two"])
    assert not office.open_rows()


def test_a_row_in_flight_is_sent_again_as_an_entry_where_nobody_can_tell(office_with: MakeOffice) -> None:
    office = office_with("none")
    office.introduce("ann")
    with office.killed("before the write-down"):
        office.write("one")
    office.later(minutes=1)
    assert office.crm.counted()["one"] == 2


@pytest.mark.parametrize("sent", [True, False])
def test_a_message_in_flight_is_set_aside_as_unknown_where_nobody_can_tell(office: Office, sent: bool) -> None:
    customer = [{"kind": "email", "value": "ann@example.com"}]
    with office.killed("before the write-down" if sent else "before the call"):
        office.tell("MessageRequest", customer=customer, text="We call you.")
    office.later(hours=1)
    [row] = office.rows("message")
    assert row.state == UNKNOWN
    assert row.reason
    assert len(office.wire.sent) == sent


def test_a_message_whose_answer_was_lost_is_set_aside_and_the_others_of_its_call_are_too(office: Office) -> None:
    office.wire.fail_after_sending(TimeoutError())
    customer = [{"kind": "email", "value": "ann@example.com"}]
    for text in ("one", "two"):
        office.tell("MessageRequest", customer=customer, text=text, settle=False)
    office.settle()
    office.later(hours=1)
    assert [row.state for row in office.rows("message")] == [UNKNOWN, UNKNOWN]
    assert len(office.wire.sent) == 1


def test_messages_that_were_certainly_not_sent_are_sent_later(office: Office) -> None:
    office.wire.fail_before_sending(Transient("busy"))
    customer = [{"kind": "email", "value": "ann@example.com"}]
    office.tell("MessageRequest", customer=customer, text="one")
    office.later(hours=1)
    office.wire.fail_before_sending(None)
    office.later(hours=1)
    assert [row.state for row in office.rows("message")] == [DONE]
    assert len(office.wire.sent) == 1


# Workers that come too late


def test_a_stopped_worker_whose_lease_ended_cannot_write_down_what_it_did(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_down = outward.write_down

    def sleep_through_the_lease(desk: Any, answers: Any, **_: Any) -> None:
        monkeypatch.setattr(outward, "write_down", write_down)
        office.runtime.clock.advance(timedelta(seconds=31))  # type: ignore[attr-defined]
        office.crm.script("log", WELL)
        work(office.runtime, ENTRIES)  # somebody else has taken the row over
        assert office.row("one").state == DONE
        write_down(desk, [(row, Rejected("too late")) for row, _ in answers])

    monkeypatch.setattr(outward, "write_down", sleep_through_the_lease)
    office.write("one")
    assert office.row("one").state == DONE
    assert office.row("one").reason is None


@pytest.mark.parametrize("slept", [11, 3600])
def test_a_worker_that_was_stopped_after_its_claim_does_not_send(
    office: Office, monkeypatch: pytest.MonkeyPatch, slept: float
) -> None:
    send, stopwatch = outward._send, office.runtime.stopwatch

    def sleep_first(*args: Any) -> None:
        monkeypatch.setattr(outward, "_send", send)
        object.__setattr__(office.runtime, "stopwatch", lambda: stopwatch() + slept)
        before = len(office.crm.asked("log"))
        send(*args)
        assert len(office.crm.asked("log")) == before
        object.__setattr__(office.runtime, "stopwatch", stopwatch)

    monkeypatch.setattr(outward, "_send", sleep_first)
    office.write("one", "two")
    office.later(minutes=1)
    assert office.crm.counted() == Counter(["hello from ann", "one", "two"])


def test_a_plugin_slower_than_the_lease_gets_the_time_it_asks_for(office_with: MakeOffice) -> None:
    office = office_with(deadline_s=60.0)
    office.write("one")
    assert office.crm.counted()["one"] == 1


# Revisions


def test_revisions_that_rise_before_the_call_are_one_entry(office: Office) -> None:
    office.call("missed", settle=False)
    office.call("missed", settle=False, recording_url="https://pbx.example.com/r/1")
    office.call("missed", settle=False, comment="rang twice")
    office.settle()
    [record] = [r for r in office.crm.records(LogEntry) if r.value.text == "a call"]
    assert len(record.values) == 1
    assert record.value.comment == "rang twice"


def test_a_revision_that_rises_during_the_call_is_written_after_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = outward._call

    def learn_more_meanwhile(*args: Any) -> Any:
        answers = call(*args)
        if args[0].account == "fakecrm" and args[1][0].kind == "entry":
            monkeypatch.setattr(outward, "_call", call)
            office.call("missed", settle=False, comment="learnt late")
            work(office.runtime, "inbox:wire")
        return answers

    monkeypatch.setattr(outward, "_call", learn_more_meanwhile)
    office.call("missed")
    [record] = [r for r in office.crm.records(LogEntry) if r.value.text == "a call"]
    assert [value.comment for value in record.values] == ["", "learnt late"]
    assert record.values[-1].revision > record.values[0].revision
    assert not office.open_rows()


@EVERY_WAY
def test_an_entry_never_goes_back_to_an_older_revision(office_with: MakeOffice, duplicates: str) -> None:
    office = office_with(duplicates)
    office.introduce("ann")
    office.call("missed")
    with office.killed("after the claim"):
        office.call("missed", comment="second")
    office.call("missed", comment="third", settle=False)
    office.later(hours=1)
    [record] = [r for r in office.crm.records(LogEntry) if r.value.text == "a call"]
    revisions = [value.revision for value in record.values]
    assert revisions == sorted(revisions)
    assert record.value.comment == "third"


@pytest.mark.parametrize("updates_entries", [True, False])
def test_a_change_whose_answer_was_lost_arrives_all_the_same(office_with: MakeOffice, updates_entries: bool) -> None:
    office = office_with("lookup", updates_entries=updates_entries)
    office.introduce("ann")
    office.call("missed")
    office.crm.script("log", failing(OutcomeUnknown("reset")))
    office.call("missed", comment="rang twice")
    office.later(hours=1)
    said = [text for entry in office.crm.entries() for text in (entry.text, entry.comment)]
    assert said.count("rang twice") == 1
    assert not office.open_rows()


@pytest.mark.parametrize("said", [Receipt.accepted, Receipt.duplicate])
@pytest.mark.parametrize("error", [OutcomeUnknown("reset"), KeyError("id")], ids=["a lost answer", "a bug"])
def test_what_became_known_after_a_first_call_that_broke_off_arrives(
    office: Office, monkeypatch: pytest.MonkeyPatch, error: Exception, said: Callable[[str], Receipt]
) -> None:
    log = FakeCRM.log

    def keep_the_first(crm: FakeCRM, entries: Sequence[LogEntry]) -> Iterator[Receipt]:
        for entry in entries:
            there = [r.id for r in crm.records(LogEntry) if not entry.entry_id and r.values[0].key == entry.key]
            yield from map(said, there) if there else log(crm, [entry])

    monkeypatch.setattr(FakeCRM, "log", keep_the_first)
    office.introduce("ann")
    office.crm.script("log", lost(error))
    office.call("missed")
    office.call("missed", comment="rang twice", settle=False)
    office.later(hours=1)
    [record] = [r for r in office.crm.records(LogEntry) if r.value.text == "a call"]
    assert record.value.comment == "rang twice"
    assert not office.open_rows()


def test_a_note_whose_answer_was_lost_is_not_doubled(office_with: MakeOffice) -> None:
    office = office_with("lookup", updates_entries=False)
    office.introduce("ann")
    office.call("missed")
    office.crm.script("log", lost())
    office.call("missed", comment="rang twice")
    office.later(hours=1)
    assert office.crm.counted()["rang twice"] == 1
    assert not office.open_rows()


def test_a_crm_that_cannot_update_gets_one_note_for_what_became_known(office_with: MakeOffice) -> None:
    office = office_with(updates_entries=False)
    office.call("missed")
    office.call("missed", comment="rang twice", recording_url="https://pbx.example.com/r/1")
    call, note = office.crm.entries()
    assert (call.text, call.comment) == ("a call", "")
    assert note.kind == "note"
    assert note.text == "rang twice\nRecording: https://pbx.example.com/r/1"


# A person before their entries


def test_two_first_contacts_at_once_make_one_person_and_both_are_theirs(office_with: MakeOffice) -> None:
    office = office_with(batch_size=1)
    office.write("one", "two", who="bob@example.com")
    [bob] = office.crm.records(type(office.crm.people()[0]))
    assert {entry.person_id for entry in office.crm.entries()} == {bob.id}
    assert office.crm.counted() == Counter(["one", "two"])
    methods = [call.method for call in office.crm._asked if call.method in ("create_people", "log")]
    assert methods == ["create_people", "log", "log"]


def test_an_entry_waits_while_its_person_cannot_be_made(office: Office) -> None:
    office.crm.script("create_people", failing(Transient("busy", retry_after=600)))
    office.write("one", who="bob@example.com")
    assert office.row("one").state == WAITING
    office.later(minutes=11)
    assert office.row("one").state == DONE


def test_a_refused_person_sets_the_waiting_entries_aside_with_the_reason(office: Office) -> None:
    office.crm.refuse("email:bob@example.com", "The address is forbidden.")
    office.write("one", "two", who="bob@example.com")
    for text in ("one", "two"):
        assert office.row(text).state == DEAD
        assert "The address is forbidden." in office.row(text).reason


def test_a_person_who_was_refused_is_tried_again_at_their_next_contact(office: Office) -> None:
    office.crm.refuse("email:bob@example.com")
    office.write("one", who="bob@example.com")
    office.write("two", who="bob@example.com")
    assert {office.row(text).state for text in ("one", "two")} == {DEAD}  # and nothing waits for ever
    office.crm.recover()
    office.write("three", who="bob@example.com")
    assert not office.open_rows()
    assert office.crm.counted() == Counter(["hello from ann", "one", "two", "three"])


def test_a_person_whom_the_crm_knows_already_is_not_made_again(office: Office) -> None:
    customer = {"kind": "email", "value": "ann@example.com"}
    with office.runtime.store.write() as tx:
        from cxsdk.store.tables import customers

        tx.execute(customers.update().values(person_id=None))  # our database forgot, the CRM did not
    office.tell(sender=customer, text="one")
    assert len(office.crm.people()) == 1
    assert office.crm.counted()["one"] == 1


# What is written down together


def test_a_mistake_in_what_follows_from_one_receipt_harms_nobody_else(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cxsdk.journeys.entries import EntryDesk

    done = EntryDesk.done

    def stumble(desk: EntryDesk, tx: Any, finished: Any) -> None:
        if "two" in {row.body["text"] for row, _ in finished}:
            raise LookupError("a mistake of ours")
        done(desk, tx, finished)

    monkeypatch.setattr(EntryDesk, "done", stumble)
    office.write("one", "two", "three")
    office.later(hours=1)
    assert office.row("one").state == office.row("three").state == DONE
    assert office.row("two").state == DEAD
    assert "a mistake of ours" in office.row("two").reason
    assert office.crm.counted()["two"] == 1


def test_receipts_survive_a_database_that_fails_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    from cxsdk.errors import StoreUnavailable

    still_ours = receipts.still_ours

    def fail_once(*args: Any) -> None:
        monkeypatch.setattr(receipts, "still_ours", still_ours)
        raise StoreUnavailable("restarting")

    monkeypatch.setattr(receipts, "still_ours", fail_once)
    office.write("one")
    assert office.row("one").state == DONE


def test_times_of_marks_are_comparable(office: Office) -> None:
    with office.killed("before the write-down"):
        office.write("one")
    assert isinstance(office.row("one").marked_at, datetime)
    assert office.row("one").marked_at == office.now


# People whom the CRM has no more: merged by a user, converted, or deleted


def merge(office: Office, lost: str, kept: str) -> tuple[str, str]:
    """A user of the CRM makes two of its people one; tells the ids of both."""
    ids = {record.value.identities[0].value: record.id for record in office.crm.records(Person)}
    gone, stays = ids[f"{lost}@example.com"], ids[f"{kept}@example.com"]
    office.crm.merge_people(gone, stays)
    return gone, stays


@EVERY_WAY
def test_what_goes_to_a_person_who_was_merged_away_reaches_the_one_who_was_kept(
    office_with: MakeOffice, duplicates: str
) -> None:
    office = office_with(duplicates)
    office.introduce("ann", "bob")
    _, kept = merge(office, "ann", "bob")
    office.write("one", "two", who="ann@example.com")
    office.later(hours=1)
    there = [(entry.text, entry.person_id) for entry in office.crm.entries()]
    assert sorted(there)[-2:] == [("one", kept), ("two", kept)]
    assert office.open_rows() == Counter()


def test_what_waits_for_a_stranger_reaches_whom_they_turn_out_to_be_part_of(office: Office) -> None:
    """Whoever bought without ever having talked to anybody is no person of the CRM, and none is owed."""
    ann, phone = {"kind": "email", "value": "ann@sample.example"}, {"kind": "phone", "value": "+12125550123"}
    office.tell("BusinessEvent", kind="purchase", customer=[ann])
    office.later(minutes=1)
    office.tell(direction="inbound", sender=phone, text="one", settle=False)
    work(office.runtime, "inbox:wire")
    office.tell("IdentityClaim", identities=[phone, ann], settle=False)
    work(office.runtime, "inbox:wire")
    office.settle()
    [made] = [record.value for record in office.crm.records(Person) if len(record.value.identities) == 2]
    assert {identity.value for identity in made.identities} == {"ann@sample.example", "+12125550123"}
    assert office.row("one").state == DONE
    assert office.open_rows() == Counter()


def test_a_person_whom_nobody_has_any_more_is_made_again(office: Office) -> None:
    [ann] = office.crm.records(Person)
    office.introduce("bob")
    merge(office, "ann", "bob")
    [bob] = office.crm.records(Person)
    office.crm._ledger.pop(bob.id)
    office.write("one")
    office.later(hours=1)
    [made] = office.crm.records(Person)
    assert made.id not in (ann.id, bob.id)
    assert office.row("one").state == DONE


def test_a_task_of_a_person_who_is_gone_is_saved_for_the_one_who_is_found(office: Office) -> None:
    office.introduce("bob")
    _, kept = merge(office, "ann", "bob")
    office.call("missed", sender={"kind": "email", "value": "ann@example.com"})
    office.later(hours=1)
    assert [task.person_id for task in office.crm.tasks()] == [kept]


def test_a_crm_that_finds_whom_it_does_not_have_is_not_asked_for_ever(office: Office) -> None:
    [ann] = office.crm.records(Person)
    office.crm.script("log", *[failing(PersonGone("no such contact"))] * 20)
    office.write("one")
    office.later(hours=3)
    assert office.row("one").state == DEAD
    assert "no such contact" in office.row("one").reason
    assert len(office.crm.asked("log")) <= 2 * (1 + receipts.LOOKUPS) + 1
    assert [record.id for record in office.crm.records(Person)] == [ann.id]


def test_that_a_person_is_looked_up_again_stands_in_the_ledger(office: Office) -> None:
    office.introduce("bob")
    gone, _ = merge(office, "ann", "bob")
    office.write("one")
    with office.runtime.store.read() as tx:
        told = [row for row in tx.execute(select(decisions)) if row.reason == "person_gone"]
    assert [gone in row.text for row in told] == [True]


def test_who_the_channel_knows_to_want_no_messages_has_opted_out(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Any, messages: list[Message]) -> list[Receipt]:
        return [Receipt.opted_out("they replied STOP") for _ in messages]

    monkeypatch.setattr(type(office.wire), "send", refuse)
    office.tell("MessageRequest", customer=[{"kind": "email", "value": "ann@example.com"}], text="We call you.")
    [ann] = [row for row in office.rows(table=customers) if row.merged_into is None]
    assert ann.opted_out_at == office.now
    with office.runtime.store.read() as tx:
        assert any("they replied STOP" in row.text for row in tx.execute(select(decisions)))
