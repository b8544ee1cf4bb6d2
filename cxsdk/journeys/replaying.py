"""Replay: records that were understood are owed again, to be parsed and folded once more.

Facts have keys, so that what was done is found to be done, and only what is new in them has consequences: after a
plugin has learned to read more, or mistakes in it were mended. Records become due some at a time, in the order in
which they came, so that a large replay holds up no fresh ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, false, or_, select

from cxsdk.errors import BadInput
from cxsdk.journeys.runtime import Runtime
from cxsdk.store import Transaction
from cxsdk.store.aside import Ref, is_name
from cxsdk.store.engine import owes
from cxsdk.store.patience import patient
from cxsdk.store.tables import CANCELLED, DEAD, DONE, OWED, inbox
from cxsdk.store.work import settle_all

#: So many records become due in a second, unless told otherwise.
PER_SECOND = 200


@dataclass(frozen=True)
class Replayed:
    """How many records were owed again together, and when they become due."""

    records: int
    due_at: datetime


def replayable(runtime: Runtime) -> list[str]:
    """The accounts whose records are understood here."""
    return [account for account in runtime.accounts if runtime.inbound(account) is not None]


def replay(
    runtime: Runtime, accounts: Collection[str], since: datetime | None = None, per_second: int = PER_SECOND
) -> Iterator[Replayed]:
    """Owes the records of these accounts again that came since then and were understood, a second's worth at a time.

    Each part is committed when it is told. What comes while this runs is not replayed.
    """
    with runtime.store.read() as tx:
        begun = runtime.store.moment(tx)
    # As an expression, since SQLite would search by the account, and sort all of its records for each part
    is_theirs = inbox.c.account.concat("").in_(accounts)
    wanted = and_(inbox.c.state == DONE, is_theirs, inbox.c.received_at <= begun)
    if since is not None:
        wanted &= inbox.c.received_at >= since
    due_at, last = begun, None
    while rows := _part(runtime, wanted, last, per_second, due_at):
        yield Replayed(len(rows), due_at)
        due_at, last = due_at + timedelta(seconds=1), rows[-1]


@patient
def _part(runtime: Runtime, wanted: Any, last: Row[Any] | None, limit: int, due_at: datetime) -> Sequence[Row[Any]]:
    query = select(inbox.c.id, inbox.c.received_at, inbox.c.lane).where(wanted)
    if last is not None:
        later = and_(inbox.c.received_at == last.received_at, inbox.c.id > last.id)
        query = query.where(inbox.c.received_at >= last.received_at, or_(inbox.c.received_at > last.received_at, later))
    with runtime.store.write() as tx:
        locked = runtime.store.dialect.locked(query.order_by(inbox.c.received_at, inbox.c.id).limit(limit))
        rows = tx.execute(locked).all()
        _owe(tx, rows, due_at, now=last is None)
    return rows


def _owe(tx: Transaction, rows: Sequence[Row[Any]], due_at: datetime, *, now: bool) -> None:
    # Their fences stay, and go on from there: that is how they differ from fresh ones
    settle_all(tx, inbox, [row.id for row in rows], state=OWED, attempts=0, reason=None, next_at=due_at)
    if now:
        owes(tx, {row.lane for row in rows})


@patient
def replay_event(runtime: Runtime, event: str, accounts: Collection[str]) -> int:
    """Owes one event again, named by the provider's id or as ``inbox:45``; tells how many records have that id.

    Raises BadInput where there is none, or it was never understood.
    """
    mine = inbox.c.event_key == event
    if is_name(event):
        ref = Ref.read(event)
        mine = inbox.c.id == ref.id if ref.table == inbox.name else false()
    with runtime.store.write() as tx:
        found = tx.execute(select(inbox).where(mine, inbox.c.account.in_(accounts)).order_by(inbox.c.id)).all()
        if not found:
            raise BadInput(
                f"No record is kept of {event!r}. Check its id and account; raw records are kept for CX.keep_raw.",
                code="record_unknown",
            )
        for row in found:
            _check(row)
        again = [row for row in found if row.state == DONE]
        _owe(tx, again, runtime.store.moment(tx), now=True)
    return len(found)


def _check(row: Row[Any]) -> None:
    ref = Ref("inbox", row.id)
    if row.state == DEAD:
        raise BadInput(f"{ref} was never understood. Try it again with: cxsdk dead retry {ref} APP", code="record_dead")
    if row.state == CANCELLED:
        raise BadInput(f"{ref} was dropped: it stays so.", code="record_dropped")
