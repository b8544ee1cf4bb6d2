"""What a call's answers do to its rows: done, tried again later, looked up first, or set aside with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, update
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from cxsdk.domain.outward import Outcome, Receipt
from cxsdk.errors import (
    AuthenticationError,
    CxsdkError,
    OutcomeUnknown,
    PersonGone,
    RateLimited,
    Rejected,
    StoreUnavailable,
    Transient,
    Unsupported,
)
from cxsdk.journeys import health, reasons
from cxsdk.journeys.desk import Desk
from cxsdk.journeys.people import look_up_again
from cxsdk.observe import logger
from cxsdk.store import LostRace, Transaction, accounts, customers
from cxsdk.store.among import among
from cxsdk.store.engine import owes
from cxsdk.store.outbox import OutKind
from cxsdk.store.prepared import Prepared
from cxsdk.store.tables import DEAD, DONE, OWED, WAITING
from cxsdk.store.tables import outbox as table
from cxsdk.store.work import Claim, reason_of, settle, still_ours

#: Waits between tries that failed on the very row, about 28 hours in all; each is varied by a fifth.
RETRY_WAITS = tuple(timedelta(minutes=m) for m in (1, 5, 30, 120, 480, 1020))
#: How often a person who is gone is looked up again for the same row.
LOOKUPS = 3
#: How long credentials that were refused rest before they are tried again.
AUTHENTICATION_PAUSE = timedelta(minutes=5)
#: How long an account rests that is over a limit and does not say for how long.
LIMIT_PAUSE = timedelta(seconds=10)


#: What may change after it was written; a person, a message and a hook do not.
_REVISED = (OutKind.ENTRY, OutKind.TASK)


class NotCalled(Exception):
    """Nobody was asked about this row: it is given back as it was."""


class NothingSent(StoreUnavailable):
    """Our own database was away before the provider was asked: it did not happen."""


Answer = Receipt | Exception
Answers = Sequence[tuple[Row[Any], Answer]]

#: An answer that is lost with a database that restarts may become a double: a second and a half is worth it.
_PATIENTLY = Retrying(
    retry=retry_if_exception_type((LostRace, StoreUnavailable)),
    stop=stop_after_attempt(5),
    wait=wait_exponential(multiplier=0.1),
    reraise=True,
)


def write_down(desk: Desk, answers: Answers, *, looked_up: bool = False) -> None:
    """Writes down the answers about rows that are still ours, and what follows from them, in one transaction.

    ``looked_up``: they are not a call's answers, but those of ``find_written`` about an earlier one. An answer that
    cannot be written down sets its own row aside, and no other.
    """
    if not answers:
        return
    try:
        _PATIENTLY.copy(sleep=desk.runtime.sleep)(_write, desk, answers, looked_up)
    except StoreUnavailable:
        raise
    except Exception as error:  # a mistake of ours, or a value that the database does not take
        if len(answers) > 1:
            for one in answers:
                write_down(desk, [one], looked_up=looked_up)
        else:
            logger("cxsdk.outward").exception("answer_not_written", account=desk.account, row=answers[0][0].id)
            _set_aside(desk, answers[0][0], f"Its answer could not be written down: {error!r}")


def _write(desk: Desk, answers: Answers, looked_up: bool) -> None:
    runtime = desk.runtime
    with runtime.store.write() as tx:
        if desk.decides:
            # People before what is owed to them, as everywhere, so that no two workers lock each other out
            customers.lock(runtime.store, tx, {row.customer_id for row, _ in answers if row.customer_id})
        ours = still_ours(runtime.store, tx, table, [Claim(row.id, row.fence) for row, _ in answers])
        mine = [(row, answer) for row, answer in answers if row.id in ours]
        finished = [(row, answer) for row, answer in mine if isinstance(answer, Receipt) and answer.is_done]
        settle(tx, table, [_finished(desk, row, receipt) for row, receipt in finished])
        _wanted_more(tx, [row.id for row, _ in finished if row.kind in _REVISED])
        if finished:
            desk.done(tx, finished)
        health.answered(runtime, tx, desk.account, [answer for _, answer in answers])
        for row, answer in mine:
            if not (isinstance(answer, Receipt) and answer.is_done):
                change = _unfinished(desk, tx, row, answer)
                settle(tx, table, [{k: v for k, v in change.items() if not (looked_up and k == "marked_at")}])
        _rest_account(desk, tx, [answer for _, answer in answers])


def _set_aside(desk: Desk, row: Row[Any], reason: str) -> None:
    with desk.runtime.store.write() as tx:
        if still_ours(desk.runtime.store, tx, table, [Claim(row.id, row.fence)]):
            now = desk.runtime.store.moment(tx)
            settle(tx, table, [{"id": row.id, "state": DEAD, "next_at": now, "reason": reason_of(reason)}])


def _finished(desk: Desk, row: Row[Any], receipt: Receipt) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": DONE,
        "written": 1 if row.provider_id is None and _may_be_older(desk, row, receipt) else row.wanted,
        "provider_id": receipt.id or row.provider_id,
        "marked_at": None,
        "attempts": 0,
        "reason": None,
    }


def _may_be_older(desk: Desk, row: Row[Any], receipt: Receipt) -> bool:
    """Whether an earlier call may have made it, in whichever revision: the same key again changes nothing."""
    was_in_doubt = row.marked_at is not None and desk.duplicates == "upsert" and desk.updates
    return receipt.outcome is Outcome.DUPLICATE or was_in_doubt


def _wanted_more(tx: Transaction, ids: Sequence[int]) -> None:
    """A revision that rose while the call was in flight is owed at once."""
    if not ids:
        return
    owes(tx, set(tx.scalars(_WANTED_MORE, {"ids": list(ids)})))


_WANTED_MORE = Prepared(
    update(table)
    .where(among(table.c.id, "ids"), table.c.wanted > table.c.written)
    .values(state=OWED, next_at=table.c.created_at)
    .returning(table.c.lane)
)


def _unfinished(desk: Desk, tx: Transaction, row: Row[Any], answer: Answer) -> dict[str, Any]:
    """How a row goes on after an answer that did not finish it."""
    now = desk.runtime.store.moment(tx)
    if isinstance(answer, NotCalled):
        return {"id": row.id, "marked_at": _older_doubt(desk, row), "next_at": now}
    if isinstance(answer, Receipt):
        return _by_receipt(desk, tx, row, answer, now)
    reason = reasons.reason_for(answer)
    if isinstance(answer, Rejected | Unsupported):
        is_gone = isinstance(answer, PersonGone)
        return _without_person(desk, tx, row, reason, now) if is_gone else refused(desk, tx, row, reason)
    if isinstance(answer, Transient | AuthenticationError | NothingSent):  # it did not happen: no attempt is burnt
        return {"id": row.id, "marked_at": _older_doubt(desk, row), "next_at": now, "reason": reason}
    if isinstance(answer, OutcomeUnknown | StoreUnavailable):
        return _in_doubt(desk, tx, row, answer, now)
    logger("cxsdk.outward").error("plugin_failed", account=desk.account, kind=row.kind, error=repr(answer))
    return _tried(desk, tx, row, reasons.bug_in(answer), now)


def _by_receipt(desk: Desk, tx: Transaction, row: Row[Any], receipt: Receipt, now: datetime) -> dict[str, Any]:
    """The provider has spoken of this very value, so that the try counts."""
    reason = reason_of(receipt.reason)
    if receipt.outcome is Outcome.PERSON_GONE:
        return _without_person(desk, tx, row, reason, now)
    if receipt.outcome is Outcome.OPTED_OUT:
        desk.opted_out(tx, row, reason)
    if receipt.outcome in (Outcome.REJECTED, Outcome.OPTED_OUT):
        return refused(desk, tx, row, reason)
    tried = _tried(desk, tx, row, reason, now)
    return {"marked_at": _older_doubt(desk, row), **tried} if receipt.outcome is Outcome.DEFERRED else tried


def _older_doubt(desk: Desk, row: Row[Any]) -> datetime | None:
    """Since when a row is in doubt that this call did not write: an earlier one may have, unless that was looked up."""
    since: datetime | None = row.marked_at
    return since if desk.duplicates == "upsert" else None


def _in_doubt(desk: Desk, tx: Transaction, row: Row[Any], answer: CxsdkError, now: datetime) -> dict[str, Any]:
    """The row stays marked. An attempt is burnt only if the account works: an outage is not the row's fault.

    Nor is it the row's, or the plugin's, where our own database was away under the plugin.
    """
    reason, is_theirs = reasons.reason_for(answer), isinstance(answer, OutcomeUnknown)
    known = accounts.health(tx, desk.account)
    if is_theirs and row.marked_at and known and known.last_ok_at and known.last_ok_at > row.marked_at:
        return _tried(desk, tx, row, reason, now)
    wait = desk.settled_after if desk.duplicates == "lookup" else timedelta(seconds=1)
    return {"id": row.id, "next_at": now + wait, "reason": reason}


def _tried(desk: Desk, tx: Transaction, row: Row[Any], reason: str, now: datetime) -> dict[str, Any]:
    if row.attempts >= len(RETRY_WAITS):
        desk.given_up(tx, row, reasons.why(reason))
        return {"id": row.id, "state": DEAD, "next_at": now, "reason": reason}
    wait = RETRY_WAITS[row.attempts] * desk.runtime.chance.uniform(0.8, 1.2)
    return {"id": row.id, "attempts": row.attempts + 1, "next_at": now + wait, "reason": reason}


def _without_person(desk: Desk, tx: Transaction, row: Row[Any], reason: str, now: datetime) -> dict[str, Any]:
    """The row waits for its person to be looked up again; not for ever, where the CRM finds whom it does not have."""
    if not desk.needs_person or row.attempts >= LOOKUPS:
        return refused(desk, tx, row, reason)
    look_up_again(desk.runtime, tx, row.customer_id, reason)
    wait = RETRY_WAITS[row.attempts]  # a search may go on finding them for a while
    change = {"state": WAITING, "attempts": row.attempts + 1, "marked_at": None}
    return {"id": row.id, **change, "next_at": now + (wait if row.attempts else timedelta(0)), "reason": reason}


def refused(desk: Desk, tx: Transaction, row: Row[Any], reason: str) -> dict[str, Any]:
    """How a row ends that the provider does not take."""
    desk.given_up(tx, row, reasons.why(reason))
    now = desk.runtime.store.moment(tx)
    return {"id": row.id, "state": DEAD, "marked_at": None, "next_at": now, "reason": reason_of(reason)}


def _rest_account(desk: Desk, tx: Transaction, answers: Sequence[Answer]) -> None:
    """What an answer says of the whole account: a limit, an outage, refused credentials."""
    for error in {type(answer): answer for answer in answers}.values():
        if isinstance(error, StoreUnavailable):
            why = reason_of(f"{error.code}: {error}")
            accounts.rest(desk.runtime.store, tx, desk.account, why, timedelta(seconds=error.retry_after))
        if isinstance(error, Transient | AuthenticationError | OutcomeUnknown):
            why = reason_of(f"{error.code}: {error}")
            paused = accounts.pause(desk.runtime.store, tx, desk.account, why, _pause(error))
            log = logger("cxsdk.outward")
            log.warning("account_rests", account=desk.account, why=error.code, until=paused.until.isoformat())
            health.rests(desk.runtime, tx, desk.account, health.trouble_in(error), paused, why)


def _pause(error: CxsdkError) -> timedelta | None:
    """How long the account rests; None: longer with each failure in a row."""
    if isinstance(error, AuthenticationError):
        return AUTHENTICATION_PAUSE
    seconds = error.retry_after if isinstance(error, Transient) else None
    if seconds is not None and seconds > 0:
        return timedelta(seconds=min(max(1.0, seconds), accounts.LONGEST_LIMIT.total_seconds()))
    return LIMIT_PAUSE if isinstance(error, RateLimited) else None
