"""Contacts: the set of facts told of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from cxsdk.domain.ids import stable_id
from cxsdk.domain.interaction import Interaction, InteractionFact, Kind, fold
from cxsdk.store.among import among
from cxsdk.store.engine import Dialect, Store, Transaction
from cxsdk.store.prepared import prepared
from cxsdk.store.rows import insert_new, update_each
from cxsdk.store.tables import interactions


@dataclass(frozen=True)
class Known:
    """A contact as it stands: its facts folded, whose it is, and how often it has changed."""

    id: str
    account: str
    customer_id: str
    interaction: Interaction
    facts: tuple[InteractionFact, ...]
    revision: int
    before: Interaction | None = None  #: as it stood before this change; None for a new one


def id_of(account: str, fact: InteractionFact) -> str:
    """The id of the contact that a fact speaks of; also its idempotency key at the CRM."""
    return stable_id("interaction", account, fact.interaction or fact.key)


def load(store: Store, tx: Transaction, ids: Sequence[str], default: Kind) -> dict[str, Known]:
    """These contacts as they stand, locked until the transaction ends."""
    return {row.id: known_from(row, default) for row in tx.execute(_load(store.dialect), {"ids": sorted(ids)}).all()}


@prepared
def _load(sql: Dialect) -> Any:
    mine = among(interactions.c.id, "ids")
    return sql.locked(select(interactions).where(mine).order_by(interactions.c.id))


def known_from(row: Any, default: Kind) -> Known:
    """A row of the table as a value."""
    facts = tuple(InteractionFact.model_validate(fact) for fact in row.facts)
    return Known(row.id, row.account, row.customer_id, fold(facts, default), facts, row.revision)


def save(tx: Transaction, new: Sequence[Known], changed: Sequence[Known]) -> set[str]:
    """Writes contacts; tells which of the new ones another worker wrote first."""
    inserted: set[str] = set()
    if new:
        inserted = {id for (id,) in insert_new(tx, interactions, [_row(known) for known in new], "id")}
    update_each(tx, interactions, [_changes(known) for known in changed])
    return {known.id for known in new} - inserted


#: The columns that a change may write, and whose they are.
_CHANGED = ("id", "customer_id", "kind", "direction", "at", "automatic", "state", "revision", "facts")


def _changes(known: Known) -> dict[str, Any]:
    row = _row(known)
    return {name: row[name] for name in _CHANGED}


def _row(known: Known) -> Mapping[str, Any]:
    contact = known.interaction
    return {
        "id": known.id,
        "account": known.account,
        "external_id": known.facts[0].interaction or known.facts[0].key,
        "customer_id": known.customer_id,
        "kind": contact.kind.value,
        "direction": contact.direction.value,
        "at": contact.at,
        "automatic": contact.automatic,
        "state": contact.state.value if contact.state else None,
        "revision": known.revision,
        "facts": [fact.model_dump(mode="json", exclude_defaults=True) for fact in known.facts],
    }
