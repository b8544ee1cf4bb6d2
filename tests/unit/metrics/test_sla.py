"""The service level: each clock counts once, in the period that settled it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk.domain.case import PromiseKind
from cxsdk.metrics.sla import ServiceLevel, service_level
from cxsdk.policy.promises import Promise

START = datetime(2026, 5, 4, tzinfo=UTC)
WEEK = 7 * 24


def hour(number: int) -> datetime:
    return START + timedelta(hours=number)


def promise(made: int, due: int, kept: int | None = None) -> Promise:
    kept_at = None if kept is None else hour(kept)
    return Promise(kind=PromiseKind.SOLVE, made_at=hour(made), due_at=hour(due), kept_at=kept_at)


def level(*promises: Promise) -> tuple[int, int, int]:
    found = service_level(promises, hour(0), hour(WEEK))
    return found.kept, found.missed, found.running


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        (promise(1, 25, 20), (1, 0, 0)),
        (promise(1, 25, 25), (1, 0, 0)),
        (promise(1, 25, 26), (0, 1, 0)),
        (promise(1, 25), (0, 1, 0)),
        (promise(160, 184), (0, 0, 1)),
        (promise(160, 184, 170), (0, 0, 1)),  # kept later: it was running then
        (promise(160, 184, 165), (1, 0, 0)),
        (promise(160, 167, 170), (0, 1, 0)),
        (promise(169, 180), (0, 0, 0)),  # not made yet
        (promise(-30, -6, -8), (0, 0, 0)),  # of the week before
        (promise(-30, -6, 5), (0, 0, 0)),  # late then, and counted then
        (promise(-30, -6), (0, 0, 0)),
        (promise(-10, 14, 3), (1, 0, 0)),
    ],
)
def test_a_clock_counts_in_the_period_that_settled_it(clock: Promise, expected: tuple[int, int, int]) -> None:
    assert level(clock) == expected


def test_the_percentage_leaves_running_clocks_out() -> None:
    percent = ServiceLevel(kept=3, missed=1, running=10).percent
    assert percent is not None
    assert (percent.value, percent.n) == (75, 4)


def test_a_period_in_which_nothing_was_settled_has_no_percentage() -> None:
    assert ServiceLevel(kept=0, missed=0, running=5).percent is None
    assert level() == (0, 0, 0)


hours = st.integers(-100, 300)
promises_ = st.builds(
    lambda made, within, kept: promise(made, made + within, None if kept is None else made + kept),
    hours,
    st.integers(1, 48),
    st.none() | st.integers(0, 100),
)


@given(st.lists(promises_), st.lists(hours, min_size=2, unique=True).map(sorted))
def test_periods_that_follow_each_other_add_up_to_the_whole(promises: list[Promise], ends: list[int]) -> None:
    parts = [service_level(promises, hour(since), hour(until)) for since, until in pairwise(ends)]
    whole = service_level(promises, hour(ends[0]), hour(ends[-1]))
    assert sum(part.kept for part in parts) == whole.kept
    assert sum(part.missed for part in parts) == whole.missed
    assert parts[-1].running == whole.running


@given(st.lists(promises_))
def test_over_all_time_a_clock_counts_as_its_promise_stands(promises: list[Promise]) -> None:
    end = hour(1000)
    whole = service_level(promises, hour(-1000), end)
    late = sum(one.state(end).is_late for one in promises)
    assert (whole.kept, whole.missed, whole.running) == (len(promises) - late, late, 0)
