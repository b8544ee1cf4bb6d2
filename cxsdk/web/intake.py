"""The way into the inbox: requests that come at the same time share one transaction.

One commit per request in a pool of threads is the slowest way there is; here one thread commits for all that wait. A
request is answered only after its commit, and when too many wait the next ones are told to come back.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cxsdk.errors import StoreUnavailable
from cxsdk.observe import logger
from cxsdk.store import Store, inbox
from cxsdk.store.inbox import Arrival, Stored

#: How many requests may wait for a commit; more are turned away with 503.
WAITING = 4_000
#: How many records one commit takes.
BATCH = 500


@dataclass(frozen=True)
class _Waiting:
    arrivals: Sequence[Arrival]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[list[Stored]]

    def succeed(self, outcome: list[Stored]) -> None:
        self._tell(self.answer.set_result, outcome)

    def fail(self, error: Exception) -> None:
        self._tell(self.answer.set_exception, error)

    def _tell(self, how: Callable[[Any], None], what: Any) -> None:
        try:
            self.loop.call_soon_threadsafe(self._if_awaited, how, what)
        except RuntimeError:  # the server stopped; the sender got no answer and sends it again
            logger("cxsdk.intake").info("answer_not_wanted")

    def _if_awaited(self, how: Callable[[Any], None], what: Any) -> None:
        if not self.answer.done():
            how(what)


class Intake:
    """Stores what comes in, many requests to a commit. Start it with the server, stop it after the server."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)

    def start(self) -> None:
        """Starts the thread that commits."""
        self._thread.start()

    def stop(self) -> None:
        """Commits what waits, and ends."""
        self._queue.put(None)
        self._thread.join(timeout=30)

    async def put(self, arrivals: Sequence[Arrival]) -> list[Stored]:
        """Stores these records durably before it returns. Raises StoreUnavailable where it cannot."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(arrivals, loop, loop.create_future())
        try:
            self._queue.put_nowait(waiting)
        except queue.Full:
            raise StoreUnavailable("Too many requests wait for the database.", retry_after=2) from None
        return await waiting.answer

    def _run(self) -> None:
        going_on = True
        while going_on:
            batch = self._next_batch()
            going_on = None not in batch
            waiting = [one for one in batch if one is not None]
            if waiting:
                self._commit(waiting)

    def _next_batch(self) -> list[_Waiting | None]:
        batch = [self._queue.get()]
        size = 0
        while size < BATCH and None not in batch:
            try:
                batch.append(self._queue.get_nowait())
            except queue.Empty:
                break
            size += len(batch[-1].arrivals) if batch[-1] else 0
        return batch

    def _commit(self, waiting: Sequence[_Waiting]) -> None:
        arrivals = [arrival for one in waiting for arrival in one.arrivals]
        try:
            with self._store.write() as tx:
                outcomes = inbox.put(self._store, tx, arrivals)
        except StoreUnavailable as error:
            for one in waiting:
                one.fail(error)
        except Exception as error:
            self._commit_apart(waiting, error)
        else:
            for one in waiting:
                mine, outcomes = outcomes[: len(one.arrivals)], outcomes[len(one.arrivals) :]
                one.succeed(mine)

    def _commit_apart(self, waiting: Sequence[_Waiting], error: Exception) -> None:
        """One request's record that the database refuses must not fail the others'."""
        if len(waiting) == 1:
            logger("cxsdk.intake").error("record_refused", kind=type(error).__name__)
            waiting[0].fail(StoreUnavailable("The database refused the record."))
        else:
            for one in waiting:
                self._commit([one])
