"""How long a customer waits for the first answer of a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk.domain.interaction import CallState, Direction, Interaction, Kind
from cxsdk.metrics.times import first_response, median_time

START = datetime(2026, 5, 4, 12, tzinfo=UTC)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def contact(direction: Direction, after: float, kind: Kind = Kind.EMAIL, **more: Any) -> Interaction:
    return Interaction(kind=kind, direction=direction, at=START + minutes(after), customer=(), **more)


def asked(after: float, kind: Kind = Kind.EMAIL, **more: Any) -> Interaction:
    return contact(Direction.INBOUND, after, kind, **more)


def answered(after: float, kind: Kind = Kind.EMAIL, **more: Any) -> Interaction:
    return contact(Direction.OUTBOUND, after, kind, **more)


def call(direction: Direction, after: float, state: CallState, answer: float | None = None) -> Interaction:
    answered_at = None if answer is None else START + minutes(answer)
    return contact(direction, after, Kind.CALL, state=state, answered_at=answered_at)


IN, OUT = Direction.INBOUND, Direction.OUTBOUND


@pytest.mark.parametrize(
    ("conversation", "waited"),
    [
        ([], None),
        ([asked(0)], None),
        ([answered(0)], None),
        ([asked(0), answered(10)], 10),
        ([asked(0), asked(5), answered(10), answered(12)], 10),
        ([answered(-5), asked(0), answered(10)], 10),
        ([asked(0), answered(1, automatic=True), answered(10)], 10),
        ([asked(0), answered(1, automatic=True)], None),
        ([asked(-20, automatic=True), asked(0), answered(10)], 10),
        ([asked(0), answered(1, Kind.SURVEY), answered(2, Kind.NOTE), answered(10)], 10),
        ([asked(0, Kind.SURVEY), answered(10)], None),
        ([call(IN, 0, CallState.ENDED, 0.5)], 0.5),
        ([call(IN, 0, CallState.MISSED), call(OUT, 4, CallState.ENDED, 4.5)], 4.5),
        ([call(IN, 0, CallState.MISSED), call(OUT, 4, CallState.MISSED)], None),
        ([call(IN, 0, CallState.RINGING)], None),
        ([call(IN, 0, CallState.ENDED)], 0),
        ([asked(0), call(IN, 30, CallState.ENDED, 31)], 31),
    ],
)
def test_the_first_answer_of_a_person_ends_the_wait(conversation: list[Interaction], waited: float | None) -> None:
    assert first_response(conversation) == (None if waited is None else minutes(waited))


contacts = st.builds(
    contact,
    st.sampled_from(Direction),
    st.integers(0, 100),
    st.sampled_from(Kind),
    automatic=st.booleans(),
)


@given(st.lists(contacts).flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_the_order_in_which_contacts_become_known_does_not_matter(
    both: tuple[list[Interaction], list[Interaction]],
) -> None:
    assert first_response(both[0]) == first_response(both[1])


@given(st.lists(contacts), st.integers(0, 100))
def test_what_a_machine_writes_changes_no_time(conversation: list[Interaction], after: int) -> None:
    assert first_response([*conversation, answered(after, automatic=True)]) == first_response(conversation)


@given(st.lists(contacts))
def test_nobody_waits_for_less_than_no_time(conversation: list[Interaction]) -> None:
    waited = first_response(conversation)
    assert waited is None or waited >= timedelta(0)


def test_the_median_is_the_time_in_the_middle() -> None:
    assert median_time([minutes(1), minutes(600), minutes(2)]) == minutes(2)
    assert median_time([minutes(1), minutes(2)]) == minutes(1.5)
    assert median_time([]) is None
