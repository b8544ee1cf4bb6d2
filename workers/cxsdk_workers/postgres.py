"""A broker without a server of its own: the rings that wait are rows of our database, and PostgreSQL wakes us for them.

A notification names no lane and wakes every worker. Each takes up as many of the rings that wait as it has threads
free, and row locks see to it that a ring is taken up once. The others stay where every worker can take them.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import dramatiq
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.errors import BrokerConnectionError, ConnectionClosed
from sqlalchemy import Engine, NullPool, bindparam, create_engine, func, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from cxsdk.domain.clock import SystemClock
from cxsdk.observe.crashing import calling
from cxsdk.store import Store
from cxsdk.store.among import among
from cxsdk.store.tables import rings

#: Wakes every worker, once the transaction it stands in is committed.
NOTIFY = text("NOTIFY cxsdk_rings")
_LISTEN = text("LISTEN cxsdk_rings")
#: How often a worker looks for rings although it heard nothing, in seconds: its connection may be dead or deaf.
LOOK_EVERY_S = 10.0
#: How long the network may keep what we said to itself before the connection is given up, in milliseconds.
SILENCE_MS = 10_000

Message = dramatiq.Message[Any]


class PostgresBroker(dramatiq.Broker):
    """Hands out the rings that wait in a database. They are put there by the doorbell: nothing is enqueued here."""

    def __init__(self, database: str, ring_for: Callable[[str], Message]) -> None:
        super().__init__(middleware=[])
        self._engine = _engine(database)
        self._ring_for = ring_for

    def declare_queue(self, queue_name: str) -> None:
        """Makes the queue known; there is nothing to make in the database."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues[queue_name] = None
            self.emit_after("declare_queue", queue_name)

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 30_000) -> Consumer:
        """The rings that wait, for one process. Raises ConnectionClosed where the database is away."""
        # dramatiq asks for twice as many as it has threads; one that lay here would be out of the others' reach
        return _Rings(self._engine, self._ring_for, threads=max(1, prefetch // 2), timeout_s=timeout / 1000)


class _Rings(Consumer):
    """Takes up rings for the threads that are free, on a connection of its own."""

    def __init__(self, engine: Engine, ring_for: Callable[[str], Message], *, threads: int, timeout_s: float) -> None:
        self._ring_for = ring_for
        self._threads = threads
        self._timeout_s = timeout_s
        self._taken: deque[Message] = deque()
        self._in_work: set[str] = set()
        self._changed = threading.Condition()
        self._look_at = 0.0  # at once: what was rung for before we listened
        with _told_plainly():
            self._connection = engine.connect()
            self._connection.execute(_LISTEN)
            # A taking up that a crash undoes is a ring too many
            self._connection.execute(text("SET synchronous_commit = off"))

    def __next__(self) -> MessageProxy | None:
        if not self._taken and (free := self._free_threads()) and self._is_time_to_look():
            self._take_up(free)
        return self._hand_out() if self._taken else None

    def ack(self, message: MessageProxy) -> None:
        """A thread is free again."""
        with self._changed:
            self._in_work.discard(message.message_id)
            self._changed.notify()

    nack = ack  # an actor never fails; if one did, its lane would be rung for by the sweep

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Leaves rings that came to no thread to the other workers."""
        self._put_back([message.args[0] for message in messages])

    def close(self) -> None:
        """Leaves what nobody came for to the others."""
        with suppress(BrokerConnectionError):
            self._put_back([message.args[0] for message in self._taken])
        if not self._connection.closed:
            self._connection.invalidate()  # one that is broken could not be ended politely
            self._connection.close()

    def _free_threads(self) -> int:
        """How many threads have nothing to do; waits a while for the first."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._in_work) < self._threads, self._timeout_s)
            return self._threads - len(self._in_work)

    def _is_time_to_look(self) -> bool:
        return time.monotonic() >= self._look_at or self._hears_the_bell()

    def _hears_the_bell(self) -> bool:
        driver: Any = self._connection.connection.driver_connection
        with _told_plainly():
            return bool(list(driver.notifies(timeout=self._timeout_s, stop_after=1)))

    def _take_up(self, at_most: int) -> None:
        with _told_plainly(), calling():  # a commit: each statement is a transaction
            lanes = list(self._connection.scalars(_TAKE_UP, {"at_most": at_most}))
        self._taken.extend(map(self._ring_for, lanes))
        all_taken = len(lanes) < at_most
        self._look_at = time.monotonic() + LOOK_EVERY_S if all_taken else 0.0

    def _hand_out(self) -> MessageProxy:
        message = self._taken.popleft()
        with self._changed:
            self._in_work.add(message.message_id)
        return MessageProxy(message)

    def _put_back(self, lanes: list[str]) -> None:
        if lanes:
            with _told_plainly(), calling():
                self._connection.execute(_PUT_BACK, {"lanes": lanes})
                self._connection.execute(NOTIFY)


def _engine(database: str) -> Engine:
    """Connections that are kept by whoever asked for them, each statement a transaction."""
    return create_engine(
        Store(database, SystemClock()).url,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        connect_args={"tcp_user_timeout": SILENCE_MS, "application_name": "cxsdk worker"},
    )


def _statements() -> tuple[Any, Any]:
    waiting = (
        select(rings.c.lane)
        .where(rings.c.rung_at.is_not(None))
        .order_by(rings.c.rung_at)
        .limit(bindparam("at_most"))
        .with_for_update(skip_locked=True)
        .cte("waiting")
        .prefix_with("MATERIALIZED")
    )
    taken = update(rings).where(rings.c.lane.in_(select(waiting.c.lane))).values(rung_at=None).returning(rings.c.lane)
    again = update(rings).where(among(rings.c.lane, "lanes"))
    return taken, again.values(rung_at=func.coalesce(rings.c.rung_at, func.now()))


_TAKE_UP, _PUT_BACK = _statements()


@contextmanager
def _told_plainly() -> Iterator[None]:
    """Errors of the connection as dramatiq knows them: it connects again after a while."""
    from psycopg import Error as DriverError

    try:
        yield
    except (SQLAlchemyError, DriverError) as error:
        kind = type(getattr(error, "orig", None) or error).__name__
        raise ConnectionClosed(f"The database does not answer: {kind}.") from None  # type: ignore[no-untyped-call]
