"""What must go out: one row for each thing made at a provider, with the wanted and the written revision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, bindparam, case, or_, select, update

from cxsdk.store.among import among
from cxsdk.store.engine import NOW, Dialect, Store, Transaction, owes
from cxsdk.store.prepared import Prepared, prepared
from cxsdk.store.rows import given, inserting
from cxsdk.store.tables import CANCELLED, DEAD, DONE, OWED, WAITING, outbox


class OutKind(StrEnum):
    """What sort of thing goes out; with the account it names a lane."""

    PERSON = "person"  #: a customer whom the CRM must know
    ENTRY = "entry"  #: an entry on a CRM's timeline
    TASK = "task"  #: work in the CRM
    MESSAGE = "message"  #: a message to a customer
    HOOK = "hook"  #: a plugin's own ``on_`` hook; the account is the plugin's name


@dataclass(frozen=True)
class Owed:
    """One thing to be made, or changed, at a provider. ``key`` is the idempotency key that goes with it."""

    account: str
    kind: OutKind
    key: str
    body: Mapping[str, Any]
    customer_id: str | None = None
    subject_id: str | None = None
    revision: int = 1
    automatic: bool = False
    waits: bool = field(default=False, kw_only=True)  #: for the customer's person


def lane_of(account: str, kind: OutKind) -> str:
    """The lane of an account's outward work of one kind."""
    return f"outbox:{account}:{kind}"


def owe(store: Store, tx: Transaction, things: Sequence[Owed]) -> None:
    """Owes these things. One that is owed already takes the higher revision; a lower one changes nothing.

    A row whose call is in flight keeps its lease: what rose meanwhile is written after it.
    """
    if not things:
        return
    now = store.clock.now()
    latest = {(thing.account, thing.kind, thing.key): thing for thing in sorted(things, key=lambda t: t.revision)}
    rows = [_row(thing, now) for thing in latest.values()]
    tx.execute(_owe(tx.dialect.name, tuple(rows[0])), given(tx, outbox, rows))
    owes(tx, {lane_of(thing.account, thing.kind) for thing in things if not thing.waits})


@prepared
def _owe(on: str, names: tuple[str, ...]) -> Any:
    new = inserting(on, outbox, names)
    again = or_(*(outbox.c.state == state for state in (DONE, DEAD, WAITING)))
    change = {
        "wanted": new.excluded.wanted,
        "body": new.excluded.body,
        "customer_id": new.excluded.customer_id,
        "state": case((again, new.excluded.state), else_=outbox.c.state),
        "next_at": case((again, new.excluded.next_at), else_=outbox.c.next_at),
        "attempts": case((again, 0), else_=outbox.c.attempts),
    }
    conflict = [outbox.c.account, outbox.c.kind, outbox.c.key]
    rises = new.excluded.wanted > outbox.c.wanted
    return new.on_conflict_do_update(index_elements=conflict, set_=change, where=rises)


def _row(thing: Owed, now: datetime) -> dict[str, Any]:
    return {
        "account": thing.account,
        "kind": thing.kind.value,
        "key": thing.key,
        "customer_id": thing.customer_id,
        "subject_id": thing.subject_id,
        "body": dict(thing.body),
        "wanted": thing.revision,
        "automatic": thing.automatic,
        "created_at": now,
        "lane": lane_of(thing.account, thing.kind),
        "state": WAITING if thing.waits else OWED,
        "next_at": now,
    }


def mark(store: Store, tx: Transaction, ids: Sequence[int]) -> None:
    """Notes anew, before a call, that these rows may be written by it: those that an earlier call may have written."""
    if ids:
        tx.execute(_mark(store.dialect), {"ids": ids, **store.times(now=NOW)})


@prepared
def _mark(sql: Dialect) -> Any:
    return update(outbox).where(among(outbox.c.id, "ids")).values(marked_at=sql.at("now"))


def already(tx: Transaction, account: str, kind: OutKind, keys: Iterable[str]) -> set[str]:
    """Those of these keys that are owed or written."""
    return set(tx.scalars(_ALREADY, {"of": account, "what": kind.value, "keys": keys}))


_ALREADY = Prepared(
    select(outbox.c.key).where(
        outbox.c.account == bindparam("of"), outbox.c.kind == bindparam("what"), among(outbox.c.key, "keys")
    )
)


def messages(
    tx: Transaction, keys: Sequence[str], *, accounts: Iterable[str] = (), customer_ids: Iterable[str] = ()
) -> dict[str, str | None]:
    """Those of these messages that are owed or sent, over these accounts or to these customers; with whose each is."""
    if not keys:
        return {}
    about = {"keys": keys, "accounts": list(accounts), "customer_ids": list(customer_ids)}
    return {row.key: row.customer_id for row in tx.execute(_MESSAGES, about)}


_MESSAGES = Prepared(
    select(outbox.c.key, outbox.c.customer_id).where(
        outbox.c.kind == OutKind.MESSAGE.value,
        among(outbox.c.key, "keys"),
        or_(
            among(outbox.c.account, "accounts"),
            among(outbox.c.customer_id, "customer_ids"),
        ),
    )
)


def cancel_messages(tx: Transaction, customer_id: str, reason: str, *, invitation_id: str | None = None) -> list[str]:
    """Takes back the automatic messages to a customer that no call may have sent; tells their invitations."""
    pending = (
        (outbox.c.customer_id == customer_id)
        & (outbox.c.kind == OutKind.MESSAGE.value)
        & outbox.c.automatic
        & outbox.c.state.in_([OWED, WAITING])
        & outbox.c.marked_at.is_(None)
    )
    if invitation_id:
        pending &= outbox.c.subject_id == invitation_id
    change = update(outbox).where(pending).values(state=CANCELLED, reason=reason, fence=outbox.c.fence + 1)
    return [subject for subject in tx.scalars(change.returning(outbox.c.subject_id)) if subject]


def written_as(tx: Transaction, account: str, kind: OutKind, provider_id: str) -> Row[Any] | None:
    """The row that a provider knows under this id of its own; ids of one kind may be those of another, too."""
    return tx.execute(_WRITTEN_AS, {"of": account, "what": kind.value, "its_id": provider_id}).first()


_WRITTEN_AS = Prepared(
    select(outbox).where(
        outbox.c.account == bindparam("of"),
        outbox.c.kind == bindparam("what"),
        outbox.c.provider_id == bindparam("its_id"),
    )
)
