"""The life of a case, as a table and as any sequence of events."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk.domain.case import CaseState
from cxsdk.policy.cases import STEPS, CaseEvent, Follow, after

E, F, S = CaseEvent, Follow, CaseState
events = st.lists(st.sampled_from(CaseEvent), max_size=30)
HARMLESS_TWICE = {F.KEEP_CONTACT, F.UPDATE_TASK, F.RECORD_CONFIRMED, F.NEW_CASE}


def run(*happened: CaseEvent, start: CaseState = S.OPEN) -> CaseState:
    state = start
    for event in happened:
        state = after(state, event).state
    return state


def test_every_event_is_provided_for_in_every_state() -> None:
    assert set(STEPS) == {(state, event) for state in CaseState for event in CaseEvent}


@pytest.mark.parametrize(
    ("happened", "state"),
    [
        ([], S.OPEN),
        ([E.CONTACTED], S.CONTACTED),
        ([E.CONTACTED, E.CONSULTED], S.IN_REVIEW),
        ([E.CONTACTED, E.CONSULTED, E.TASK_DONE], S.SOLVED),
        ([E.TASK_DONE, E.CONFIRMED], S.CLOSED),
        ([E.TASK_DONE, E.UNANSWERED], S.CLOSED),
        ([E.TASK_DONE, E.DENIED], S.REOPENED),
        ([E.TASK_DONE, E.DENIED, E.CONTACTED], S.CONTACTED),
        ([E.TASK_DONE, E.UNANSWERED, E.DENIED], S.REOPENED),
        ([E.TASK_DONE, E.DENIED, E.CONFIRMED], S.REOPENED),
        ([E.TASK_DONE, E.JOINED], S.REOPENED),
        ([E.TASK_DONE, E.CONFIRMED, E.JOINED], S.CLOSED),
    ],
)
def test_a_case_takes_the_way_that_is_planned(happened: list[CaseEvent], state: CaseState) -> None:
    assert run(*happened) is state


def test_a_solved_task_keeps_both_promises_and_asks_the_last_question() -> None:
    assert after(S.OPEN, E.TASK_DONE).follow == (F.KEEP_CONTACT, F.KEEP_SOLVE, F.ASK_CLOSING)


def test_a_first_contact_keeps_the_contact_promise_alone() -> None:
    assert after(S.OPEN, E.CONTACTED).follow == (F.KEEP_CONTACT,)


@pytest.mark.parametrize("state", [S.SOLVED, S.CLOSED])
def test_a_customer_who_says_no_gets_a_new_task_and_new_promises(state: CaseState) -> None:
    assert after(state, E.DENIED).follow == (F.NEW_PROMISES, F.NEW_TASK)


def test_another_unhappy_answer_before_the_last_question_was_answered_reopens_the_case() -> None:
    assert after(S.SOLVED, E.JOINED).follow == (F.DROP_CLOSING, F.NEW_PROMISES, F.NEW_TASK)


def test_an_unhappy_answer_after_the_end_opens_a_case_of_its_own() -> None:
    assert after(S.CLOSED, E.JOINED).follow == (F.NEW_CASE,)


@pytest.mark.parametrize("state", [S.SOLVED, S.CLOSED])
def test_an_answer_that_goes_on_when_its_task_is_done_gets_a_new_task(state: CaseState) -> None:
    assert F.NEW_TASK in after(state, E.RENEWED).follow
    assert after(state, E.RENEWED).state is S.REOPENED


def test_a_closed_case_knows_whether_the_customer_agreed() -> None:
    assert after(S.SOLVED, E.CONFIRMED).follow == (F.RECORD_CONFIRMED,)
    assert after(S.SOLVED, E.UNANSWERED).follow == (F.RECORD_UNCONFIRMED,)
    assert after(S.CLOSED, E.CONFIRMED).follow == (F.RECORD_CONFIRMED,)


@pytest.mark.parametrize("state", [S.SOLVED, S.CLOSED])
@pytest.mark.parametrize("event", [E.CONTACTED, E.CONSULTED, E.TASK_DONE])
def test_late_news_of_the_work_changes_nothing_once_it_is_done(state: CaseState, event: CaseEvent) -> None:
    assert after(state, event).state is state
    assert after(state, event).follow == ()


@pytest.mark.parametrize("state", [state for state in CaseState if state.needs_work])
@pytest.mark.parametrize("event", [E.CONFIRMED, E.DENIED, E.UNANSWERED])
def test_an_answer_to_a_question_of_an_earlier_round_changes_nothing(state: CaseState, event: CaseEvent) -> None:
    assert after(state, event).state is state
    assert after(state, event).follow == ()


@pytest.mark.parametrize("order", list(permutations([E.CONTACTED, E.CONSULTED, E.TASK_DONE])))
@pytest.mark.parametrize("start", [S.OPEN, S.REOPENED])
def test_the_order_in_which_the_work_becomes_known_does_not_matter(
    start: CaseState, order: tuple[CaseEvent, ...]
) -> None:
    assert run(*order, start=start) is S.SOLVED


@pytest.mark.parametrize("start", CaseState)
def test_contact_and_review_end_the_same_in_either_order(start: CaseState) -> None:
    assert run(E.CONTACTED, E.CONSULTED, start=start) is run(E.CONSULTED, E.CONTACTED, start=start)


@pytest.mark.parametrize(("state", "event"), list(STEPS))
def test_an_event_that_is_repeated_is_harmless(state: CaseState, event: CaseEvent) -> None:
    once = after(state, event)
    twice = after(once.state, event)
    if state.needs_work or event not in (E.JOINED, E.RENEWED):  # an answer finds the new task, and tells it
        assert twice.state is once.state
    assert set(twice.follow) <= HARMLESS_TWICE


@pytest.mark.parametrize("state", CaseState)
def test_there_is_no_dead_end(state: CaseState) -> None:
    assert run(E.TASK_DONE, E.CONFIRMED, start=state) is S.CLOSED
    assert run(E.TASK_DONE, E.DENIED, start=state) is S.REOPENED


@given(events)
def test_a_case_is_closed_only_after_it_was_solved(happened: list[CaseEvent]) -> None:
    state = S.OPEN
    for event in happened:
        before, state = state, after(state, event).state
        assert state is not S.CLOSED or before in (S.SOLVED, S.CLOSED)
        assert state is not S.OPEN or before is S.OPEN


@given(events)
def test_there_is_one_open_task_while_work_is_owed_and_none_else(happened: list[CaseEvent]) -> None:
    state, tasks, running, asked = S.OPEN, 1, {"contact", "solve"}, False
    for event in happened:
        step = after(state, event)
        tasks += (F.NEW_TASK in step.follow) - (event is E.TASK_DONE and state.needs_work)
        running -= {follow.value.removeprefix("keep_") for follow in step.follow}
        running |= {"contact", "solve"} if F.NEW_PROMISES in step.follow else set()
        asked = F.ASK_CLOSING in step.follow or (asked and step.state is S.SOLVED)
        assert F.UPDATE_TASK not in step.follow or tasks == 1
        state = step.state
        assert tasks == int(state.needs_work)
        assert ("solve" in running) is state.needs_work
        assert "contact" not in running or state in (S.OPEN, S.REOPENED, S.IN_REVIEW)
        assert asked is (state is S.SOLVED)
