"""Doorbells: at most one ring that nobody has taken up waits for a lane."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import dramatiq
from sqlalchemy import text

from cxsdk.capabilities import Doorbell
from cxsdk.errors import StoreUnavailable
from cxsdk.observe import logger
from cxsdk.store import Store, Transaction
from cxsdk.store.work import ring_taken_up, take_ring
from cxsdk_workers.brokers import QUEUE, is_in_process

#: The one actor's name.
ACTOR = "work"
#: A ring that nobody took up for so long is taken for lost.
PATIENCE = timedelta(seconds=10)


class MemoryDoorbell:
    """For one process: the rings that wait are a set in memory."""

    def __init__(self, broker: dramatiq.Broker) -> None:
        self._broker = broker
        self._waiting: set[str] = set()
        self._lock = threading.Lock()

    def ring(self, lanes: Iterable[str]) -> None:
        """Rings for each lane for which no ring waits."""
        with self._lock:
            new = [lane for lane in lanes if lane not in self._waiting]
            self._waiting.update(new)
        for lane in new:
            self._broker.enqueue(_message(lane))

    def taken_up(self, lane: str) -> None:
        """The next ring for this lane is needed again."""
        with self._lock:
            self._waiting.discard(lane)


class BrokerDoorbell:
    """For many processes: the rings that wait are rows, so that all of them know."""

    def __init__(self, broker: dramatiq.Broker, store: Store) -> None:
        self._broker = broker
        self._store = store

    def ring(self, lanes: Iterable[str]) -> None:
        """Rings for each lane for which no ring waits. A broker or database that is away costs delay only."""
        try:
            with self._quick() as tx:
                new = [lane for lane in sorted(lanes) if take_ring(self._store, tx, lane, PATIENCE)]
            for lane in new:
                self._broker.enqueue(_message(lane))
        except StoreUnavailable as error:
            logger("cxsdk.doorbell").warning("ring_lost", error=str(error))
        except Exception as error:  # whatever the broker's client raises: the sweep rings again
            logger("cxsdk.doorbell").warning("ring_lost", kind=type(error).__name__)

    def taken_up(self, lane: str) -> None:
        """The next ring for this lane is needed again."""
        try:
            with self._quick() as tx:
                ring_taken_up(tx, lane)
        except StoreUnavailable as error:
            logger("cxsdk.doorbell").warning("ring_not_taken_up", lane=lane, error=str(error))

    @contextmanager
    def _quick(self) -> Iterator[Transaction]:
        """A transaction that need not reach the disk before it is answered: a ring lost in a crash is rung again."""
        with self._store.write() as tx:
            if not self._store.is_sqlite:
                tx.execute(text("SET LOCAL synchronous_commit = off"))
            yield tx


def doorbell_for(url: str, broker: dramatiq.Broker) -> Callable[[Store], Doorbell]:
    """The doorbell that goes with a broker, made once the store is there."""
    return lambda store: MemoryDoorbell(broker) if is_in_process(url) else BrokerDoorbell(broker, store)


def _message(lane: str) -> dramatiq.Message[None]:
    return dramatiq.Message(queue_name=QUEUE, actor_name=ACTOR, args=(lane,), kwargs={}, options={})
