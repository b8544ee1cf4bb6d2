"""Erasure: a person is forgotten here, and anonymous scores are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, or_, select, update

from cxsdk.domain.facts import PersonErased
from cxsdk.journeys.runtime import Runtime
from cxsdk.store import Transaction, customers
from cxsdk.store.tables import (
    CANCELLED,
    DEAD,
    cases,
    decisions,
    due,
    early_facts,
    events,
    identities,
    inbox,
    interactions,
    invitations,
    outbox,
    promises,
    responses,
    tasks,
)
from cxsdk.store.tables import customers as customers_table


def fold_erasures(runtime: Runtime, tx: Transaction, account: str, facts: Sequence[PersonErased]) -> list[str | None]:
    """Whom the CRM has erased is forgotten here too."""
    for fact in facts:
        customer_id = customers.by_person(tx, fact.person_id)
        if customer_id is not None:
            forget(tx, customer_id)
    return [None for _ in facts]


def forget(tx: Transaction, customer_id: str) -> None:
    """Removes everything that speaks of a person; of their answers, scale, score and time stay, without a name.

    Raw records that speak of several people are removed as well: they cannot be told apart any more.
    """
    everyone = _all_who_became(tx, customer_id)
    asked = select(invitations.c.id).where(invitations.c.customer_id.in_(everyone))
    owed = [*tx.scalars(asked), *tx.scalars(select(promises.c.id).where(promises.c.customer_id.in_(everyone)))]
    owed += tx.scalars(select(cases.c.id).where(cases.c.customer_id.in_(everyone)))
    owed += tx.scalars(select(interactions.c.id).where(interactions.c.customer_id.in_(everyone)))
    known_as = select(outbox.c.provider_id).where(outbox.c.customer_id.in_(everyone))
    tx.execute(delete(early_facts).where(early_facts.c.ref.in_(known_as)))
    tx.execute(delete(due).where(due.c.key.in_(owed)))
    anonymous: dict[str, Any] = {"customer_id": None, "answers": {}, "parts": [], "case_id": None}
    tx.execute(update(responses).where(responses.c.customer_id.in_(everyone)).values(anonymous))
    quarantined = _quarantined(tx, everyone)  # found by the identities that go next
    for table in (outbox, interactions, events, invitations, cases, promises, tasks, decisions, identities):
        tx.execute(delete(table).where(table.c.customer_id.in_(everyone)))
    tx.execute(delete(inbox).where(or_(inbox.c.customer_id.in_(everyone), inbox.c.customer_id == "*")))
    tx.execute(delete(inbox).where(inbox.c.id.in_(quarantined)))
    tx.execute(delete(customers_table).where(customers_table.c.id.in_(everyone)))


def _all_who_became(tx: Transaction, customer_id: str) -> list[str]:
    """A customer, whoever was made one with them, and whoever had been made one with those before."""
    everyone, found = [], [customer_id]
    while found:
        everyone += found
        found = list(tx.scalars(select(customers_table.c.id).where(customers_table.c.merged_into.in_(found))))
    return everyone


def _quarantined(tx: Transaction, everyone: Sequence[str]) -> list[int]:
    """Records that nobody understood and that name one of these people all the same."""
    values = tx.scalars(select(identities.c.value).where(identities.c.customer_id.in_(everyone)))
    needles = [value.lower().lstrip("+").encode() for value in values]
    is_aside = inbox.c.state.in_([DEAD, CANCELLED])
    unknown = select(inbox.c.id, inbox.c.body).where(is_aside, inbox.c.customer_id.is_(None))
    return [id for id, body in tx.execute(unknown) if any(needle in body.lower() for needle in needles)]
