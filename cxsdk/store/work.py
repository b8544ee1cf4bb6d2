"""Owed work: claiming it, finishing it, putting it off. The same for the inbox, the outbox and due rows.

A claim is one statement that pushes ``next_at`` past the lease and raises ``fence``. Who writes a row back must still
hold its fence: a worker that was stopped for longer than its lease finds that it has lost the row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Integer, Interval, Row, Table, bindparam, delete, func, or_, select, tuple_, union_all, update

from cxsdk.store.engine import Store, Transaction, owes
from cxsdk.store.tables import DEAD, OWED, UNKNOWN, due, inbox, outbox, rings
from cxsdk.store.types import UtcDateTime

#: The tables that hold owed work.
OWED_TABLES: tuple[Table, ...] = (inbox, outbox, due)


@dataclass(frozen=True)
class Claim:
    """The right to write one row back, until its lease ends."""

    id: int
    fence: int


def claim(store: Store, tx: Transaction, table: Table, lane: str, limit: int, lease: timedelta) -> list[Row[Any]]:
    """Takes up to ``limit`` rows of a lane that are due, oldest first, for as long as the lease."""
    now = store.now
    times: dict[str, Any] = {"now": now, "until": now + lease} if isinstance(now, datetime) else {"lease": lease}
    statement = _claim(table, store.is_sqlite, by_database="lease" in times)
    taken = tx.execute(statement, {"in_lane": lane, "at_most": limit, **times})
    return sorted(taken, key=lambda row: row.id)  # RETURNING promises no order


# Statements that run for every batch are built once: building one takes as long as running it.
@cache
def _claim(table: Table, is_sqlite: bool, *, by_database: bool) -> Any:
    now: Any = bindparam("now", type_=UtcDateTime)
    until: Any = bindparam("until", type_=UtcDateTime)
    if by_database:
        now = func.clock_timestamp(type_=UtcDateTime)
        until = now + bindparam("lease", type_=Interval)
    ripe = (
        select(table.c.id)
        .where(table.c.lane == bindparam("in_lane"), table.c.state == OWED, table.c.next_at <= now)
        .order_by(table.c.next_at)
        .limit(bindparam("at_most", type_=Integer))
    )
    if not is_sqlite:
        # Materialised: a plain IN may be planned so that it claims more rows than its LIMIT.
        ripe = select(ripe.with_for_update(skip_locked=True).cte("ripe").prefix_with("MATERIALIZED").c.id)
    taken = update(table).where(table.c.id.in_(ripe)).values(next_at=until, fence=table.c.fence + 1)
    return taken.returning(*table.c)


def still_ours(store: Store, tx: Transaction, table: Table, claims: Iterable[Claim]) -> set[int]:
    """The ids of those claims that nobody else has taken over, locked until the transaction ends.

    Ask this first in the transaction that writes results back, and write only what is still ours.
    """
    held = [(c.id, c.fence) for c in claims]
    return set(tx.scalars(_still_ours(table, store.is_sqlite), {"held": held, "ids": [id for id, _ in held]})) if held else set()


@cache
def _still_ours(table: Table, is_sqlite: bool) -> Any:
    held = tuple_(table.c.id, table.c.fence).in_(bindparam("held", expanding=True))
    # SQLite finds rows by id, but by pairs of values it would look through the whole table
    ours = select(table.c.id).where(table.c.id.in_(bindparam("ids", expanding=True)), held).order_by(table.c.id)
    return ours if is_sqlite else ours.with_for_update()


def settle(tx: Transaction, table: Table, results: Sequence[Mapping[str, Any]]) -> None:
    """Writes rows back, each with its own values: mappings with the same keys, one of them ``id``."""
    if results:
        rows = [{"row_id": r["id"], **{f"new_{k}": v for k, v in r.items() if k != "id"}} for r in results]
        tx.execute(_settle(table, tuple(name for name in results[0] if name != "id")), rows)


@cache
def _settle(table: Table, names: tuple[str, ...]) -> Any:
    columns: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    return update(table).where(table.c.id == bindparam("row_id")).values(columns)


def settle_all(tx: Transaction, table: Table, ids: Iterable[int], **values: Any) -> None:
    """Writes the same values to many rows."""
    tx.execute(update(table).where(table.c.id.in_(list(ids))).values(**values))


def schedule(tx: Transaction, store: Store, lane: str, key: str, at: datetime) -> None:
    """Owes a look at ``key`` at this moment; one that was owed for another moment is moved there."""
    schedule_all(tx, store, lane, [(key, at)])


def schedule_all(tx: Transaction, store: Store, lane: str, looks: Sequence[tuple[str, datetime]]) -> None:
    """Owes a look at each key at its moment, many in one statement."""
    if not looks:
        return
    rows = [{"lane": lane, "key": key, "next_at": at, "state": OWED} for key, at in looks]
    tx.execute(_schedule(insert_for(store)), rows)
    if min(at for _, at in looks) <= store.clock.now():
        owes(tx, [lane])


@cache
def _schedule(insert_into: Any) -> Any:
    insert = insert_into(due)
    moved = {"next_at": insert.excluded.next_at, "fence": due.c.fence + 1}
    return insert.on_conflict_do_update(index_elements=[due.c.lane, due.c.key], set_=moved)


def unschedule(tx: Transaction, lane: str, key: str) -> None:
    """Owes no look at ``key`` any more."""
    tx.execute(delete(due).where(due.c.lane == lane, due.c.key == key))


def finish_due(tx: Transaction, claims: Sequence[Claim]) -> None:
    """Removes due rows that were looked at, unless they were scheduled anew meanwhile."""
    if claims:
        tx.execute(_FINISH_DUE, {"held": [(c.id, c.fence) for c in claims], "ids": [c.id for c in claims]})


_FINISH_DUE = delete(due).where(
    due.c.id.in_(bindparam("ids", expanding=True)), tuple_(due.c.id, due.c.fence).in_(bindparam("held", expanding=True))
)


def owed_lanes(store: Store, tx: Transaction) -> list[str]:
    """The lanes with something to do now."""
    now = store.now
    by_database = not isinstance(now, datetime)
    return sorted(set(tx.scalars(_owed_lanes(by_database=by_database), {} if by_database else {"now": now})))


@cache
def _owed_lanes(*, by_database: bool) -> Any:
    now: Any = func.clock_timestamp(type_=UtcDateTime) if by_database else bindparam("now", type_=UtcDateTime)
    return union_all(*(select(t.c.lane).where(t.c.state == OWED, t.c.next_at <= now).distinct() for t in OWED_TABLES))


def next_due(tx: Transaction) -> datetime | None:
    """The earliest moment at which something is to be done, or None: where a fast clock may jump to."""
    return min((moment for moment in tx.scalars(_NEXT_DUE) if moment is not None), default=None)


_NEXT_DUE = union_all(*(select(func.min(t.c.next_at, type_=UtcDateTime)).where(t.c.state == OWED) for t in OWED_TABLES))


def set_aside(tx: Transaction) -> dict[str, int]:
    """How many rows are dead or of unknown outcome, by table and state."""
    counts: dict[str, int] = {}
    for table in OWED_TABLES:
        grouped = select(table.c.state, func.count()).where(table.c.state.in_([DEAD, UNKNOWN])).group_by(table.c.state)
        counts |= {f"{table.name}_{state}": number for state, number in tx.execute(grouped)}
    return counts


def take_ring(store: Store, tx: Transaction, lane: str, patience: timedelta) -> bool:
    """Whether to ring for a lane: True unless a ring younger than ``patience`` waits for it already."""
    insert = insert_for(store)(rings).values(lane=lane, rung_at=store.now)
    taken = tx.execute(
        insert.on_conflict_do_update(
            index_elements=[rings.c.lane],
            set_={"rung_at": insert.excluded.rung_at},
            where=or_(rings.c.rung_at.is_(None), rings.c.rung_at < store.after(-patience)),
        ).returning(rings.c.lane)
    )
    return taken.first() is not None


def ring_taken_up(tx: Transaction, lane: str) -> None:
    """A worker has come for the lane: what is owed from now on needs a ring of its own."""
    tx.execute(update(rings).where(rings.c.lane == lane).values(rung_at=None))


def reason_of(text: str) -> str:
    """A reason as every database can keep it: without NUL or halves of characters, at most 2,000 characters."""
    return text[:2000].encode("utf-8", "replace").decode().replace("\0", "")


def insert_for(store: Store) -> Any:
    """The INSERT of this database, which knows ON CONFLICT."""
    if store.is_sqlite:
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]
    return insert
