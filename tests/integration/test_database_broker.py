"""PostgreSQL alone as the broker: a ring is a row that one worker takes, and nobody polls for it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from typing import Any

import dramatiq
import pytest
from sqlalchemy import select, text

from cxsdk.domain.clock import SystemClock
from cxsdk.store import Store
from cxsdk.store.tables import rings
from cxsdk_workers import postgres
from cxsdk_workers.brokers import ACTOR, QUEUE, make_broker
from cxsdk_workers.doorbells import DatabaseDoorbell, doorbell_for, ringing
from tests.integration.processes import eventually

pytestmark = pytest.mark.integration

WORKERS = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'cxsdk worker'"
#: How long to see that nothing happens, in seconds.
A_WHILE_S = 0.2


@pytest.fixture
def store(postgres_url: str) -> Iterator[Store]:
    with closing(Store(postgres_url, SystemClock())) as store:
        yield store


@pytest.fixture
def doorbell(store: Store, postgres_url: str) -> Iterator[DatabaseDoorbell]:
    broker = make_broker("database://", postgres_url)
    doorbell = doorbell_for("database://", broker)(store)
    assert isinstance(doorbell, DatabaseDoorbell)
    with ringing(doorbell):
        yield doorbell


@contextmanager
def worker(url: str, take_up: Callable[[str], None], threads: int = 2) -> Iterator[None]:
    """A worker as a process has one, that hands each lane to ``take_up``."""
    broker = make_broker("database://", url)
    dramatiq.actor(actor_name=ACTOR, queue_name=QUEUE, broker=broker)(take_up)
    worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=50)
    worker.start()
    try:
        yield
    finally:
        worker.stop(timeout=5000)


class Work:
    """Work that is in hand until it is let go on."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.in_hand: Counter[str] = Counter()
        self._let_go = threading.Semaphore(0)
        self._lock = threading.Lock()

    def of(self, name: str, then: Callable[[str], object] = lambda _: None) -> Callable[[str], None]:
        """What the worker of this name does; ``then`` as soon as it has taken a lane up."""

        def take_up(lane: str) -> None:
            with self._lock:
                self.in_hand[name] += 1
            then(lane)
            self._let_go.acquire(timeout=20)
            with self._lock:
                self.in_hand[name] -= 1
                self.done[lane] += 1

        return take_up

    def let_go(self, number: int) -> None:
        self._let_go.release(number)


def waiting(store: Store) -> list[str]:
    with store.read() as tx:
        return list(tx.scalars(select(rings.c.lane).where(rings.c.rung_at.is_not(None)).order_by(rings.c.lane)))


def of_workers(store: Store, what: str) -> list[Any]:
    with store.write() as tx:
        return list(tx.scalars(text(f"SELECT {what} {WORKERS}")))


def test_a_ring_is_taken_up_by_one_of_many_workers(store: Store, doorbell: DatabaseDoorbell, postgres_url: str) -> None:
    work = Work()
    work.let_go(1000)
    lanes = [f"inbox:{number:03}" for number in range(300)]
    with ExitStack() as stack:
        for number in range(3):
            stack.enter_context(worker(postgres_url, work.of(str(number))))
        for lane in lanes:
            doorbell.ring([lane])
        eventually(lambda: len(work.done) == len(lanes))
        assert waiting(store) == []
    assert set(work.done.values()) == {1}


def test_a_busy_lane_spreads_over_all_threads_of_all_processes_and_no_further(
    store: Store, doorbell: DatabaseDoorbell, postgres_url: str
) -> None:
    work = Work()
    again = lambda lane: doorbell.ring([lane])  # noqa: E731 - as a worker does whose claim was full
    with worker(postgres_url, work.of("one", again)), worker(postgres_url, work.of("two", again)):
        doorbell.ring(["inbox:pbx"])
        eventually(lambda: work.in_hand == {"one": 2, "two": 2})
        eventually(lambda: waiting(store) == ["inbox:pbx"])  # for whichever thread is free first
        work.let_go(1)
        eventually(lambda: work.done["inbox:pbx"] == 1 and work.in_hand.total() == 4)
        work.let_go(1000)


def test_lanes_that_were_rung_for_before_a_worker_was_there_are_taken_up(
    doorbell: DatabaseDoorbell, store: Store, postgres_url: str
) -> None:
    work = Work()
    work.let_go(3)
    doorbell.ring(["inbox:a", "inbox:b", "inbox:c"])
    eventually(lambda: len(waiting(store)) == 3)
    with worker(postgres_url, work.of("late")):
        eventually(lambda: sorted(work.done) == ["inbox:a", "inbox:b", "inbox:c"])


def test_the_longest_waiting_are_taken_up_first(
    doorbell: DatabaseDoorbell, store: Store, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cxsdk_workers.doorbells.PATIENCE", timedelta(0))  # none of them is taken for lost
    for lane in ("inbox:z", "inbox:m", "inbox:a"):
        doorbell.ring([lane])
        eventually(lambda lane=lane: lane in waiting(store))
    doorbell.ring(["inbox:z"])  # which keeps its place
    order: list[str] = []
    with worker(postgres_url, order.append, threads=1):
        eventually(lambda: len(order) == 3)
    assert order == ["inbox:z", "inbox:m", "inbox:a"]


def test_a_worker_whose_connection_broke_hears_the_bell_again(
    store: Store, doorbell: DatabaseDoorbell, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dramatiq.worker.CONSUMER_RESTART_DELAY_SECS", 0.05)
    work = Work()
    work.let_go(3)
    with worker(postgres_url, work.of("one")):
        for number in range(3):
            doorbell.ring([f"inbox:{number}"])
            eventually(lambda number=number: work.done[f"inbox:{number}"])
            [pid] = of_workers(store, "pid")
            of_workers(store, "pg_terminate_backend(pid)")
            eventually(lambda pid=pid: of_workers(store, "pid") not in ([], [pid]), within=5)


def test_an_idle_worker_leaves_the_database_alone(store: Store, doorbell: DatabaseDoorbell, postgres_url: str) -> None:
    work = Work()
    work.let_go(1)
    with worker(postgres_url, work.of("one")):
        doorbell.ring(["inbox:pbx"])
        eventually(lambda: work.done)
        time.sleep(A_WHILE_S)
        [last_asked] = of_workers(store, "query_start")
        time.sleep(A_WHILE_S)  # several times as long as the worker waits for one notification
        assert of_workers(store, "query_start") == [last_asked]


def test_a_worker_that_the_bell_does_not_reach_looks_by_itself(
    store: Store, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "LOOK_EVERY_S", 0.05)
    work = Work()
    work.let_go(1)
    with worker(postgres_url, work.of("one")):
        eventually(lambda: of_workers(store, "pid"))
        with store.write() as tx:
            tx.execute(rings.insert().values(lane="inbox:pbx", rung_at=store.moment(tx)))
        eventually(lambda: work.done)


def test_a_worker_that_passed_over_a_locked_ring_is_woken_once_it_is_free(
    store: Store, doorbell: DatabaseDoorbell, postgres_url: str
) -> None:
    doorbell.ring(["inbox:pbx"])
    eventually(lambda: waiting(store))
    work = Work()
    work.let_go(1)
    with store.engine.begin() as other:
        other.execute(select(rings).with_for_update())  # before there is a worker that could be first
        with worker(postgres_url, work.of("one")):
            eventually(lambda: of_workers(store, "pid"))
            doorbell.ring(["inbox:pbx"])  # waits for the lock; the ring that waits is not new
            time.sleep(A_WHILE_S)
            assert not work.done
            other.commit()
            eventually(lambda: work.done, within=postgres.LOOK_EVERY_S / 2)


def test_what_a_worker_took_up_and_did_not_come_to_goes_to_another(
    store: Store, doorbell: DatabaseDoorbell, postgres_url: str
) -> None:
    consumer = make_broker("database://", postgres_url).consume(QUEUE, prefetch=4, timeout=50)
    doorbell.ring(["inbox:a", "inbox:b"])
    eventually(lambda: len(waiting(store)) == 2)
    taken = next(consumer)  # and the other one lies ready
    assert waiting(store) == []
    consumer.requeue([taken])
    assert waiting(store) == ["inbox:a"]
    consumer.close()
    assert waiting(store) == ["inbox:a", "inbox:b"]


def test_a_database_that_is_away_is_no_error_of_its_own(postgres_url: str) -> None:
    broker = make_broker("database://", postgres_url.replace("127.0.0.1", "127.0.0.9"))
    with pytest.raises(dramatiq.errors.BrokerConnectionError, match="does not answer"):
        broker.consume(QUEUE)
