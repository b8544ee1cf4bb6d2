"""What came in: stored once, byte for byte, before anybody is told that it was taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, delete, select

from cxsdk.domain.raw import Raw, body_id
from cxsdk.store.among import among
from cxsdk.store.engine import Store, Transaction, owes
from cxsdk.store.prepared import Prepared
from cxsdk.store.rows import insert_new, update_each
from cxsdk.store.tables import CANCELLED, DEAD, DONE, inbox
from cxsdk.store.work import reason_of


class Stored(StrEnum):
    """What became of a record that came in."""

    NEW = "new"  #: it is a row now
    SAME = "same"  #: it was a row already
    CONFLICT = "conflict"  #: another record came before under its id; that one stays


@dataclass(frozen=True)
class Arrival:
    """One inbound record of one account."""

    account: str
    raw: Raw


def raw_of(row: Row[Any]) -> Raw:
    """A row as the record that came in."""
    return Raw(id=row.event_key, body=row.body, headers=row.headers, source=row.source, received_at=row.received_at)


def lane_of(account: str) -> str:
    """The lane of an account's inbound records."""
    return f"inbox:{account}"


def put(store: Store, tx: Transaction, arrivals: Sequence[Arrival]) -> list[Stored]:
    """Stores the new ones of these records; a record is new if no other of its account has its id.

    What corrects a record that could not be understood is a record of its own, beside it.
    """
    outcomes = _put(store, tx, arrivals)
    refused = [arrival for arrival, outcome in zip(arrivals, outcomes, strict=True) if outcome is Stored.CONFLICT]
    dead = _quarantined(tx, refused) if refused else set()
    corrections = [i for i, a in enumerate(arrivals) if outcomes[i] is Stored.CONFLICT and _key(a) in dead]
    beside = _put(store, tx, [_beside(arrivals[i]) for i in corrections])
    for i, outcome in zip(corrections, beside, strict=True):
        outcomes[i] = outcome
    return outcomes


def _put(store: Store, tx: Transaction, arrivals: Sequence[Arrival]) -> list[Stored]:
    if not arrivals:
        return []
    unique = {_key(arrival): arrival for arrival in reversed(arrivals)}
    now = store.clock.now()
    # In one order, so that no two batches lock each other out
    rows = [_row(arrival, now) for _, arrival in sorted(unique.items(), key=lambda item: item[0])]
    fresh = set(insert_new(tx, inbox, rows, "account", "event_key"))
    owes(tx, {lane_of(account) for account, _ in fresh})
    known = _stored(tx, [key for key in unique if key not in fresh])
    bodies = {key: unique[key].raw.body for key in fresh} | {key: row.body for key, row in known.items()}
    return [_outcome(arrival, unique, fresh, bodies) for arrival in arrivals]


def _key(arrival: Arrival) -> tuple[str, str]:
    return arrival.account, arrival.raw.id


def _stored(tx: Transaction, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Row[Any]]:
    """Those of these records that are there."""
    asked = {"accounts": sorted({account for account, _ in keys}), "keys": [key for _, key in keys]}
    found = {(row.account, row.event_key): row for row in tx.execute(_STORED, asked)} if keys else {}
    return {key: found[key] for key in keys if key in found}


# By single columns: by pairs of values SQLite would look through all records. A few too many do no harm
_STORED = Prepared(
    select(inbox.c.account, inbox.c.event_key, inbox.c.state, inbox.c.body).where(
        among(inbox.c.account, "accounts"), among(inbox.c.event_key, "keys")
    )
)


def _quarantined(tx: Transaction, arrivals: Sequence[Arrival]) -> set[tuple[str, str]]:
    return {key for key, row in _stored(tx, [_key(a) for a in arrivals]).items() if row.state in (DEAD, CANCELLED)}


def _beside(arrival: Arrival) -> Arrival:
    key = f"{arrival.raw.id[:160]} {body_id(arrival.raw.body)[:32]}"
    return Arrival(arrival.account, arrival.raw.model_copy(update={"id": key}))


def _row(arrival: Arrival, now: datetime) -> dict[str, object]:
    raw = arrival.raw
    return {
        "account": arrival.account,
        "event_key": raw.id,
        "source": raw.source,
        "body": raw.body,
        "headers": dict(raw.headers),
        "received_at": raw.received_at or now,
        "lane": lane_of(arrival.account),
        "next_at": now,
    }


def _outcome(
    arrival: Arrival,
    unique: dict[tuple[str, str], Arrival],
    fresh: set[tuple[str, str]],
    bodies: dict[tuple[str, str], bytes],
) -> Stored:
    key = _key(arrival)
    if key in fresh and unique[key] is arrival:
        return Stored.NEW
    return Stored.SAME if bodies.get(key) == arrival.raw.body else Stored.CONFLICT


def set_aside(store: Store, tx: Transaction, row_id: int, reason: str) -> None:
    """Quarantines a record that cannot be understood; it stays, with the reason, until a person decides."""
    aside = {"state": DEAD, "next_at": store.moment(tx), "reason": reason_of(reason)}
    update_each(tx, inbox, [{"id": row_id, **aside}])


def purge(tx: Transaction, before: datetime, limit: int = 5_000) -> int:
    """Forgets records that were parsed, or dropped, and came before this moment; tells how many."""
    over = inbox.c.state.in_([DONE, CANCELLED])
    old = select(inbox.c.id).where(inbox.c.received_at < before, over).limit(limit)
    return tx.execute(delete(inbox).where(inbox.c.id.in_(old))).rowcount


#: How long raw records are kept for replay, unless the integrator says otherwise.
KEEP_RAW = timedelta(days=30)
