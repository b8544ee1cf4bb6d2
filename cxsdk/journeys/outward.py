"""Everything that goes out, one way for all kinds: claim, mark, call, write down the receipts.

A row is marked before the call that may write it. A row that comes back marked is in doubt: a process died, or an
answer was lost. What then happens depends on how the provider keeps a repeated value single (``duplicates``).
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from cxsdk.domain.clock import stopwatch
from cxsdk.domain.outward import Outcome, Receipt
from cxsdk.errors import (
    AuthenticationError,
    CxsdkError,
    OutcomeUnknown,
    PluginBug,
    RateLimited,
    Rejected,
    Transient,
    Unsupported,
)
from cxsdk.http.deadline import deadline
from cxsdk.journeys.runtime import Runtime
from cxsdk.observe import logger
from cxsdk.store import Transaction, accounts, outbox
from cxsdk.store.engine import owes
from cxsdk.store.tables import DEAD, DONE, OWED, UNKNOWN
from cxsdk.store.tables import outbox as table
from cxsdk.store.work import Claim, claim, settle, still_ours

#: Waits between tries that failed on the very row, about 28 hours in all; each is varied by a fifth.
RETRY_WAITS = tuple(timedelta(minutes=m) for m in (1, 5, 30, 120, 480, 1020))
#: How long credentials that were refused rest before they are tried again.
AUTHENTICATION_PAUSE = timedelta(minutes=5)
#: How long an account rests that is over a limit and does not say for how long.
LIMIT_PAUSE = timedelta(seconds=10)

Answer = Receipt | Exception
#: Rows with the receipts that say that they are done.
Finished = Sequence[tuple[Row[Any], Receipt]]


class Desk(ABC):
    """What differs between the kinds of outward work: how a row becomes a value, who is called, what follows."""

    #: The account's way with values that are sent twice; see ``CRM.duplicates``.
    duplicates: str = "upsert"
    lookup_lag: timedelta = timedelta(0)
    batch_size: int = 1
    deadline_s: float = 20.0
    #: Whether a value that may have been sent may be sent again where nobody can tell.
    repeats: bool = True

    def __init__(self, runtime: Runtime, account: str) -> None:
        self.runtime = runtime
        self.account = account

    def prepare(self) -> None:
        """What must be asked over the network before a batch is built."""

    @abstractmethod
    def build(self, tx: Transaction, rows: Sequence[Row[Any]]) -> Mapping[int, Any]:
        """The value of each row by its id; a Rejected instead of a value sets the row aside."""

    @abstractmethod
    def call(self, values: Sequence[Any]) -> Iterable[Receipt]:
        """Asks the plugin: receipts in the order of the values."""

    def find_written(self, keys: Sequence[str]) -> Iterable[str | None]:
        """The provider's ids of what was written under these keys."""
        raise NotImplementedError

    @abstractmethod
    def done(self, tx: Transaction, finished: Finished) -> None:
        """What follows from values that are there now, in the transaction that writes them down."""

    def given_up(self, tx: Transaction, row: Row[Any], reason: str) -> None:
        """What follows from a value that is set aside."""


@dataclass
class _Batch:
    """Rows that one worker holds, and the seconds it may still use for them."""

    rows: list[Row[Any]]
    values: Mapping[int, Any]
    taken_at: float

    def has_time(self, desk: Desk) -> bool:
        left = desk.runtime.lease.total_seconds() - (stopwatch() - self.taken_at)
        return left > desk.deadline_s


def deliver(desk: Desk, lane: str) -> None:
    """Works off one claim of a lane."""
    desk.prepare()
    batch, doubtful = _take(desk, lane)
    if doubtful:
        batch.rows += _look_up(desk, doubtful)
    if batch.rows:
        _send(desk, batch)


def _take(desk: Desk, lane: str) -> tuple[_Batch, list[Row[Any]]]:
    """Claims rows and marks those that are to be sent; returns apart those that must be looked up first."""
    runtime = desk.runtime
    taken_at = stopwatch()
    with runtime.store.write() as tx:
        if accounts.is_paused(runtime.store, tx, desk.account):
            return _Batch([], {}, taken_at), []
        rows = claim(runtime.store, tx, table, lane, desk.batch_size, runtime.lease)
        values = _build(desk, tx, rows)
        rows, aside = _without_refused(desk, tx, rows, values)
        doubtful = [row for row in rows if row.marked_at is not None]
        if desk.duplicates == "upsert" or (desk.duplicates == "none" and desk.repeats):
            doubtful = []
        sending = [row for row in rows if row not in doubtful]
        outbox.mark(tx, [row.id for row in sending], runtime.clock.now())
        if desk.duplicates == "none":
            doubtful = _leave_unknown(desk, tx, doubtful)
    if len(rows) + aside >= desk.batch_size:
        runtime.doorbell.ring([lane])
    return _Batch(sending, values, taken_at), doubtful


def _build(desk: Desk, tx: Transaction, rows: Sequence[Row[Any]]) -> Mapping[int, Any]:
    """The rows' values; a row of which none can be made is refused alone."""
    try:
        return desk.build(tx, rows)
    except ValueError as error:
        if len(rows) == 1:
            return {rows[0].id: Rejected(f"Its value cannot be built: {error}", code="value_invalid")}
        return {id: value for row in rows for id, value in _build(desk, tx, [row]).items()}


def _without_refused(
    desk: Desk, tx: Transaction, rows: list[Row[Any]], values: Mapping[int, Any]
) -> tuple[list[Row[Any]], int]:
    """Sets aside the rows whose values could not even be built."""
    good = []
    for row in rows:
        if isinstance(values[row.id], Rejected):
            settle(tx, table, [_refused(desk, tx, row, str(values[row.id]))])
        else:
            good.append(row)
    return good, len(rows) - len(good)


def _leave_unknown(desk: Desk, tx: Transaction, rows: list[Row[Any]]) -> list[Row[Any]]:
    """What must not be sent twice, and may have been sent, is listed for a person instead."""
    for row in rows:
        reason = "A call with it was cut off; it may have been sent, and the provider cannot tell."
        settle(tx, table, [{"id": row.id, "state": UNKNOWN, "reason": reason}])
        desk.given_up(tx, row, "outcome_unknown")
    return []


def _look_up(desk: Desk, rows: list[Row[Any]]) -> list[Row[Any]]:
    """Asks the provider for what may be there already; returns the rows that are not, marked anew."""
    runtime = desk.runtime
    settled_after = timedelta(seconds=desk.deadline_s) + desk.lookup_lag
    ripe = [row for row in rows if row.marked_at + settled_after <= runtime.clock.now()]
    try:
        with deadline(desk.deadline_s):
            found = list(desk.find_written([row.key for row in ripe])) if ripe else []
    except Exception as error:  # the rows stay in doubt: asked again when the account has rested
        _write_down(desk, [(row, _as_unknown(error)) for row in rows])
        return []
    if len(found) != len(ripe):
        _write_down(desk, [(row, OutcomeUnknown(f"find_written answered {len(found)} of {len(ripe)}")) for row in rows])
        return []
    with runtime.store.write() as tx:
        ours = still_ours(runtime.store, tx, table, [Claim(row.id, row.fence) for row in rows])
        for row in rows:
            if row.id in ours and row not in ripe:
                settle(tx, table, [{"id": row.id, "next_at": row.marked_at + settled_after}])
        missing = [row for row, id in zip(ripe, found, strict=True) if id is None and row.id in ours]
        outbox.mark(tx, [row.id for row in missing], runtime.clock.now())
    there = [(row, Receipt.duplicate(id)) for row, id in zip(ripe, found, strict=True) if id is not None]
    _write_down(desk, there)
    return missing


def _as_unknown(error: Exception) -> Exception:
    return error if isinstance(error, Transient | AuthenticationError) else OutcomeUnknown(str(error))


def _send(desk: Desk, batch: _Batch) -> None:
    """Calls the plugin; a batch that it refuses as a whole is tried one by one, so that one bad value stands alone."""
    together = [row for row in batch.rows if row.attempts == 0]
    alone = [row for row in batch.rows if row.attempts > 0]
    answers = _call(desk, together, batch.values) if together else []
    if len(together) > 1:
        alone += [row for row, answer in answers if isinstance(answer, Rejected)]
        answers = [(row, answer) for row, answer in answers if not isinstance(answer, Rejected)]
    _write_down(desk, answers)
    for row in alone:
        answers = _call(desk, [row], batch.values) if batch.has_time(desk) else [(row, Transient(retry_after=0.0))]
        _write_down(desk, answers)


def _call(desk: Desk, rows: Sequence[Row[Any]], values: Mapping[int, Any]) -> list[tuple[Row[Any], Answer]]:
    receipts: list[Receipt] = []
    error: Exception | None = None
    try:
        with deadline(desk.deadline_s):
            for receipt in desk.call([values[row.id] for row in rows]):
                if not isinstance(receipt, Receipt):
                    raise PluginBug(f"{desk.account} returned {type(receipt).__name__} where a Receipt was due.")
                receipts.append(receipt)
                if len(receipts) == len(rows):
                    break
    except Exception as raised:  # the exception speaks of every value without a receipt
        error = raised
    rest = error or PluginBug(f"{desk.account} returned {len(receipts)} receipts for {len(rows)} values.")
    return [(row, receipts[i] if i < len(receipts) else rest) for i, row in enumerate(rows)]


def _write_down(desk: Desk, answers: Sequence[tuple[Row[Any], Answer]]) -> None:
    """Writes the answers about rows that are still ours, and what follows from them, in one transaction."""
    if not answers:
        return
    runtime = desk.runtime
    with runtime.store.write() as tx:
        ours = still_ours(runtime.store, tx, table, [Claim(row.id, row.fence) for row, _ in answers])
        mine = [(row, answer) for row, answer in answers if row.id in ours]
        finished = [(row, answer) for row, answer in mine if isinstance(answer, Receipt) and answer.is_done]
        settle(tx, table, [_finished(row, receipt) for row, receipt in finished])
        _wanted_more(tx, [row.id for row, _ in finished])
        if finished:
            desk.done(tx, finished)
            accounts.worked(runtime.store, tx, desk.account)
        for row, answer in mine:
            if not (isinstance(answer, Receipt) and answer.is_done):
                settle(tx, table, [_unfinished(desk, tx, row, answer)])
        _rest_account(desk, tx, [answer for _, answer in answers])


def _finished(row: Row[Any], receipt: Receipt) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": DONE,
        "written": row.wanted,
        "provider_id": receipt.id or row.provider_id,
        "marked_at": None,
        "attempts": 0,
        "reason": None,
    }


def _wanted_more(tx: Transaction, ids: Sequence[int]) -> None:
    """A revision that rose while the call was in flight is owed at once."""
    more = table.update().where(table.c.id.in_(ids), table.c.wanted > table.c.written)
    owes(tx, set(tx.scalars(more.values(state=OWED, next_at=table.c.created_at).returning(table.c.lane))))


def _unfinished(desk: Desk, tx: Transaction, row: Row[Any], answer: Answer) -> dict[str, Any]:
    """How a row goes on after an answer that did not finish it."""
    now = desk.runtime.clock.now()
    reason = (answer.reason if isinstance(answer, Receipt) else str(answer))[:2000]
    if isinstance(answer, Rejected | Unsupported) or (
        isinstance(answer, Receipt) and answer.outcome is Outcome.REJECTED
    ):
        return _refused(desk, tx, row, reason)
    if isinstance(answer, Transient | AuthenticationError):  # it did not happen: no attempt is burnt
        return {"id": row.id, "marked_at": None, "next_at": now, "reason": reason}
    if isinstance(answer, Receipt) and answer.outcome is Outcome.DEFERRED:
        return {"marked_at": None, **_tried(desk, tx, row, reason, now)}
    if isinstance(answer, OutcomeUnknown | Receipt):
        return _in_doubt(desk, tx, row, reason, now)
    logger("cxsdk.outward").error("plugin_failed", account=desk.account, kind=row.kind, error=repr(answer))
    return _tried(desk, tx, row, f"{type(answer).__name__}: {reason}", now)


def _in_doubt(desk: Desk, tx: Transaction, row: Row[Any], reason: str, now: datetime) -> dict[str, Any]:
    """The row stays marked. An attempt is burnt only if the account works: an outage is not the row's fault."""
    health = accounts.health(tx, desk.account)
    if row.marked_at and health and health.last_ok_at and health.last_ok_at > row.marked_at:
        return _tried(desk, tx, row, reason, now)
    wait = timedelta(seconds=desk.deadline_s) + desk.lookup_lag if desk.duplicates == "lookup" else timedelta(seconds=1)
    return {"id": row.id, "next_at": now + wait, "reason": reason}


def _tried(desk: Desk, tx: Transaction, row: Row[Any], reason: str, now: datetime) -> dict[str, Any]:
    if row.attempts >= len(RETRY_WAITS):
        return _refused(desk, tx, row, reason)
    wait = RETRY_WAITS[row.attempts] * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, hides nothing
    return {"id": row.id, "attempts": row.attempts + 1, "next_at": now + wait, "reason": reason}


def _refused(desk: Desk, tx: Transaction, row: Row[Any], reason: str) -> dict[str, Any]:
    desk.given_up(tx, row, reason)
    return {"id": row.id, "state": DEAD, "marked_at": None, "reason": reason}


def _rest_account(desk: Desk, tx: Transaction, answers: Sequence[Answer]) -> None:
    """What an answer says of the whole account: a limit, an outage, refused credentials."""
    runtime = desk.runtime
    for error in {type(answer): answer for answer in answers if isinstance(answer, CxsdkError)}.values():
        wait: timedelta | None = None
        if isinstance(error, AuthenticationError):
            wait = AUTHENTICATION_PAUSE
        elif isinstance(error, RateLimited):
            wait = timedelta(seconds=error.retry_after) if error.retry_after is not None else LIMIT_PAUSE
        elif isinstance(error, Transient):
            if error.retry_after == 0.0:
                continue
            wait = timedelta(seconds=error.retry_after) if error.retry_after else None
        elif not isinstance(error, OutcomeUnknown):
            continue
        until = accounts.pause(runtime.store, tx, desk.account, f"{error.code}: {error}", wait)
        logger("cxsdk.outward").warning("account_rests", account=desk.account, why=error.code, until=until.isoformat())
