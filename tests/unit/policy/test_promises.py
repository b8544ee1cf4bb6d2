"""Promises and their clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk.domain.case import PromiseKind
from cxsdk.policy.promises import Promise, PromiseState

MADE = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)
PROMISE = Promise.made(PromiseKind.CONTACT, MADE, within=HOUR)

moments = st.timedeltas(-2 * HOUR, 4 * HOUR).map(lambda after: MADE + after)


def test_a_promise_is_due_after_its_time_of_the_clock() -> None:
    assert PROMISE.due_at == MADE + HOUR


@pytest.mark.parametrize(
    ("kept_after", "now_after", "state"),
    [
        (None, 0 * HOUR, "running"),
        (None, HOUR, "running"),
        (None, HOUR + INSTANT, "broken"),
        (HOUR, HOUR, "kept"),
        (HOUR, 2 * HOUR, "kept"),
        (HOUR + INSTANT, 2 * HOUR, "kept_late"),
        (-HOUR, 0 * HOUR, "kept"),
    ],
)
def test_a_promise_is_kept_up_to_the_instant_it_is_due(
    kept_after: timedelta | None, now_after: timedelta, state: str
) -> None:
    promise = PROMISE if kept_after is None else PROMISE.kept(MADE + kept_after)
    assert promise.state(MADE + now_after) == state


def test_a_promise_is_broken_from_the_instant_at_which_it_is_looked_at() -> None:
    assert PROMISE.state(PROMISE.late_from) is PromiseState.BROKEN
    assert PROMISE.state(PROMISE.late_from - INSTANT) is PromiseState.RUNNING


@given(st.permutations([MADE, MADE + HOUR, MADE + 2 * HOUR]))
def test_the_first_contact_keeps_a_promise_in_whatever_order_they_are_told(times: list[datetime]) -> None:
    promise = PROMISE
    for at in times:
        promise = promise.kept(at)
    assert promise.kept_at == MADE


@given(moments, moments)
def test_a_broken_promise_stays_late_and_a_kept_one_is_over(now: datetime, kept: datetime) -> None:
    was_broken = PROMISE.state(now) is PromiseState.BROKEN
    after = PROMISE.kept(max(kept, now)).state(max(kept, now))
    assert after in (PromiseState.KEPT, PromiseState.KEPT_LATE)
    assert after.is_late or not was_broken
