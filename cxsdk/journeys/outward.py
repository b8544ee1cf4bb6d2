"""Everything that goes out, one way for all kinds: claim, mark, call, write down the receipts.

A claim marks its rows, before the call that may write them. A row that comes back marked is in doubt: a process died,
or an answer was lost. What then happens depends on how the provider keeps a repeated value single (``duplicates``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, islice
from typing import Any

from sqlalchemy import Row
from sqlalchemy.exc import DBAPIError

from cxsdk.domain.outward import Receipt
from cxsdk.errors import (
    AuthenticationError,
    CxsdkError,
    OutcomeUnknown,
    PluginBug,
    Rejected,
    StoreUnavailable,
    Transient,
    Unsupported,
)
from cxsdk.http.deadline import deadline
from cxsdk.journeys import health
from cxsdk.journeys.desk import Desk, Finished
from cxsdk.journeys.governor import PATIENCE_S, NoPermit
from cxsdk.journeys.receipts import Answers, NotCalled, refused, write_down
from cxsdk.observe import logger
from cxsdk.observe.crashing import calling, passing
from cxsdk.observe.guarding import guarded
from cxsdk.policy.health import LONG_WAIT, Trouble
from cxsdk.store import Transaction, accounts, outbox
from cxsdk.store.outbox import OutKind
from cxsdk.store.tables import CANCELLED, UNKNOWN
from cxsdk.store.tables import outbox as table
from cxsdk.store.work import Claim, claim, reason_of, settle, still_ours

__all__ = ["Desk", "Finished", "deliver"]

#: Errors that speak of the whole account, or of our own database under its plugin: nothing else is sent to it before it
#: has rested.
_OF_THE_ACCOUNT = (Transient, AuthenticationError, OutcomeUnknown, StoreUnavailable)
#: How many rows of an account that takes one in a call are claimed together: a claim costs as much as a call.
SINGLES = 8


@dataclass
class _Batch:
    """Rows that one worker holds, their values, and the seconds it may still use for them."""

    rows: list[Row[Any]]
    doubtful: list[Row[Any]]
    values: Mapping[int, Any]
    taken_at: float
    permitted: float  #: how many requests its permits are for
    is_full: bool  #: there may be more where it came from
    is_probe: bool  #: the account's last call failed

    def has_time(self, desk: Desk) -> bool:
        left = desk.lease.total_seconds() - (desk.runtime.stopwatch() - self.taken_at)
        return left > desk.deadline_s


def deliver(desk: Desk, lane: str) -> bool:
    """Works off one claim of a lane; tells whether there may be more.

    An account whose last call failed is probed with a single row.
    """
    runtime, kind = desk.runtime, OutKind(lane.rpartition(":")[2])
    desk.prepare()
    batch = _take_patiently(desk, lane, kind)
    if batch is None:
        return False
    if batch.is_full:
        runtime.pacing.goes_on(lane)
    if batch.is_full and not batch.is_probe:
        runtime.doorbell.ring([lane])  # before the call: a busy lane spreads over all workers
    with runtime.governor.counting(desk.account, kind, batch.permitted):
        batch.rows += _look_up(desk, batch)
        _send(desk, batch)
    if batch.is_full and batch.is_probe:
        runtime.doorbell.ring([lane])
    return batch.is_full and not runtime.governor.has_limits(desk.account)  # scarce permits go round among the lanes


def _take_patiently(desk: Desk, lane: str, kind: OutKind) -> _Batch | None:
    """Claims a batch, with the permits for its call; None where there is nothing to do now.

    Permits that come soon are waited for; for later ones the account rests, and the sweep rings again.
    """
    runtime, until = desk.runtime, desk.runtime.stopwatch() + PATIENCE_S
    while True:
        try:
            return _take(desk, lane, kind)
        except NoPermit as refused:
            is_soon = runtime.stopwatch() + refused.wait_s < until
            if not (is_soon and runtime.governor.wait(refused)):
                _rest(desk, refused)
                return None


def _take(desk: Desk, lane: str, kind: OutKind) -> _Batch | None:
    runtime, taken_at = desk.runtime, desk.runtime.stopwatch()
    with runtime.store.write() as tx:
        is_paused, is_failing = accounts.standing(runtime.store, tx, desk.account)
        if is_paused:
            return None
        limit = 1 if is_failing else _claim_size(desk)
        newest = runtime.governor.newest(limit)
        claimed = claim(runtime.store, tx, table, lane, limit, desk.lease, newest=newest)
        rows = _wanted(desk, tx, claimed)
        permitted = runtime.governor.permit(tx, desk.account, kind) if rows else 0.0
        is_full = len(claimed) >= limit - newest  # both ends may have met in rows of the same moment
        batch = _Batch([], [], _build(desk, tx, rows), taken_at, permitted, is_full, is_failing)
        _sort(desk, tx, rows, batch)
    return batch if claimed else None


def _claim_size(desk: Desk) -> int:
    """How many rows one claim takes: as many as a call, or a few calls where each takes one and nobody counts them."""
    takes_one = desk.batch_size == 1 and desk.duplicates != "none"
    return SINGLES if takes_one and not desk.runtime.governor.has_limits(desk.account) else desk.batch_size


def _rest(desk: Desk, refused: NoPermit) -> None:
    if refused.limit:
        why, wait = f"limit_used_up: {refused.limit}", timedelta(seconds=refused.wait_s)
        with desk.runtime.store.write() as tx:
            if wait > LONG_WAIT:
                paused = accounts.pause(desk.runtime.store, tx, desk.account, why, wait)
                health.rests(desk.runtime, tx, desk.account, Trouble.LIMIT, paused, why)
            else:
                accounts.rest(desk.runtime.store, tx, desk.account, why, wait)


def _wanted(desk: Desk, tx: Transaction, rows: Sequence[Row[Any]], *, unsent: bool = False) -> list[Row[Any]]:
    """The rows without those that must not go out now, or not any more. ``unsent``: no call has sent any of them."""
    not_now = desk.not_now(tx, rows) if rows else {}
    wanted = []
    for row in rows:
        decision = not_now.get(row.id)
        if decision is None:
            wanted.append(row)
        elif decision.until is not None:
            settle(tx, table, [{"id": row.id, "next_at": decision.until, "marked_at": row.marked_at}])
        elif unsent or row.marked_at is None:
            settle(tx, table, [{"id": row.id, "state": CANCELLED, "marked_at": None, "reason": decision.reason}])
            desk.dropped(tx, row, decision)
        elif desk.duplicates == "lookup":
            wanted.append(row)  # it may be there: that is looked up first
        else:
            _leave_unknown(desk, tx, row)
    return wanted


def _build(desk: Desk, tx: Transaction, rows: Sequence[Row[Any]]) -> Mapping[int, Any]:
    """The rows' values; a row of which none can be made is refused alone."""
    try:
        return desk.build(tx, rows) if rows else {}
    except (DBAPIError, StoreUnavailable):
        raise
    except Exception as error:  # what a row holds may be older or newer than the code that reads it
        if len(rows) == 1:
            return {rows[0].id: Rejected(f"Its value cannot be built: {error!r}", code="value_invalid")}
        return {id: value for row in rows for id, value in _build(desk, tx, [row]).items()}


def _sort(desk: Desk, tx: Transaction, rows: Sequence[Row[Any]], batch: _Batch) -> None:
    """Takes the rows that are to be sent; sets aside those without a value; holds back those that are in doubt."""
    for row in rows:
        if isinstance(batch.values[row.id], Rejected):
            settle(tx, table, [refused(desk, tx, row, str(batch.values[row.id]))])
        elif not _is_doubtful(desk, row):
            batch.rows.append(row)
        elif desk.duplicates == "none":
            _leave_unknown(desk, tx, row)
        else:
            batch.doubtful.append(row)
    outbox.mark(desk.runtime.store, tx, [row.id for row in batch.rows if row.marked_at is not None])
    _put_off(desk, tx, batch)


def _is_doubtful(desk: Desk, row: Row[Any]) -> bool:
    """Whether a call may have made this already, and sending it again may double it."""
    is_change = row.provider_id is not None and desk.updates
    if row.marked_at is None or is_change or desk.duplicates == "upsert":
        return False
    return desk.duplicates == "lookup" or not desk.repeats


def _leave_unknown(desk: Desk, tx: Transaction, row: Row[Any]) -> None:
    """What must not be sent twice, and may have been sent, is listed for a person instead."""
    cut_off = "A call with it was cut off; it may have been sent, and the provider cannot tell."
    reason = reason_of("\n".join(filter(None, [cut_off, row.reason])))
    now = desk.runtime.store.moment(tx)
    settle(tx, table, [{"id": row.id, "state": UNKNOWN, "next_at": now, "reason": reason}])
    desk.given_up(tx, row, "outcome_unknown")


def _put_off(desk: Desk, tx: Transaction, batch: _Batch) -> None:
    """A row in doubt is not looked up before its call has ended and could be seen."""
    if batch.doubtful:
        now = desk.runtime.store.moment(tx)
        early = [row for row in batch.doubtful if row.marked_at + desk.settled_after > now]
        settle(tx, table, [{"id": row.id, "next_at": row.marked_at + desk.settled_after} for row in early])
        batch.doubtful = [row for row in batch.doubtful if row not in early]


def _look_up(desk: Desk, batch: _Batch) -> list[Row[Any]]:
    """Asks the provider for what may be there already; returns the rows that are not, marked anew."""
    rows, runtime = batch.doubtful, desk.runtime
    if not rows:
        return []
    try:
        found = _find_written(desk, [batch.values[row.id].key for row in rows])
    except Exception as error:  # the rows stay in doubt
        write_down(desk, [(row, error) for row in rows], looked_up=True)
        return []
    there = [(row, Receipt.duplicate(id)) for row, id in zip(rows, found, strict=True) if id is not None]
    write_down(desk, there, looked_up=True)
    missing = [row for row, id in zip(rows, found, strict=True) if id is None]
    with runtime.store.write() as tx:
        ours = still_ours(runtime.store, tx, table, [Claim(row.id, row.fence) for row in missing])
        wanted = _wanted(desk, tx, [row for row in missing if row.id in ours], unsent=True)
        outbox.mark(runtime.store, tx, [row.id for row in wanted])
    return wanted


def _find_written(desk: Desk, keys: Sequence[str]) -> list[str | None]:
    try:
        with deadline(desk.deadline_s), calling(), guarded():
            found = list(islice(desk.find_written(keys), len(keys) + 1))
    except _OF_THE_ACCOUNT:
        raise
    except OSError as error:
        raise OutcomeUnknown(repr(error)) from error
    except Exception as error:
        raise PluginBug(f"{desk.account}.find_written failed: {error!r}") from error
    if len(found) != len(keys):
        raise PluginBug(f"{desk.account}.find_written answered {len(found)} of {len(keys)}.")
    return found


def _send(desk: Desk, batch: _Batch) -> None:
    """Calls the plugin with all rows, as many as it takes at once; then with each alone that it refused or failed on.

    What there is no time for any more, or what an account in trouble was not asked for, is given back as it was.
    """
    together = deque(_calls(desk, [row for row in batch.rows if row.attempts == 0]))
    alone = deque(row for row in batch.rows if row.attempts > 0)
    answers: Answers = []
    while together and batch.has_time(desk) and not _speaks_of_the_account(answers):
        rows = together.popleft()
        told = _call(desk, rows, batch.values)
        if len(rows) > 1:
            alone += [row for row, answer in told if isinstance(answer, Rejected | Unsupported)]
            told = [(row, answer) for row, answer in told if not isinstance(answer, Rejected | Unsupported)]
        answers = [*answers, *told]
    write_down(desk, answers)
    while alone and batch.has_time(desk) and not _speaks_of_the_account(answers):
        answers = _call(desk, [alone.popleft()], batch.values)
        write_down(desk, answers)
    write_down(desk, [(row, NotCalled()) for row in [*chain.from_iterable(together), *alone]])


def _calls(desk: Desk, rows: Sequence[Row[Any]]) -> Iterator[Sequence[Row[Any]]]:
    """The rows of each call."""
    return (rows[start : start + desk.batch_size] for start in range(0, len(rows), desk.batch_size))


def _speaks_of_the_account(answers: Answers) -> bool:
    return any(isinstance(answer, _OF_THE_ACCOUNT) for _, answer in answers)


def _call(desk: Desk, rows: Sequence[Row[Any]], values: Mapping[int, Any]) -> Answers:
    """One call of the plugin: a receipt for each row, or the error that speaks of it."""
    receipts: list[Receipt] = []
    error: Exception | None = None
    try:
        with deadline(desk.deadline_s), calling(type(desk).__name__), guarded():
            _collect(desk, desk.call([values[row.id] for row in rows]) if rows else (), len(rows), receipts)
    except NotImplementedError:
        error = Unsupported(f"{desk.account} cannot do this.")
    except OSError as raised:  # the network, under a plugin that does not use our session
        error = OutcomeUnknown(repr(raised))
    except Exception as raised:
        error = raised
        if not isinstance(raised, CxsdkError):  # a bug: its author needs to know the way to it
            logger("cxsdk.outward").error("plugin_raised", account=desk.account, exc_info=raised)
    if error is not None and len(receipts) == len(rows):
        logger("cxsdk.outward").error("plugin_failed", account=desk.account, error=repr(error), rows=0)
    # The error speaks of every value without a receipt
    rest = error or PluginBug(f"{desk.account} returned {len(receipts)} receipts for {len(rows)} values.")
    return [(row, receipts[i] if i < len(receipts) else rest) for i, row in enumerate(rows)]


def _collect(desk: Desk, given: Any, wanted: int, receipts: list[Receipt]) -> None:
    """Takes all that the plugin gives, to its very end: it may have something to finish after the last receipt."""
    for receipt in given:
        if not isinstance(receipt, Receipt):
            raise PluginBug(f"{desk.account} returned {type(receipt).__name__} where a Receipt was due.")
        if len(receipts) == wanted:
            raise PluginBug(f"{desk.account} returned more receipts than it got values.")
        receipts.append(receipt)
        passing("after a receipt")
