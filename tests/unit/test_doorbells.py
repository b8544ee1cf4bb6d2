"""Rings over a broker that may be slow or away: nobody waits for it, and what was rung for is not forgotten."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker

from cxsdk.domain.clock import SystemClock
from cxsdk.store import Store
from cxsdk.store.tables import metadata
from cxsdk_workers import doorbells
from cxsdk_workers.brokers import QUEUE, make_broker
from cxsdk_workers.doorbells import BrokerDoorbell, ringing


class SlowBroker(StubBroker):
    """Says which lanes were rung for; a ring takes until ``answers`` is set."""

    def __init__(self) -> None:
        super().__init__(middleware=[])
        self.declare_queue(QUEUE)
        self.rung: list[str] = []
        self.was_called = threading.Event()
        self.answers = threading.Event()
        self.failure: Exception | None = None

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        self.was_called.set()
        assert self.answers.wait(10)
        if self.failure:
            raise self.failure
        self.rung.append(message.args[0])
        return message


@pytest.fixture
def broker() -> Iterator[SlowBroker]:
    broker = SlowBroker()
    yield broker
    broker.answers.set()  # so that a thread that was left behind ends


@pytest.fixture
def doorbell(broker: SlowBroker, tmp_path: Path) -> Iterator[BrokerDoorbell]:
    with closing(Store(f"sqlite:///{tmp_path}/cx.db", SystemClock())) as store:
        metadata.create_all(store.engine)
        doorbell = BrokerDoorbell(broker, store)
        yield doorbell
        broker.answers.set()
        if doorbell._thread.ident:
            doorbell._thread.join()


def test_who_rings_does_not_wait_for_the_broker(doorbell: BrokerDoorbell, broker: SlowBroker) -> None:
    with ringing(doorbell):
        began = time.monotonic()
        for number in range(100):
            doorbell.ring([f"inbox:{number}"])
        assert time.monotonic() - began < 0.5
        assert broker.rung == []
        broker.answers.set()


def test_what_was_rung_for_before_the_end_is_passed_on(doorbell: BrokerDoorbell, broker: SlowBroker) -> None:
    broker.answers.set()
    doorbell.ring(["inbox:early"])
    with ringing(doorbell):
        doorbell.ring(["inbox:a", "inbox:b"])
    assert sorted(broker.rung) == ["inbox:a", "inbox:b", "inbox:early"]


def test_lanes_that_are_rung_for_while_it_is_busy_are_rung_for_once(
    doorbell: BrokerDoorbell, broker: SlowBroker
) -> None:
    with ringing(doorbell):
        doorbell.ring(["inbox:first"])
        assert broker.was_called.wait(5)
        for _ in range(1000):
            doorbell.ring(["inbox:b", "inbox:a"])
        broker.answers.set()
    assert broker.rung == ["inbox:first", "inbox:a", "inbox:b"]


def test_a_lane_is_rung_for_again_only_after_it_was_taken_up(doorbell: BrokerDoorbell, broker: SlowBroker) -> None:
    broker.answers.set()
    with ringing(doorbell):
        for _ in range(3):
            doorbell.ring(["inbox:a"])
            doorbell.ring(["inbox:b"])
        while broker.rung != ["inbox:a", "inbox:b"]:
            time.sleep(0.01)
        doorbell.taken_up("inbox:a")
        doorbell.ring(["inbox:a", "inbox:b"])
    assert broker.rung == ["inbox:a", "inbox:b", "inbox:a"]


def test_while_a_ring_waits_nothing_is_written(doorbell: BrokerDoorbell, broker: SlowBroker) -> None:
    broker.answers.set()
    doorbell._ring_for(["inbox:a"])
    with doorbell._store.write():  # nobody else could write now
        assert in_another_thread(lambda: doorbell._ring_for(["inbox:a"]))
    doorbell._ring_for(["inbox:a", "inbox:b"])
    assert broker.rung == ["inbox:a", "inbox:b"]


def in_another_thread(work: Callable[[], object]) -> bool:
    """Whether it comes to an end there."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(5)
    return not thread.is_alive()


def test_a_ring_is_taken_for_lost_as_soon_as_a_claim_ends(broker: SlowBroker) -> None:
    broker.answers.set()
    with closing(Store("sqlite://", SystemClock())) as store:
        metadata.create_all(store.engine)
        doorbell = BrokerDoorbell(broker, store, lease=timedelta(milliseconds=1))
        with ringing(doorbell):
            while len(broker.rung) < 2:  # nobody takes it up
                doorbell.ring(["inbox:a"])
                time.sleep(0.01)
    assert set(broker.rung) == {"inbox:a"}


def test_a_ring_that_fails_does_not_end_the_others(doorbell: BrokerDoorbell, broker: SlowBroker) -> None:
    broker.answers.set()
    broker.failure = ConnectionRefusedError()
    with ringing(doorbell):
        doorbell.ring(["inbox:a"])
        assert broker.was_called.wait(5)
        while "inbox:a" in doorbell._lanes:
            time.sleep(0.01)
        broker.failure = None
        doorbell.ring(["inbox:b"])
    assert "inbox:b" in broker.rung


def test_a_broker_that_never_answers_does_not_hold_up_the_end(
    doorbell: BrokerDoorbell, broker: SlowBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorbells, "LAST_RINGS_S", 0.1)
    began = time.monotonic()
    with ringing(doorbell):
        doorbell.ring(["inbox:a"])
    assert time.monotonic() - began < 1.5


def test_a_worker_does_not_ask_for_messages_that_are_delayed_for_there_are_none() -> None:
    with closing(make_broker("memory://")) as broker:
        assert broker.get_declared_delay_queues() == set()
