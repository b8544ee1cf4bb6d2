"""The way into the inbox: requests that come at the same time share one transaction.

One commit per request in a pool of threads is the slowest way there is; here one thread commits for all that wait. A
request is answered only after its commit, and when too many records wait the next ones are told to come back.

What a request brings is stored whole or not at all. A request that cannot be stored beside the others is taken out of
their transaction and given one of its own, so that nobody suffers for what another one sent.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from cxsdk.errors import StoreUnavailable
from cxsdk.observe import logger
from cxsdk.store import Store, Transaction, inbox
from cxsdk.store.inbox import Arrival, Stored

#: How many records may wait for a commit; requests that bring more are turned away with 503. Those of several records
#: leave half of the room to those of one: a shop that sends years of purchases must not keep out a call.
WAITING = 10_000
#: How many records one commit takes, up to those of its last request.
BATCH = 500


@dataclass(frozen=True)
class _Waiting:
    arrivals: Sequence[Arrival]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[list[Stored]]


#: What becomes of a request: the outcomes of its records, or why there are none.
_Answer = list[Stored] | Exception


def _tell(requests: Iterable[_Waiting], answers: Iterable[_Answer]) -> None:
    """Answers requests, all of a loop at once: to wake it costs more than an answer."""
    told: dict[asyncio.AbstractEventLoop, list[tuple[_Waiting, _Answer]]] = defaultdict(list)
    for one, answer in zip(requests, answers, strict=True):
        told[one.loop].append((one, answer))
    for loop, some in told.items():
        try:
            loop.call_soon_threadsafe(_answer, some)
        except RuntimeError:  # the server stopped; the sender got no answer and sends it again
            logger("cxsdk.intake").info("answer_not_wanted")


def _answer(told: Iterable[tuple[_Waiting, _Answer]]) -> None:
    for one, answer in told:
        if one.answer.done():  # nobody waits for it any more
            continue
        if isinstance(answer, Exception):
            one.answer.set_exception(answer)
        else:
            one.answer.set_result(answer)


#: Requests that are stored in one transaction.
_Part = Sequence[_Waiting]


class _Torn(Exception):
    """Rolls a transaction back in which requests would be stored in part: ``outcomes`` of each, by its place."""

    def __init__(self, outcomes: dict[int, list[Stored]]) -> None:
        self.outcomes = outcomes


class Intake:
    """Stores what comes in, many requests to a commit. Start it with the server, stop it after the server."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._records = 0  # that wait; only the server's loop counts them
        self._taking = False
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)

    def start(self) -> None:
        """Starts the thread that commits."""
        self._thread.start()
        self._taking = True

    def stop(self) -> None:
        """Takes nothing more, commits what waits, and ends."""
        self._taking = False
        self._queue.put(None)
        self._thread.join(timeout=30)

    async def put(self, arrivals: Sequence[Arrival]) -> list[Stored]:
        """Stores these records durably before it returns: all of them, or none where one is a CONFLICT.

        Raises StoreUnavailable where it cannot.
        """
        self._make_room(len(arrivals))
        loop = asyncio.get_running_loop()
        waiting = _Waiting(arrivals, loop, loop.create_future())
        self._records += len(arrivals)
        self._queue.put(waiting)
        try:
            return await waiting.answer
        finally:
            self._records -= len(arrivals)

    def _make_room(self, records: int) -> None:
        if not self._taking:
            raise StoreUnavailable("The server is stopping.", retry_after=2)
        if self._records + records > (WAITING if records == 1 else WAITING // 2):
            raise StoreUnavailable("Too many requests wait for the database.", retry_after=2)

    def _run(self) -> None:
        going_on = True
        while going_on:
            batch = self._next_batch()
            going_on = None not in batch
            self._store_all([one for one in batch if one is not None])

    def _next_batch(self) -> list[_Waiting | None]:
        batch = [self._queue.get()]
        size = 0
        while size < BATCH and None not in batch:
            size += len(batch[-1].arrivals) if batch[-1] else 0
            try:
                batch.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return batch

    def _store_all(self, requests: _Part) -> None:
        parts = [requests] if requests else []
        while parts:
            try:
                parts = [*self._commit(parts[0]), *parts[1:]]
            except StoreUnavailable as error:
                waiting = [one for part in parts for one in part]
                return _tell(waiting, [error] * len(waiting))

    def _commit(self, part: _Part) -> list[_Part]:
        """Stores requests together and answers them; or stores nothing, and tells in which parts to try again."""
        try:
            with self._store.write() as tx:
                outcomes = _put(self._store, tx, part)
        except StoreUnavailable:
            raise
        except _Torn as torn:
            if len(part) > 1:
                return _apart(part, torn.outcomes)
            outcomes = [torn.outcomes[0]]
        except Exception as error:
            if len(part) > 1:
                return [part[: len(part) // 2], part[len(part) // 2 :]]
            logger("cxsdk.intake").error("record_refused", kind=type(error).__name__)
            _tell(part, [StoreUnavailable("The database refused the record.")])
            return []
        _tell(part, outcomes)
        return []


def _put(store: Store, tx: Transaction, part: _Part) -> list[list[Stored]]:
    """What became of each request's records. Raises _Torn where only some of a request's would be stored."""
    stored = iter(inbox.put(store, tx, [arrival for one in part for arrival in one.arrivals]))
    outcomes = [list(islice(stored, len(one.arrivals))) for one in part]
    if torn := {n: mine for n, mine in enumerate(outcomes) if len(mine) > 1 and Stored.CONFLICT in mine}:
        raise _Torn(torn)
    return outcomes


def _apart(part: _Part, torn: dict[int, list[Stored]]) -> list[_Part]:
    """Those that can be stored whole, and each of the others by itself: what it met may not be stored after all."""
    whole = [one for n, one in enumerate(part) if n not in torn]
    alone = [[part[n]] for n in torn]
    return [whole, *alone] if whole else [*alone]
