"""The condition of an installation, as its rows show it: who does not work, what waits, and whether anybody works."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Table, func, select

from cxsdk.store.engine import Store, Transaction
from cxsdk.store.tables import OWED, WAITING, accounts, cursors, inbox, outbox, rings
from cxsdk.store.types import UtcDateTime
from cxsdk.store.work import OWED_TABLES, owed_lanes

#: No claim lasts longer: a row that is put off for more waits for its next try.
LONGEST_CLAIM = timedelta(minutes=10)


class Ailment(NamedTuple):
    """A part of an account that does not work: since when, why, and as what it counts as broken, if it does.

    ``source`` is None where it is the account's calls.
    """

    account: str
    source: str | None
    since: datetime
    problem: str
    broken: str | None


def ailments(tx: Transaction) -> list[Ailment]:
    """Whatever did not work when it was last tried."""
    calls = select(accounts).where(accounts.c.failing_since.is_not(None))
    reading = select(cursors).where(cursors.c.failing_since.is_not(None))
    return [
        *(Ailment(row.name, None, row.failing_since, row.problem or "", row.broken) for row in tx.execute(calls)),
        *(Ailment(r.account, r.source, r.failing_since, r.problem or "", r.broken) for r in tx.execute(reading)),
    ]


def pauses(tx: Transaction) -> Mapping[str | None, datetime]:
    """Until when each account rests, or rested last."""
    rested = select(accounts.c.name, accounts.c.paused_until).where(accounts.c.paused_until.is_not(None))
    return {row.name: row.paused_until for row in tx.execute(rested)}


def waiting(tx: Transaction) -> Mapping[str, Mapping[str, int]]:
    """How many rows wait for each account, by their kind; ``record`` is what came in. Looks at every row."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    is_open = outbox.c.state.in_([OWED, WAITING])
    out = select(outbox.c.account, outbox.c.kind, func.count().label("rows")).where(is_open)
    for row in tx.execute(out.group_by(outbox.c.account, outbox.c.kind)):
        found[row.account][row.kind] = row.rows
    came = select(inbox.c.account, func.count().label("rows")).where(inbox.c.state == OWED)
    for row in tx.execute(came.group_by(inbox.c.account)):
        found[row.account]["record"] = row.rows
    return found


class Lane(NamedTuple):
    """A lane with something to do: since when, since when a ring waits for it, and whether somebody works on it."""

    name: str
    since: datetime
    rung_at: datetime | None
    is_worked: bool


def lanes_due(store: Store, tx: Transaction) -> list[Lane]:
    """Every lane that owes something now, the longest waiting first."""
    now = store.moment(tx)
    rung = {row.lane: row.rung_at for row in tx.execute(select(rings))}
    return sorted(_lanes(store, tx, now, rung), key=lambda lane: lane.since)


def _lanes(store: Store, tx: Transaction, now: datetime, rung: Mapping[str, datetime | None]) -> Iterator[Lane]:
    for name in owed_lanes(store, tx):
        [table] = [table for table in OWED_TABLES if name.startswith(f"{table.name}:")]
        mine = (table.c.lane == name) & (table.c.state == OWED)
        since = tx.scalar(select(func.min(table.c.next_at, type_=UtcDateTime)).where(mine))
        if since is not None:
            yield Lane(name, since, rung.get(name), _is_claimed(tx, table, name, now))


def _is_claimed(tx: Transaction, table: Table, lane: str, now: datetime) -> bool:
    held = (table.c.next_at > now) & (table.c.next_at <= now + LONGEST_CLAIM)
    claimed = (table.c.fence > 0) & (table.c.attempts == 0) & held
    return (
        tx.execute(select(table.c.id).where(table.c.lane == lane, table.c.state == OWED, claimed).limit(1)).first()
        is not None
    )
