"""A person decides on what was set aside: it is tried again without doubles, or dropped with nobody left waiting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest

from cxsdk import OutcomeUnknown, Raw, Rejected, Transient
from cxsdk.errors import BadInput
from cxsdk.journeys import dead_letters
from cxsdk.journeys.erasing import forget
from cxsdk.journeys.housekeeping import purge_raw
from cxsdk.journeys.messages import MessageDesk
from cxsdk.journeys.reasons import answer_in, why
from cxsdk.journeys.receipts import RETRY_WAITS
from cxsdk.store import aside, decisions, inbox
from cxsdk.store.aside import Ref, Wanted
from cxsdk.store.inbox import Arrival, Stored
from cxsdk.store.tables import CANCELLED, DEAD, DONE, OWED, UNKNOWN, WAITING, due, outbox, promises, tasks
from cxsdk.store.tables import inbox as records
from cxsdk.store.tables import invitations as invitations_table
from cxsdk.testing.crm import fake_crm
from cxsdk_localcrm import LocalCRM
from tests.acceptance.conftest import Company
from tests.acceptance.office import Office, office_of

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ANN = [{"kind": "email", "value": "ann@example.com"}]

MakeOffice = Callable[..., Office]
ANY_ROW = Wanted()


@pytest.fixture
def office_with() -> Iterator[MakeOffice]:
    with ExitStack() as stack:

        def make(*args: Any, **capabilities: Any) -> Office:
            office = stack.enter_context(office_of(fake_crm(*args, **capabilities)))
            office.introduce("ann")
            return office

        yield make


@pytest.fixture
def office(office_with: MakeOffice) -> Office:
    """An office with the plainest CRM. Ann is known there."""
    return office_with()


def named(row: Any, table: str = "outbox") -> Ref:
    return Ref(table, row.id)


def retried(office: Office | Company, *rows: Any, **how: Any) -> list[Ref]:
    """These rows are owed again, and what is owed is done."""
    done = dead_letters.retry(office.runtime, [named(row) for row in rows], **how).done
    office.installation.settle()
    return done


def refused_entry(office: Office, text: str = "one") -> Any:
    office.crm.refuse(text, "The timeline is closed.")
    office.write(text)
    office.crm.recover()
    row = office.row(text)
    assert row.state == DEAD
    return row


def counted(office: Office, wanted: Wanted = ANY_ROW) -> int:
    with office.runtime.store.read() as tx:
        return aside.count(tx, wanted)


def listed(office: Office, **wanted: Any) -> list[str]:
    with office.runtime.store.read() as tx:
        return [f"{one.kind} {one.row.state}" for one in aside.latest(tx, Wanted(**wanted))]


def refusal(act: Callable[[], Any]) -> str:
    with pytest.raises(BadInput) as refused:
        act()
    return refused.value.code


# Trying again


def test_a_refused_entry_is_logged_once_after_it_is_tried_again(office: Office) -> None:
    row = refused_entry(office)
    assert retried(office, row) == [named(row)]
    assert office.row("one").state == DONE
    assert office.row("one").reason is None
    assert office.crm.counted()["one"] == 1
    assert counted(office) == 0


def test_a_row_that_was_tried_to_the_end_gets_all_its_tries_again(office: Office) -> None:
    office.crm.choke_on("one", KeyError("id"))
    office.write("one")
    office.later(hours=48)
    row = office.row("one")
    assert (row.state, row.attempts) == (DEAD, len(RETRY_WAITS))
    retried(office, row)
    assert (office.row("one").state, office.row("one").attempts) == (OWED, 1)
    office.crm.recover()
    office.later(minutes=2)
    assert office.row("one").state == DONE
    assert office.crm.counted()["one"] == 1


def test_what_is_tried_again_is_rung_for_at_once(office: Office) -> None:
    row = refused_entry(office)
    rung: list[str] = []
    office.runtime.store.ring = rung.extend
    dead_letters.retry(office.runtime, [named(row)])
    assert rung == ["outbox:fakecrm:entry"]


def test_the_call_of_a_refused_message_that_is_tried_again_is_made_again(office: Office) -> None:
    office.wire.fail_before_sending(Rejected("550 no such mailbox"))
    office.tell("MessageRequest", customer=ANN, text="We call you.")
    [row] = office.rows("message")
    assert row.state == DEAD
    office.wire.fail_before_sending(None)
    retried(office, row)
    assert [message.text for message in office.wire.sent] == ["We call you."]
    assert office.rows("message")[0].state == DONE


@pytest.mark.parametrize("first", ["person", "entry"])
def test_an_entry_whose_person_was_refused_is_logged_whichever_of_the_two_is_tried_again(
    office: Office, first: str
) -> None:
    office.crm.refuse("email:bob@example.com", "The address is forbidden.")
    office.write("one", "two", who="bob@example.com")
    office.crm.recover()
    assert listed(office) == ["entry dead", "entry dead", "person dead"]
    [person] = [row for row in office.rows("person") if row.state == DEAD]
    retried(office, person if first == "person" else office.row("one"))
    assert not office.open_rows()
    assert office.crm.counted() == Counter(["hello from ann", "one", "two"])
    assert len(office.crm.people()) == 2


def test_an_entry_waits_for_its_person_who_is_owed_again_with_it(office: Office) -> None:
    office.crm.refuse("email:bob@example.com")
    office.write("one", who="bob@example.com")
    dead_letters.retry(office.runtime, [named(office.row("one"))])
    assert office.row("one").state == WAITING
    assert [row.state for row in office.rows("person")] == [DONE, OWED]
    office.settle()  # and is refused once more
    assert listed(office) == ["entry dead", "person dead"]


@pytest.mark.parametrize("stored", [True, False])
def test_what_may_be_in_a_crm_that_looks_up_is_looked_for_before_it_is_sent_again(
    office_with: MakeOffice, stored: bool
) -> None:
    office = office_with("lookup")
    with office.killed("before the write-down" if stored else "before the call"):
        office.write("one")
    [row] = [row for row in office.rows("entry") if row.marked_at is not None]
    with office.runtime.store.write() as tx:
        tx.execute(outbox.update().where(outbox.c.id == row.id).values(state=DEAD, reason="tried to the end"))
    dead_letters.retry(office.runtime, [named(row)])
    office.later(minutes=5)
    assert office.crm.asked("find_written")
    assert office.crm.counted()["one"] == 1
    assert office.row("one").state == DONE


def test_a_record_is_understood_when_its_plugin_has_learned_to(office: Office) -> None:
    office.receive({"fact": "NeverHeardOf", "text": "one"}, "e-new")
    office.settle()
    [record] = [row for row in office.rows(table=records) if row.state == DEAD]
    assert listed(office) == ["record dead"]
    told = b'{"fact":"InteractionFact","key":"n","at":"2026-01-05T12:00:00Z","direction":"inbound","text":"one",'
    told += b'"sender":{"kind":"email","value":"ann@example.com"}}'
    with office.runtime.store.write() as tx:  # stands for a parser that reads it now
        tx.execute(records.update().where(records.c.id == record.id).values(body=told))
    dead_letters.retry(office.runtime, [named(record, "inbox")])
    office.settle()
    assert office.crm.counted()["one"] == 1
    assert counted(office) == 0


def test_a_look_that_failed_is_taken_again(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    from cxsdk.journeys import contacts, lanes

    def stumble(*_: Any) -> None:
        raise LookupError("a mistake of ours")

    monkeypatch.setitem(lanes.DUE, contacts.CALL_LANE, stumble)
    office.call("ringing")
    office.later(hours=3)
    assert listed(office) == ["look dead"]
    [look] = office.rows(table=due)
    assert "a mistake of ours" in look.reason
    assert refusal(lambda: dead_letters.drop(office.runtime, [named(look, "due")])) == "look_not_droppable"
    monkeypatch.undo()
    dead_letters.retry(office.runtime, [named(look, "due")])
    office.settle()
    assert office.crm.counted()["a call"] == 1
    assert office.rows(table=due) == []


# What may have arrived


@pytest.fixture
def doubtful(office: Office) -> Office:
    """Two messages, of which nobody knows whether they arrived; the second did not."""
    office.wire.fail_after_sending(OutcomeUnknown("reset"))
    for text in ("one", "two"):
        office.tell("MessageRequest", customer=ANN, text=text, settle=False)
    office.settle()
    office.later(hours=1)
    office.wire.fail_after_sending(None)
    assert [row.state for row in office.rows("message")] == [UNKNOWN, UNKNOWN]
    assert [message.text for message in office.wire.sent] == ["one"]
    return office


def test_a_message_that_may_have_arrived_is_not_sent_again_by_accident(doubtful: Office) -> None:
    one, _ = doubtful.rows("message")
    before = doubtful.rows("message")
    assert refusal(lambda: retried(doubtful, one)) == "may_be_doubled"
    assert doubtful.rows("message") == before
    assert len(doubtful.wire.sent) == 1


def test_a_message_that_may_have_arrived_is_sent_again_if_a_double_does_not_matter(doubtful: Office) -> None:
    _, two = doubtful.rows("message")
    retried(doubtful, two, even_if_doubled=True)
    assert [message.text for message in doubtful.wire.sent] == ["one", "two"]
    assert [row.state for row in doubtful.rows("message")] == [UNKNOWN, DONE]


def test_all_is_all_but_what_may_have_arrived(doubtful: Office) -> None:
    row = refused_entry(doubtful, "entry")
    told = list(dead_letters.retry_all(doubtful.runtime, Wanted()))
    assert [ref for some in told for ref in some.done] == [named(row)]
    assert [left.code for some in told for left in some.left] == ["may_be_doubled"] * 2
    doubtful.settle()
    assert doubtful.crm.counted()["entry"] == 1
    assert len(doubtful.wire.sent) == 1


def test_what_was_answered_to_a_message_in_doubt_is_kept_with_it(office: Office) -> None:
    office.wire.fail_after_sending(OutcomeUnknown("POST was answered with 500.", status=500, body="upstream died"))
    office.tell("MessageRequest", customer=ANN, text="one")
    office.later(hours=1)
    [row] = office.rows("message")
    assert row.state == UNKNOWN
    assert "cut off" in why(row.reason)
    assert "POST was answered with 500." in why(row.reason)
    assert answer_in(row.reason) == "500\nupstream died"


# All together, or not at all


def test_of_rows_that_are_named_none_is_changed_where_one_cannot_be(doubtful: Office) -> None:
    entry = refused_entry(doubtful, "entry")
    in_doubt = doubtful.rows("message")[0]
    assert refusal(lambda: retried(doubtful, entry, in_doubt)) == "may_be_doubled"
    assert doubtful.row("entry").state == DEAD


@pytest.mark.parametrize("act", [dead_letters.retry, dead_letters.drop])
def test_a_row_that_is_not_there_or_not_set_aside_is_refused_and_nothing_changed(
    office: Office, act: Callable[..., Any]
) -> None:
    row = refused_entry(office)
    [fine] = [row for row in office.rows("entry") if row.state == DONE]
    before = office.rows()
    assert refusal(lambda: act(office.runtime, [named(row), named(fine)])) == "row_not_aside"
    assert refusal(lambda: act(office.runtime, [named(row), Ref("outbox", 4711)])) == "row_unknown"
    assert office.rows() == before


def test_of_rows_that_are_described_those_of_an_account_that_is_gone_are_left(office: Office) -> None:
    row = refused_entry(office)
    with office.runtime.store.write() as tx:
        gone = {"account": "oldcrm", "lane": "outbox:oldcrm:entry"}
        tx.execute(outbox.update().where(outbox.c.id == row.id).values(gone))
    other = refused_entry(office, "two")
    assert refusal(lambda: retried(office, row)) == "account_unknown"
    told = list(dead_letters.retry_all(office.runtime, Wanted()))
    assert [(left.ref, left.code) for some in told for left in some.left] == [(named(row), "account_unknown")]
    assert [ref for some in told for ref in some.done] == [named(other)]
    told = list(dead_letters.drop_all(office.runtime, Wanted(account="oldcrm")))
    assert [ref for some in told for ref in some.done] == [named(row)]
    assert counted(office) == 0


def test_many_rows_are_tried_again_some_each_second_and_some_each_transaction(office: Office) -> None:
    template = refused_entry(office)._asdict()
    copies = [{**template, "id": None, "key": f"copy-{number}"} for number in range(450)]
    with office.runtime.store.write() as tx:
        tx.execute(outbox.insert(), [{k: v for k, v in copy.items() if k != "id"} for copy in copies])
    told = [len(some.done) for some in dead_letters.retry_all(office.runtime, Wanted(kinds=frozenset({"entry"})))]
    assert sum(told) == 451
    assert max(told) == aside.BATCH
    seconds = Counter((row.next_at - office.now).total_seconds() for row in office.rows("entry") if row.state == OWED)
    assert seconds == {0: 200, 1: 200, 2: 51}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["record dead", "entry dead", "message unknown", "message unknown"]),
        ({"account": "wire"}, ["record dead", "message unknown", "message unknown"]),
        ({"account": "fakecrm"}, ["entry dead"]),
        ({"kinds": frozenset({"message"})}, ["message unknown", "message unknown"]),
        ({"kinds": frozenset({"record", "entry"})}, ["record dead", "entry dead"]),
        ({"kinds": frozenset({"look"})}, []),
        ({"state": UNKNOWN}, ["message unknown", "message unknown"]),
        ({"state": DEAD}, ["record dead", "entry dead"]),
        ({"state": UNKNOWN, "account": "fakecrm"}, []),
    ],
)
def test_rows_are_described_by_account_kind_and_state(
    doubtful: Office, wanted: dict[str, Any], found: list[str]
) -> None:
    refused_entry(doubtful)
    doubtful.receive({"fact": "NeverHeardOf"}, "bad")
    doubtful.settle()
    assert listed(doubtful, **wanted) == found
    assert counted(doubtful, Wanted(**wanted)) == len(found)


def test_rows_are_described_by_when_they_were_set_aside(office: Office) -> None:
    refused_entry(office, "one")
    office.crm.refuse("email:bob@example.com")
    office.write("two", who="bob@example.com")
    office.later(hours=5)
    refused_entry(office, "three")
    assert len(listed(office, since=office.now - HOUR)) == 1
    assert len(listed(office, since=office.now - 6 * HOUR)) == 4
    with office.runtime.store.read() as tx:
        assert {(office.now - one.set_aside_at) // HOUR for one in aside.latest(tx, Wanted())} == {0, 5}


def test_what_waited_long_was_set_aside_when_its_person_was(office: Office) -> None:
    office.crm.fall_ill(Transient("down"))
    office.write("one", who="bob@example.com")
    office.later(hours=5)
    office.crm.refuse("email:bob@example.com")
    office.crm.fall_ill(None)
    office.later(minutes=5)
    assert listed(office, since=office.now - HOUR) == ["entry dead", "person dead"]


# Dropping


def test_what_is_dropped_is_not_tried_again_and_says_why(office: Office) -> None:
    row = refused_entry(office)
    dead_letters.drop(office.runtime, [named(row)], "a test call")
    office.later(hours=48)
    dropped = office.row("one")
    assert dropped.state == CANCELLED
    assert dropped.reason == "Dropped by hand: a test call\nIt was set aside: The timeline is closed."
    assert office.crm.counted()["one"] == 0
    assert counted(office) == 0
    assert refusal(lambda: retried(office, row)) == "row_not_aside"


def test_a_contact_whose_entry_was_dropped_stays_dropped_when_more_becomes_known(office: Office) -> None:
    office.crm.refuse("a call")
    office.call("missed")
    office.crm.recover()
    dead_letters.drop(office.runtime, [named(office.row("a call"))])
    office.call("missed", recording_url="https://pbx.example.com/1")
    office.later(hours=48)
    assert office.row("a call").state == CANCELLED
    assert office.crm.counted()["a call"] == 0


def test_a_person_who_was_dropped_is_asked_for_again_at_their_next_contact(office: Office) -> None:
    office.crm.refuse("email:bob@example.com")
    office.write("one", who="bob@example.com")
    office.crm.recover()
    [person] = [row for row in office.rows("person") if row.state == DEAD]
    dead_letters.drop(office.runtime, [named(person)])
    office.write("two", who="bob@example.com")
    assert not office.open_rows()  # nothing waits for a row that nobody works on
    assert office.crm.counted() == Counter(["hello from ann", "one", "two"])


def test_what_corrects_a_record_that_was_dropped_is_taken_as_for_any_other(office: Office) -> None:
    office.receive({"fact": "NeverHeardOf"}, "e-bad")
    office.settle()
    [record] = [row for row in office.rows(table=records) if row.state == DEAD]
    dead_letters.drop(office.runtime, [named(record, "inbox")])
    fact = {"fact": "InteractionFact", "key": "n", "at": office.now.isoformat(), "sender": ANN[0], "text": "one"}
    corrected = Raw.of(fact, id="e-bad")
    with office.runtime.store.write() as tx:
        assert inbox.put(office.runtime.store, tx, [Arrival("wire", corrected)]) == [Stored.NEW]
    office.settle()
    assert office.crm.counted()["one"] == 1


def test_a_record_that_was_dropped_is_forgotten_with_the_others(office: Office) -> None:
    office.receive({"fact": "NeverHeardOf"}, "e-bad")
    office.settle()
    [record] = [row for row in office.rows(table=records) if row.state == DEAD]
    dead_letters.drop(office.runtime, [named(record, "inbox")])
    office.later(days=31)
    purge_raw(office.runtime, 30 * DAY)
    assert office.rows(table=records) == []


def test_a_record_that_was_dropped_goes_with_the_person_it_names(office: Office) -> None:
    office.receive({"fact": "NeverHeardOf", "who": "ann@example.com"}, "e-bad")
    office.settle()
    [record] = [row for row in office.rows(table=records) if row.state == DEAD]
    dead_letters.drop(office.runtime, [named(record, "inbox")])
    [ann] = {row.customer_id for row in office.rows("entry")}
    with office.runtime.store.write() as tx:
        forget(tx, ann)
    assert office.rows(table=records) == []


# Invitations


@pytest.fixture
def unsent(company: Company) -> Company:
    """An invitation was refused by the channel, which works again."""
    company.letters.refuse("ann@example.com")
    company.buys(order="A1")
    company.later(3 * HOUR)
    company.letters._refuses.clear()
    assert company.invitation(kind="post_purchase").state == "failed"
    return company


def message_of(company: Company) -> Any:
    [row] = company.rows(outbox, kind="message")
    return row


def test_an_invitation_that_failed_is_sent_after_all_and_can_be_answered(unsent: Company) -> None:
    retried(unsent, message_of(unsent))
    invitation = unsent.invitation(kind="post_purchase")
    assert (invitation.state, invitation.reason, invitation.sent_at) == ("sent", None, unsent.now)
    assert unsent.answers(q_csat="3", nonce="n1", step="score") == 303
    assert unsent.invitation(kind="post_purchase").state == "answered"


def test_the_ledger_tells_that_somebody_tried_again(unsent: Company) -> None:
    retried(unsent, message_of(unsent))
    with unsent.runtime.store.read() as tx:
        told = decisions.of_customer(tx, message_of(unsent).customer_id)
    said = [(row.rule, row.verdict) for row in told if row.subject == "invitation"]
    assert said[-2:] == [("channel", "fail"), ("operator", "retried")]


def test_an_invitation_that_fails_again_has_failed_again(unsent: Company) -> None:
    unsent.letters.refuse("ann@example.com")
    retried(unsent, message_of(unsent))
    assert unsent.invitation(kind="post_purchase").state == "failed"
    assert message_of(unsent).state == DEAD


def test_who_opted_out_meanwhile_is_not_written_to(unsent: Company) -> None:
    unsent.writes("stop")
    assert refusal(lambda: retried(unsent, message_of(unsent))) == "invitation_over"
    assert unsent.letters.sent == []
    assert message_of(unsent).state == DEAD


def test_what_was_taken_back_meanwhile_is_not_asked_about(unsent: Company) -> None:
    unsent.buys(kind="refund", order="A1")
    assert refusal(lambda: retried(unsent, message_of(unsent))) == "invitation_over"


def test_a_question_whose_link_has_expired_is_not_asked(unsent: Company) -> None:
    unsent.later(40 * DAY)
    [row] = [row for row in unsent.rows(outbox, kind="message") if row.state == DEAD]
    assert refusal(lambda: retried(unsent, row)) == "invitation_over"


def test_nothing_is_asked_while_a_case_is_open(unsent: Company) -> None:
    unsent.buys(kind="purchase", order="A2", at=(unsent.now - 20 * DAY).isoformat())
    unsent.later(DAY)
    unsent.answers(q_nps="0", nonce="n1", step="score")
    [row] = [row for row in unsent.rows(outbox, kind="message") if row.state == DEAD]
    assert refusal(lambda: retried(unsent, row)) == "invitation_held"
    assert row.state == DEAD


def test_at_night_an_invitation_waits_for_the_morning(unsent: Company) -> None:
    unsent.later(10 * HOUR)  # 1 o'clock
    dead_letters.retry(unsent.runtime, [named(message_of(unsent))])
    assert message_of(unsent).next_at.hour == 9
    unsent.later(HOUR)
    assert unsent.letters.sent == []
    unsent.later(8 * HOUR)
    assert len(unsent.letters.sent) == 1
    assert unsent.invitation(kind="post_purchase").state == "sent"


def test_an_opt_out_takes_back_an_invitation_that_waits_for_the_morning(unsent: Company) -> None:
    unsent.later(10 * HOUR)
    dead_letters.retry(unsent.runtime, [named(message_of(unsent))])
    unsent.writes("stop")
    unsent.later(DAY)
    assert unsent.letters.sent == []
    assert unsent.invitation(kind="post_purchase").state == "skipped"


@pytest.fixture
def in_doubt(company: Company, monkeypatch: pytest.MonkeyPatch) -> Company:
    """An invitation went out, the answer to it was lost, and the channel cannot tell."""
    monkeypatch.setattr(type(company.letters), "duplicates", "none")
    call = MessageDesk.call

    def lose(desk: Any, values: Any) -> Any:
        list(call(desk, values))
        raise OutcomeUnknown("reset")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MessageDesk, "call", lose)
        company.buys(order="A1")
        company.later(3 * HOUR)
    assert message_of(company).state == UNKNOWN
    return company


def test_an_invitation_in_doubt_is_sent_again_if_a_double_does_not_matter(in_doubt: Company) -> None:
    assert refusal(lambda: retried(in_doubt, message_of(in_doubt))) == "may_be_doubled"
    retried(in_doubt, message_of(in_doubt), even_if_doubled=True)
    assert len(in_doubt.letters.sent) == 2
    assert in_doubt.invitation(kind="post_purchase").state == "sent"


def test_an_invitation_in_doubt_that_was_answered_is_not_sent_again(in_doubt: Company) -> None:
    in_doubt.answers(q_csat="3", nonce="n1", step="score")
    assert in_doubt.invitation(kind="post_purchase").state == "answered"
    again = {"even_if_doubled": True}
    assert refusal(lambda: retried(in_doubt, message_of(in_doubt), **again)) == "invitation_over"
    dead_letters.drop(in_doubt.runtime, [named(message_of(in_doubt))])
    assert in_doubt.invitation(kind="post_purchase").state == "answered"


def test_an_invitation_whose_message_is_dropped_does_not_wait(unsent: Company) -> None:
    with unsent.runtime.store.write() as tx:  # as where an answer could not be written down
        tx.execute(invitations_table.update().values(state="scheduled"))
    dead_letters.drop(unsent.runtime, [named(message_of(unsent))])
    unsent.installation.settle()
    assert unsent.invitation(kind="post_purchase").state == "failed"


# Tasks


@pytest.fixture
def taskless(company: Company) -> Company:
    """A case whose task the CRM refused; it takes tasks again."""
    company.buys(order="A1", name="Sample Customer")
    company.later(14 * DAY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalCRM, "save_tasks", _refuse)
        company.answers(q_nps="3", nonce="n1", step="score")
    assert company.case().state == "open"
    assert company.open_tasks() == []
    return company


def _refuse(*_: Any) -> Any:
    raise Rejected("POST /tasks was answered with 422. Its owner is not active.", status=422, body="owner")


def task_of(company: Company) -> Any:
    [row] = company.rows(outbox, kind="task")
    return row


def test_a_task_that_is_tried_again_is_made_and_leads_on(taskless: Company) -> None:
    retried(taskless, task_of(taskless))
    [task] = taskless.open_tasks()
    taskless.finishes(task)
    assert taskless.case().state == "solved"


def test_a_task_that_a_customer_is_owed_is_not_dropped_by_the_way(taskless: Company) -> None:
    row = task_of(taskless)
    assert refusal(lambda: dead_letters.drop(taskless.runtime, [named(row)])) == "task_open"
    assert task_of(taskless) == row
    told = list(dead_letters.drop_all(taskless.runtime, Wanted()))
    assert [left.code for some in told for left in some.left] == ["task_open"]


def test_a_task_that_was_done_without_the_crm_lets_its_case_go_on(taskless: Company) -> None:
    dead_letters.drop(taskless.runtime, [named(task_of(taskless))], "called them myself", was_done=True)
    taskless.installation.settle()
    assert taskless.case().state == "solved"
    assert [task.done_at for task in taskless.rows(tasks)] == [taskless.now]
    assert all(promise.kept_at == taskless.now for promise in taskless.rows(promises))
    assert len(taskless.letters.sent) >= 2  # the last question went out
    taskless.answers(q_solved="0", nonce="n2", step="score")
    assert taskless.case().state == "reopened"


def test_a_missed_call_whose_task_was_dropped_does_not_hide_the_next_one(company: Company) -> None:
    call = {"kind": "call", "direction": "inbound", "sender": {"kind": "phone", "value": "+12125550123"}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalCRM, "save_tasks", _refuse)
        company.tell("InteractionFact", interaction="c1", state="missed", **call)
    dead_letters.drop(company.runtime, [named(task_of(company))], was_done=True)
    company.later(HOUR)
    company.tell("InteractionFact", interaction="c2", state="missed", **call)
    assert len(company.open_tasks()) == 1


def test_a_task_that_waits_is_transient_and_not_set_aside(company: Company) -> None:
    def busy(*_: Any) -> Any:
        raise Transient("busy")

    call = {"kind": "call", "direction": "inbound", "sender": {"kind": "phone", "value": "+12125550123"}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalCRM, "save_tasks", busy)
        company.tell("InteractionFact", interaction="c1", state="missed", **call)
    assert refusal(lambda: dead_letters.drop(company.runtime, [named(task_of(company))])) == "row_not_aside"


# What is kept of an answer


def test_a_reason_tells_what_the_provider_answered_without_secrets(office: Office) -> None:
    refused = Rejected(
        "POST /log was answered with 422.",
        status=422, provider_code="BAD_OWNER", request_id="r-1", body='{"error":"no","token":"sk-1234567"}',
    )  # fmt: skip
    office.crm.choke_on("one", refused)
    office.write("one")
    reason = office.row("one").reason
    assert why(reason) == "POST /log was answered with 422."
    assert answer_in(reason).startswith('422, code BAD_OWNER, request r-1\n{"error":"no"')
    assert "sk-1234567" not in reason


def test_the_ledger_does_not_repeat_a_providers_answer(taskless: Company) -> None:
    assert answer_in(task_of(taskless).reason) == "422\nowner"
    with taskless.runtime.store.read() as tx:
        told = [row.text for row in decisions.of_customer(tx, task_of(taskless).customer_id) if row.verdict == "fail"]
    assert told == ["localcrm: POST /tasks was answered with 422. Its owner is not active."]
