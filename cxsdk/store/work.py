"""Owed work: claiming it, finishing it, putting it off. The same for the inbox, the outbox and due rows.

A claim is one statement that pushes ``next_at`` past the lease and raises ``fence``. Who writes a row back must still
hold its fence: a worker that was stopped for longer than its lease finds that it has lost the row. A row that goes out
is marked by its claim, before the call: to write it once more for that would cost as much as the claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Integer, Row, Table, and_, bindparam, delete, exists, func, or_, select, union, union_all, update

from cxsdk.store.among import among
from cxsdk.store.engine import NOW, Dialect, Store, Transaction, owes
from cxsdk.store.prepared import Prepared, prepared
from cxsdk.store.rows import given, insert_for, inserting, update_each
from cxsdk.store.tables import DEAD, OWED, UNKNOWN, due, inbox, outbox, rings
from cxsdk.store.types import UtcDateTime

#: The tables that hold owed work.
OWED_TABLES: tuple[Table, ...] = (inbox, outbox, due)


@dataclass(frozen=True)
class Claim:
    """The right to write one row back, until its lease ends."""

    id: int
    fence: int


def claim(
    store: Store, tx: Transaction, table: Table, lane: str, limit: int, lease: timedelta, *, newest: int = 0
) -> list[Row[Any]]:
    """Takes up to ``limit`` rows of a lane that are due, oldest first, for as long as the lease.

    ``newest``: how many of them may come from the other end, so that what is fresh does not wait behind a backlog.

    Those that go out are marked from now on. ``marked_at`` of the rows returned is the mark that they had before.
    """
    asked = {"in_lane": lane, "at_most": limit - newest, **store.times(now=NOW, until=lease)}
    if newest:
        asked["of_newest"] = newest
    taken = tx.execute(_claim(store.dialect, table, both_ends=newest > 0), asked).all()
    return sorted(taken, key=lambda row: row.id)  # RETURNING promises no order


@prepared
def _claim(sql: Dialect, table: Table, *, both_ends: bool) -> Any:
    ripe = select(table.c.id).where(_due_now(sql, table))
    ends = [ripe.order_by(table.c.next_at).limit(bindparam("at_most", type_=Integer))]
    if both_ends:
        ends.append(ripe.order_by(table.c.next_at.desc()).limit(bindparam("of_newest", type_=Integer)))
    if sql.is_sqlite:
        chosen = [select(end.subquery().c.id) for end in ends]
    else:
        # Materialised: a plain IN may be planned so that it claims more rows than its LIMIT.
        locked = [end.with_for_update(skip_locked=True) for end in ends]
        chosen = [select(end.cte(f"ripe_{n}").prefix_with("MATERIALIZED").c.id) for n, end in enumerate(locked)]
    mine = table.c.id.in_(union(*chosen) if both_ends else chosen[0])
    taken: dict[str, Any] = {"next_at": sql.at("until"), "fence": table.c.fence + 1}
    returned: dict[str, Any] = dict(table.c)
    if "marked_at" in table.c:
        taken["marked_at"] = func.coalesce(table.c.marked_at, sql.at("now"))
        returned["marked_at"] = func.nullif(table.c.marked_at, sql.at("now"), type_=UtcDateTime).label("marked_at")
    return update(table).where(mine).values(taken).returning(*returned.values())


def still_ours(store: Store, tx: Transaction, table: Table, claims: Iterable[Claim]) -> set[int]:
    """The ids of those claims that nobody else has taken over, locked until the transaction ends.

    Ask this first in the transaction that writes results back, and write only what is still ours.
    """
    held = {(c.id, c.fence) for c in claims}
    if not held:
        return set()
    rows = tx.execute(_still_ours(store.dialect, table), {"ids": sorted(id for id, _ in held)}).all()
    return {row.id for row in rows if (row.id, row.fence) in held}


@prepared
def _still_ours(sql: Dialect, table: Table) -> Any:
    return sql.locked(select(table.c.id, table.c.fence).where(among(table.c.id, "ids")).order_by(table.c.id))


def settle(tx: Transaction, table: Table, results: Sequence[Mapping[str, Any]]) -> None:
    """Writes rows back, each with its own values: mappings with the same keys, one of them ``id``."""
    update_each(tx, table, results)


def settle_all(tx: Transaction, table: Table, ids: Iterable[int], **values: Any) -> None:
    """Writes the same values to many rows."""
    tx.execute(_settle_all(table, tuple(values)), {"ids": list(ids), **{f"new_{k}": v for k, v in values.items()}})


@prepared
def _settle_all(table: Table, names: tuple[str, ...]) -> Any:
    columns: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    return update(table).where(among(table.c.id, "ids")).values(columns)


def schedule(tx: Transaction, store: Store, lane: str, key: str, at: datetime) -> None:
    """Owes a look at ``key`` at this moment; one that was owed for another moment is moved there."""
    schedule_all(tx, store, lane, [(key, at)])


def schedule_all(tx: Transaction, store: Store, lane: str, looks: Sequence[tuple[str, datetime]]) -> None:
    """Owes a look at each key at its moment, many in one statement; of two for the same key the last one holds."""
    if not looks:
        return
    rows = [{"lane": lane, "key": key, "next_at": at, "state": OWED} for key, at in dict(looks).items()]
    tx.execute(_schedule(tx.dialect.name), given(tx, due, rows))
    if min(at for _, at in looks) <= store.clock.now():
        owes(tx, [lane])


@prepared
def _schedule(on: str) -> Any:
    insert = inserting(on, due, ("lane", "key", "next_at", "state"))
    moved = {"next_at": insert.excluded.next_at, "fence": due.c.fence + 1, "state": OWED}
    return insert.on_conflict_do_update(index_elements=[due.c.lane, due.c.key], set_=moved)


def unschedule(tx: Transaction, lane: str, key: str) -> None:
    """Owes no look at ``key`` any more."""
    tx.execute(_UNSCHEDULE, {"in_lane": lane, "its_key": key})


_UNSCHEDULE = Prepared(delete(due).where(due.c.lane == bindparam("in_lane"), due.c.key == bindparam("its_key")))


def finish_due(store: Store, tx: Transaction, claims: Iterable[Claim]) -> set[int]:
    """Removes those due rows that are ``still_ours``, for they are looked at in this transaction; tells their ids."""
    ours = still_ours(store, tx, due, claims)
    if ours:
        tx.execute(_FINISH_DUE, {"ids": ours})
    return ours


_FINISH_DUE = Prepared(delete(due).where(among(due.c.id, "ids")))


def is_owed(store: Store, tx: Transaction, table: Table, lane: str) -> bool:
    """Whether a lane has something to do now."""
    return tx.execute(_is_owed(store.dialect, table), {"in_lane": lane, **store.times(now=NOW)}).first() is not None


@prepared
def _is_owed(sql: Dialect, table: Table) -> Any:
    return select(table.c.id).where(_due_now(sql, table)).limit(1)


def _due_now(sql: Dialect, table: Table) -> Any:
    return and_(table.c.lane == bindparam("in_lane"), table.c.state == OWED, table.c.next_at <= sql.at("now"))


def owed_lanes(store: Store, tx: Transaction) -> list[str]:
    """The lanes with something to do now."""
    return sorted(set(tx.scalars(_owed_lanes(store.dialect), store.times(now=NOW))))


@prepared
def _owed_lanes(sql: Dialect) -> Any:
    return union_all(*(_owed_lanes_of(sql, table) for table in OWED_TABLES))


def _owed_lanes_of(sql: Dialect, table: Table) -> Any:
    # From lane to lane in the index: a DISTINCT would go through every row that waits, and millions may
    owed = select(func.min(table.c.lane).label("lane")).where(table.c.state == OWED)
    lanes = owed.cte(f"{table.name}_lanes", recursive=True)
    following = owed.where(table.c.lane > lanes.c.lane).scalar_subquery()
    lanes = lanes.union_all(select(following).where(lanes.c.lane.is_not(None)))
    is_due = exists().where(table.c.lane == lanes.c.lane, table.c.state == OWED, table.c.next_at <= sql.at("now"))
    return select(lanes.c.lane).where(is_due)


def next_due(tx: Transaction) -> datetime | None:
    """The earliest moment at which something is to be done, or None: where a fast clock may jump to."""
    return min((moment for moment in tx.scalars(_NEXT_DUE) if moment is not None), default=None)


_NEXT_DUE = Prepared(
    union_all(*(select(func.min(t.c.next_at, type_=UtcDateTime)).where(t.c.state == OWED) for t in OWED_TABLES))
)


def set_aside(tx: Transaction) -> dict[str, int]:
    """How many rows are dead or of unknown outcome, by table and state."""
    counts: dict[str, int] = {}
    for table in OWED_TABLES:
        grouped = select(table.c.state, func.count()).where(table.c.state.in_([DEAD, UNKNOWN])).group_by(table.c.state)
        counts |= {f"{table.name}_{state}": number for state, number in tx.execute(grouped)}
    return counts


def waiting_rings(store: Store, tx: Transaction, lanes: Iterable[str], patience: timedelta) -> set[str]:
    """Those of these lanes for which a ring younger than ``patience`` waits."""
    asked = {"lanes": sorted(lanes), **store.times(long_ago=-patience)}
    return set(tx.scalars(_waiting_rings(store.dialect), asked))


@prepared
def _waiting_rings(sql: Dialect) -> Any:
    return select(rings.c.lane).where(among(rings.c.lane, "lanes"), rings.c.rung_at >= sql.at("long_ago"))


def take_ring(store: Store, tx: Transaction, lane: str, patience: timedelta) -> bool:
    """Whether to ring for a lane: True unless a ring younger than ``patience`` waits for it already."""
    times = store.times(now=NOW, long_ago=-patience)
    return tx.execute(_take_ring(store.dialect, insert_for(store)), {"new_lane": lane, **times}).first() is not None


@prepared
def _take_ring(sql: Dialect, insert_into: Any) -> Any:
    insert = insert_into(rings).values(lane=bindparam("new_lane"), rung_at=sql.at("now"))
    return insert.on_conflict_do_update(
        index_elements=[rings.c.lane],
        set_={"rung_at": insert.excluded.rung_at},
        where=or_(rings.c.rung_at.is_(None), rings.c.rung_at < sql.at("long_ago")),
    ).returning(rings.c.lane)


def ring_taken_up(tx: Transaction, lane: str) -> None:
    """A worker has come for the lane: what is owed from now on needs a ring of its own."""
    tx.execute(_RING_TAKEN_UP, {"of": lane})


_RING_TAKEN_UP = Prepared(update(rings).where(rings.c.lane == bindparam("of")).values(rung_at=None))


def reason_of(text: str) -> str:
    """A reason as every database can keep it: without NUL or halves of characters, at most 2,000 characters."""
    return text[:2000].encode("utf-8", "replace").decode().replace("\0", "")
