"""The closed loop: from an unhappy answer to the last question."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk.domain.ids import stable_id
from cxsdk.journeys.cases import _joined
from cxsdk.store.tables import cases, decisions, invitations, promises, responses, tasks
from tests.acceptance.conftest import NOON, Company

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def unhappy(company: Company) -> Company:
    """A customer has just answered 3 of 10."""
    company.buys(order="A1", name="Sample Customer")
    company.later(14 * DAY)
    company.answers(q_nps="3", nonce="n1", step="score")
    return company


def test_an_unhappy_score_opens_a_case_with_promises_and_a_task(unhappy: Company) -> None:
    assert unhappy.case().state == "open"
    made = {promise.kind: promise.due_at - promise.made_at for promise in unhappy.rows(promises)}
    assert made == {"contact": HOUR, "solve": DAY}
    [task] = unhappy.open_tasks()
    assert "3 of 10" in task["title"]
    assert task["due"] == unhappy.now + HOUR


def test_the_task_tells_everything(unhappy: Company) -> None:
    unhappy.writes("Where is my parcel?")
    unhappy.answers(q_comment="too slow", contact="on", phone="+12125550123", hours="mornings", nonce="n2", step="more")
    [task] = unhappy.open_tasks()
    for told in ("ann@example.com", "A1", "too slow", "+12125550123", "mornings", "Sample Customer"):
        assert told in task["text"]


@pytest.mark.parametrize("score", ["7", "10"])
def test_a_score_that_is_not_unhappy_opens_nothing(company: Company, score: str) -> None:
    company.buys()
    company.later(14 * DAY)
    company.answers(q_nps=score, nonce="n1", step="score")
    assert company.rows(cases) == []
    assert company.open_tasks() == []


def test_a_wish_to_be_contacted_opens_a_case_whatever_the_score(company: Company) -> None:
    company.buys()
    company.later(14 * DAY)
    company.answers(q_nps="10", contact="on", phone="+12125550123", nonce="n1", step="full")
    assert company.case().state == "open"
    [task] = company.open_tasks()
    assert "asks for it" in task["title"]


def test_who_asks_to_be_contacted_when_the_task_is_done_gets_another_one(unhappy: Company) -> None:
    page = unhappy.letters.sent[-1].link
    unhappy.finishes(unhappy.open_tasks()[0])
    unhappy.answers(page, contact="on", phone="+12125550123", nonce="n2", step="more")
    assert unhappy.case().state == "reopened"
    [task] = unhappy.open_tasks()
    assert "+12125550123" in task["text"]
    assert {promise.kind for promise in unhappy.rows(promises) if promise.kept_at is None} == {"contact", "solve"}


def test_who_asks_to_be_contacted_when_the_case_is_closed_opens_it_again(unhappy: Company) -> None:
    page = unhappy.letters.sent[-1].link
    unhappy.finishes(unhappy.open_tasks()[0])
    unhappy.answers(q_solved="1", nonce="c1", step="full")
    assert unhappy.case().state == "closed"
    unhappy.answers(page, contact="on", phone="+12125550123", nonce="n2", step="more")
    assert unhappy.case().state == "reopened"
    assert len(unhappy.open_tasks()) == 1


def test_a_comment_alone_when_the_task_is_done_is_no_new_task(unhappy: Company) -> None:
    page = unhappy.letters.sent[-1].link
    unhappy.finishes(unhappy.open_tasks()[0])
    unhappy.answers(page, q_comment="too slow", nonce="n2", step="more")
    assert unhappy.case().state == "solved"
    assert unhappy.open_tasks() == []


def test_a_second_unhappy_answer_joins_the_open_case(unhappy: Company) -> None:
    first = unhappy.case()
    unhappy.tell("BusinessEvent", kind="purchase", customer=[{"kind": "email", "value": "ann@example.com"}])
    unhappy.answers(q_nps="1", q_comment="worse", nonce="n9", step="full")
    assert unhappy.case().id == first.id
    assert len(unhappy.open_tasks()) == 1


@given(st.lists(st.tuples(st.integers(0, 3), st.text("ab \n-", max_size=9)), min_size=1))
def test_a_task_keeps_the_last_words_of_each_answer_whichever_changes_later(
    told: list[tuple[int, str]],
) -> None:
    marks = ["", *(stable_id("invitation", number) for number in range(3))]
    text = ""
    for number, words in told:
        text = _joined(text, marks[number], f"{words}<{number}>")
    for number, words in dict(told).items():
        assert text.count(f"<{number}>") == 1
        assert f"{words}<{number}>" in text


def test_an_automatic_message_is_no_contact(unhappy: Company) -> None:
    unhappy.agent_writes("Out of office", automatic=True)
    assert unhappy.case().state == "open"


def test_the_first_letter_of_an_agent_keeps_the_contact_promise(unhappy: Company) -> None:
    unhappy.later(timedelta(minutes=20))
    unhappy.agent_writes("What happened?")
    assert unhappy.case().state == "contacted"
    [kept] = [promise for promise in unhappy.rows(promises) if promise.kept_at]
    assert (kept.kind, kept.kept_at) == ("contact", unhappy.now)


def test_a_promise_that_nobody_keeps_is_broken_and_its_task_turns_urgent(unhappy: Company) -> None:
    unhappy.later(HOUR + timedelta(seconds=1))
    broken = [promise for promise in unhappy.rows(promises) if promise.broken_at]
    assert [promise.kind for promise in broken] == ["contact"]
    [task] = unhappy.rows(tasks)
    assert task.urgent


def test_the_task_done_solves_the_case_and_asks_the_last_question(unhappy: Company) -> None:
    [task] = unhappy.open_tasks()
    unhappy.finishes(task)
    assert unhappy.case().state == "solved"
    assert all(promise.kept_at for promise in unhappy.rows(promises))
    assert unhappy.invitation(kind="closing").state == "sent"


def test_solved_in_the_evening_is_asked_about_after_the_quiet_hours(unhappy: Company) -> None:
    unhappy.later(10 * HOUR)
    [task] = unhappy.open_tasks()
    unhappy.finishes(task)
    assert unhappy.invitation(kind="closing").state == "held"
    unhappy.later(11 * HOUR)
    assert unhappy.invitation(kind="closing").state == "sent"


def test_the_customer_confirms_and_the_case_is_closed(unhappy: Company) -> None:
    [task] = unhappy.open_tasks()
    unhappy.finishes(task)
    unhappy.answers(q_solved="1", q_tnps="9", nonce="c1", step="full")
    assert (unhappy.case().state, unhappy.case().outcome) == ("closed", "confirmed")


def test_the_customer_denies_and_the_case_is_open_again_with_a_new_task_and_promises(unhappy: Company) -> None:
    [task] = unhappy.open_tasks()
    unhappy.finishes(task)
    unhappy.later(HOUR)
    unhappy.answers(q_solved="0", nonce="c1", step="full")
    assert unhappy.case().state == "reopened"
    [again] = unhappy.open_tasks()
    assert again["id"] != task["id"]
    running = [promise for promise in unhappy.rows(promises) if promise.kept_at is None]
    assert {promise.due_at for promise in running} == {unhappy.now + HOUR, unhappy.now + DAY}


def test_the_second_round_can_be_solved_and_confirmed_too(unhappy: Company) -> None:
    unhappy.finishes(unhappy.open_tasks()[0])
    unhappy.answers(q_solved="0", nonce="c1", step="full")
    unhappy.finishes(unhappy.open_tasks()[0])
    unhappy.answers(q_solved="1", nonce="c2", step="full")
    assert unhappy.case().outcome == "confirmed"
    assert len(unhappy.rows(invitations, kind="closing")) == 2


def test_a_low_closing_score_opens_no_case(unhappy: Company) -> None:
    unhappy.finishes(unhappy.open_tasks()[0])
    unhappy.answers(q_solved="1", q_tnps="0", nonce="c1", step="full")
    assert unhappy.case().outcome == "confirmed"


def test_no_answer_in_seven_days_closes_the_case_unconfirmed(unhappy: Company) -> None:
    unhappy.finishes(unhappy.open_tasks()[0])
    unhappy.later(7 * DAY - HOUR)
    assert unhappy.case().state == "solved"
    unhappy.later(HOUR)
    assert (unhappy.case().state, unhappy.case().outcome) == ("closed", "unconfirmed")


def test_nothing_else_is_asked_while_a_case_is_open_and_then_it_is(company: Company) -> None:
    company.buys(order="A1")
    company.later(2 * HOUR)
    company.answers(q_csat="1", nonce="n1", step="score")
    assert company.case().state == "open"
    company.later(15 * DAY)
    assert company.invitation(kind="loyalty").state == "held"
    company.finishes(company.open_tasks()[0])
    assert company.invitation(kind="loyalty").state == "held"
    company.answers(q_solved="1", nonce="c1", step="full")
    company.later(DAY)
    assert company.invitation(kind="loyalty").state == "sent"


def test_a_task_that_is_deleted_is_made_again_once(unhappy: Company) -> None:
    [task] = unhappy.open_tasks()
    unhappy.crm.delete_task(task["id"])
    unhappy.installation.settle()
    [again] = unhappy.open_tasks()
    assert again["title"] == task["title"]
    unhappy.crm.delete_task(again["id"])
    unhappy.installation.settle()
    assert unhappy.open_tasks() == []


def test_the_task_that_was_made_again_solves_the_case(unhappy: Company) -> None:
    unhappy.crm.delete_task(unhappy.open_tasks()[0]["id"])
    unhappy.installation.settle()
    unhappy.finishes(unhappy.open_tasks()[0])
    assert unhappy.case().state == "solved"


def test_a_task_change_that_comes_before_the_receipt_waits_for_it(company: Company) -> None:
    company.buys()
    company.later(14 * DAY)
    company.answers(q_nps="3", nonce="n1", step="score")
    assert company.case().state == "open"


def test_opting_out_does_not_stop_the_case_but_the_closing_question(unhappy: Company) -> None:
    unhappy.writes("stop")
    unhappy.finishes(unhappy.open_tasks()[0])
    assert unhappy.invitation(kind="closing").reason == "opted_out"
    unhappy.later(7 * DAY)
    assert unhappy.case().outcome == "unconfirmed"


def test_every_step_is_in_the_ledger(unhappy: Company) -> None:
    unhappy.finishes(unhappy.open_tasks()[0])
    unhappy.answers(q_solved="1", nonce="c1", step="full")
    verdicts = [row.verdict for row in unhappy.rows(decisions, subject="case")]
    assert verdicts == ["open", "solved", "closed"]


def test_a_case_belongs_to_its_answer(unhappy: Company) -> None:
    [answer] = unhappy.rows(responses)
    assert answer.case_id == unhappy.case().id


def test_a_missed_call_is_a_task_to_call_back_within_five_minutes(company: Company) -> None:
    call = {"interaction": "c1", "kind": "call", "sender": {"kind": "phone", "value": "+12125550123"}}
    company.tell("InteractionFact", direction="inbound", state="missed", account="letters", **call)
    [task] = company.open_tasks()
    assert "+12125550123" in task["title"]
    assert task["due"] == NOON + timedelta(minutes=5)
    assert company.rows(cases) == []


def why(company: Company) -> list[tuple[str, str]]:
    """What the ledger says of call backs."""
    return [(row.verdict, row.text) for row in company.rows(decisions, rule="call_back")]


def test_the_ledger_tells_of_the_task_for_a_missed_call(company: Company) -> None:
    call = {"kind": "call", "direction": "inbound", "sender": {"kind": "phone", "value": "+12125550123"}}
    company.tell("InteractionFact", state="missed", interaction="c1", **call)
    made = ("create", "The call of 2026-01-05 12:00 UTC was missed: to be returned within 5 minutes.")
    assert why(company) == [made]
    company.tell("InteractionFact", comment="Rang twice", interaction="c1", **call)
    assert why(company) == [made]
    company.tell("InteractionFact", state="missed", interaction="c2", **call)
    assert why(company) == [made, ("skip", "No task: a call back is owed already.")]


@pytest.mark.parametrize(("age", "tasks"), [(timedelta(hours=24), 1), (timedelta(hours=24, seconds=1), 0)])
def test_a_call_that_is_told_of_a_day_late_is_not_returned_and_the_ledger_says_why(
    company: Company, age: timedelta, tasks: int
) -> None:
    caller = {"kind": "phone", "value": "+12125550123"}
    call = {"interaction": "c1", "kind": "call", "direction": "inbound", "state": "missed", "sender": caller}
    company.tell("InteractionFact", at=(NOON - age).isoformat(), **call)
    assert len(company.open_tasks()) == tasks
    assert len(list(company.crm.entries())) == 1
    assert (("skip", "No task: the call was 1 day old.") in why(company)) is not bool(tasks)


def test_the_ledger_says_why_who_withheld_the_number_is_not_called_back(company: Company) -> None:
    company.tell("InteractionFact", interaction="c1", kind="call", direction="inbound", state="missed")
    assert why(company) == [("skip", "No task: the caller withheld the number.")]
    assert company.open_tasks() == []


def test_a_call_back_keeps_the_promise_and_finishes_the_task(company: Company) -> None:
    caller = {"kind": "phone", "value": "+12125550123"}
    company.tell("InteractionFact", direction="inbound", state="missed", interaction="c1", kind="call", sender=caller)
    company.later(timedelta(minutes=3))
    back = {"interaction": "c2", "kind": "call", "recipient": caller, "direction": "outbound"}
    company.tell("InteractionFact", state="missed", **back)
    assert len(company.open_tasks()) == 1
    company.tell("InteractionFact", state="answered", **(back | {"interaction": "c3"}))
    assert company.open_tasks() == []
    [promise] = company.rows(promises)
    assert promise.kept_at is not None


def test_a_wish_to_be_contacted_is_not_met_by_work_that_was_done_before_it(unhappy: Company) -> None:
    page = unhappy.letters.sent[-1].link
    [task] = unhappy.open_tasks()
    done_at = unhappy.now
    unhappy.agent_writes("What happened?")
    unhappy.later(timedelta(minutes=30))
    unhappy.answers(page, contact="on", phone="+12125550123", nonce="n3", step="more")
    change = {"key": "late", "at": done_at.isoformat(), "task_id": task["id"], "done": True}
    unhappy.tell("TaskChange", **change)
    wishes = [promise for promise in unhappy.rows(promises) if promise.made_at == unhappy.now]
    assert [(promise.kind, promise.kept_at) for promise in wishes] == [("contact", None)]
