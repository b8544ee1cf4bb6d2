"""Doorbells: at most one ring that nobody has taken up waits for a lane."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from time import monotonic

import dramatiq
from sqlalchemy import text

from cxsdk.capabilities import Doorbell
from cxsdk.errors import StoreUnavailable
from cxsdk.journeys.runtime import LEASE
from cxsdk.observe import logger
from cxsdk.observe.crashing import calling
from cxsdk.store import Store, Transaction
from cxsdk.store.prepared import Prepared
from cxsdk.store.work import ring_taken_up, take_ring, waiting_rings
from cxsdk_workers.brokers import is_in_database, is_in_process, ring_for
from cxsdk_workers.postgres import NOTIFY

#: A ring that nobody took up for so long, or for as long as a claim lasts, is taken for lost.
PATIENCE = timedelta(seconds=10)
#: A row that is the ring itself is never lost, and keeps its place among those that wait.
FOREVER = timedelta(days=36_500)
#: How long after a ring the same lane is rung for again, in seconds: each commit of a busy web process asks for it.
BREATH_S = 0.05
#: How long the end of a process waits for its last rings, in seconds; the clock's sweep makes up for them.
LAST_RINGS_S = 2.0

_NEED_NOT_LAST = Prepared(text("SET LOCAL synchronous_commit = off"))


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
            with calling():
                self._broker.enqueue(ring_for(lane))

    def taken_up(self, lane: str) -> None:
        """The next ring for this lane is needed again."""
        with self._lock:
            self._waiting.discard(lane)


class BrokerDoorbell:
    """For many processes: the rings that wait are rows, so that all of them know.

    A thread of its own rings, so that nobody waits for a broker or database that is away. It runs inside
    ``ringing``; lanes that are rung for while it is busy, or not there, wait in a set.
    """

    def __init__(self, broker: dramatiq.Broker, store: Store, lease: timedelta = LEASE) -> None:
        self._broker = broker
        self._store = store
        self._lease = lease
        self._lanes: set[str] = set()
        self._rung: dict[str, float] = {}  # when each lane was last rung for, unless this process took it up since
        self._changed = threading.Condition()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="doorbell", daemon=True)

    def ring(self, lanes: Iterable[str]) -> None:
        """Has each lane rung for unless a ring waits for it. A broker or database that is away costs delay only."""
        with self._changed:
            self._lanes.update(lanes)
            self._changed.notify()

    def taken_up(self, lane: str) -> None:
        """The next ring for this lane is needed again."""
        self._rung.pop(lane, None)
        try:
            with self._quick() as tx:
                ring_taken_up(tx, lane)
        except StoreUnavailable as error:
            logger("cxsdk.doorbell").warning("ring_not_taken_up", lane=lane, error=str(error))

    def start(self) -> None:
        """Starts the thread that rings."""
        self._thread.start()

    def close(self) -> None:
        """Rings for what waits, and ends; what hangs at a broker that is away is left behind."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join(timeout=LAST_RINGS_S)

    def _run(self) -> None:
        while lanes := self._next():
            self._pass_on(lanes)

    def _next(self) -> list[str]:
        """The lanes to ring for, as soon as there are any; none is the end."""
        with self._changed:
            while not (self._is_closing or self._ripe()):
                self._changed.wait(BREATH_S if self._lanes else None)
            lanes = self._lanes if self._is_closing else self._ripe()
            self._lanes = self._lanes - lanes
            self._rung |= dict.fromkeys(lanes, monotonic())
        return sorted(lanes)

    def _ripe(self) -> set[str]:
        """The lanes that wait and were not rung for a moment ago."""
        now = monotonic()
        return {lane for lane in self._lanes if now - self._rung.get(lane, -BREATH_S) >= BREATH_S}

    def _pass_on(self, lanes: Sequence[str]) -> None:
        try:
            self._ring_for(lanes)
        except StoreUnavailable as error:
            logger("cxsdk.doorbell").warning("ring_lost", error=str(error))
        except Exception as error:  # whatever the broker's client raises: the sweep rings again
            logger("cxsdk.doorbell").warning("ring_lost", kind=type(error).__name__)

    def _ring_for(self, lanes: Sequence[str]) -> None:
        patience = min(PATIENCE, self._lease)
        with self._store.read() as tx:  # under load a ring waits mostly, and to see that costs less than to write
            needed = set(lanes) - waiting_rings(self._store, tx, lanes, patience)
        if not needed:
            return
        with self._quick() as tx:
            new = [lane for lane in sorted(needed) if take_ring(self._store, tx, lane, patience)]
        for lane in new:
            with calling():
                self._broker.enqueue(ring_for(lane))

    @contextmanager
    def _quick(self) -> Iterator[Transaction]:
        """A transaction that need not reach the disk before it is answered: a ring lost in a crash is rung again."""
        with self._store.write() as tx:
            if not self._store.is_sqlite:
                tx.execute(_NEED_NOT_LAST)
            yield tx


class DatabaseDoorbell(BrokerDoorbell):
    """For many processes without a broker's server: the row is the ring, and a notification wakes the workers."""

    def taken_up(self, lane: str) -> None:
        """Nothing: the worker has taken the row itself."""

    def _ring_for(self, lanes: Sequence[str]) -> None:
        with self._quick() as tx:
            for lane in lanes:
                take_ring(self._store, tx, lane, FOREVER)
            # Also where a ring waits already: a worker may just now have passed over its row, which we had locked
            tx.execute(NOTIFY)


def doorbell_for(url: str, broker: dramatiq.Broker, lease: timedelta = LEASE) -> Callable[[Store], Doorbell]:
    """The doorbell that goes with a broker, made once the store is there. ``lease``: how long a claim lasts."""
    if is_in_process(url):
        return lambda _: MemoryDoorbell(broker)
    kind = DatabaseDoorbell if is_in_database(url) else BrokerDoorbell
    return lambda store: kind(broker, store, lease)


@contextmanager
def ringing(doorbell: Doorbell) -> Iterator[None]:
    """Passes rings on until the end of the block; what was rung before it ends is still passed on."""
    if not isinstance(doorbell, BrokerDoorbell):
        yield  # the others ring in the thread that asks for it
        return
    doorbell.start()
    with closing(doorbell):
        yield
