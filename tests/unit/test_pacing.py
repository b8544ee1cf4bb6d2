"""Waiting for company: only under load, only one thread, and never for what fills a batch anyway."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cxsdk.journeys.pacing import Pacing


class Time:
    """A stopwatch that stands still but for whoever waits."""

    def __init__(self) -> None:
        self.now, self.waited = 1000.0, list[float]()

    def wait(self, _: threading.Event, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def pacing(time: Time) -> Pacing:
    return Pacing(lingers=True, stopwatch=lambda: time.now, wait=time.wait)


def test_a_quiet_lane_is_worked_on_at_once(pacing: Pacing, time: Time) -> None:
    assert pacing.come("a", 0.5)
    time.now += 0.5
    assert pacing.come("a", 0.5)
    assert time.waited == []


def test_a_lane_that_was_worked_on_a_moment_ago_waits_for_the_rest_of_the_time(pacing: Pacing, time: Time) -> None:
    pacing.come("a", 0.5)
    time.now += 0.125
    assert pacing.come("a", 0.5)
    assert time.waited == [0.375]
    assert pacing.come("a", 0.5)
    assert time.waited == [0.375, 0.5]


def test_lanes_do_not_wait_for_each_other(pacing: Pacing, time: Time) -> None:
    assert pacing.come("a", 0.5)
    assert pacing.come("b", 0.5)
    assert time.waited == []


def test_after_a_full_batch_nobody_waits(pacing: Pacing, time: Time) -> None:
    pacing.come("a", 0.5)
    pacing.goes_on("a")
    assert pacing.come("a", 0.5)
    assert time.waited == []


def test_what_must_not_wait_does_not(pacing: Pacing, time: Time) -> None:
    assert pacing.come("a", 0.0)
    assert pacing.come("a", 0.0)
    assert time.waited == []


def test_without_the_machines_clock_nobody_waits(time: Time) -> None:
    pacing = Pacing(lingers=False, stopwatch=lambda: time.now, wait=time.wait)
    assert pacing.come("a", 0.5)
    assert pacing.come("a", 0.5)
    assert time.waited == []


def test_while_one_thread_waits_the_others_go_on_to_other_work() -> None:
    with one_that_waits() as (pacing, come):
        assert not pacing.come("a", 60)
        pacing.goes_on("a")
    assert come == [True]


def test_a_full_batch_ends_the_wait_of_whoever_waits_already() -> None:
    with one_that_waits() as (pacing, come):
        pacing.goes_on("b")
        assert come == []
        pacing.goes_on("a")
    assert come == [True]


@contextmanager
def one_that_waits() -> Iterator[tuple[Pacing, list[bool]]]:
    """A lane for which a thread waits until it is known to go on; with what it was told in the end."""
    waits = threading.Event()

    def wait(goes_on: threading.Event, _: float) -> None:
        waits.set()
        goes_on.wait(10)

    pacing = Pacing(lingers=True, stopwatch=lambda: 1000.0, wait=wait)
    pacing.come("a", 60)
    came: list[bool] = []
    first = threading.Thread(target=lambda: came.append(pacing.come("a", 60)))
    first.start()
    assert waits.wait(10)
    yield pacing, came
    first.join(10)
