"""Waiting for company: only under load, only one thread, and never for what fills a batch anyway."""

from __future__ import annotations

import threading

import pytest

from cxsdk.journeys.pacing import Pacing


class Time:
    """A stopwatch that stands still but for whoever sleeps."""

    def __init__(self) -> None:
        self.now, self.slept = 1000.0, list[float]()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def pacing(time: Time) -> Pacing:
    return Pacing(lingers=True, stopwatch=lambda: time.now, sleep=time.sleep)


def test_a_quiet_lane_is_worked_on_at_once(pacing: Pacing, time: Time) -> None:
    assert pacing.come("a", 0.5)
    time.now += 0.5
    assert pacing.come("a", 0.5)
    assert time.slept == []


def test_a_lane_that_was_worked_on_a_moment_ago_waits_for_the_rest_of_the_time(pacing: Pacing, time: Time) -> None:
    pacing.come("a", 0.5)
    time.now += 0.125
    assert pacing.come("a", 0.5)
    assert time.slept == [0.375]
    assert pacing.come("a", 0.5)
    assert time.slept == [0.375, 0.5]


def test_lanes_do_not_wait_for_each_other(pacing: Pacing, time: Time) -> None:
    assert pacing.come("a", 0.5)
    assert pacing.come("b", 0.5)
    assert time.slept == []


def test_after_a_full_batch_nobody_waits(pacing: Pacing, time: Time) -> None:
    pacing.come("a", 0.5)
    pacing.goes_on("a")
    assert pacing.come("a", 0.5)
    assert time.slept == []


def test_what_must_not_wait_does_not(pacing: Pacing, time: Time) -> None:
    assert pacing.come("a", 0.0)
    assert pacing.come("a", 0.0)
    assert time.slept == []


def test_without_the_machines_clock_nobody_waits(time: Time) -> None:
    pacing = Pacing(lingers=False, stopwatch=lambda: time.now, sleep=time.sleep)
    assert pacing.come("a", 0.5)
    assert pacing.come("a", 0.5)
    assert time.slept == []


def test_while_one_thread_waits_the_others_go_on_to_other_work() -> None:
    asleep, wake = threading.Event(), threading.Event()

    def sleep(_: float) -> None:
        asleep.set()
        wake.wait(10)

    pacing = Pacing(lingers=True, stopwatch=lambda: 1000.0, sleep=sleep)
    pacing.come("a", 0.5)
    came: list[bool] = []
    first = threading.Thread(target=lambda: came.append(pacing.come("a", 0.5)))
    first.start()
    assert asleep.wait(10)
    assert not pacing.come("a", 0.5)
    wake.set()
    first.join(10)
    assert came == [True]
