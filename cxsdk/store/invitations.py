"""Invitations and the answers to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, or_, select, update

from cxsdk.domain.survey import InvitationState
from cxsdk.store.engine import Store, Transaction
from cxsdk.store.tables import CANCELLED, DEAD, cases, invitations, outbox, responses
from cxsdk.store.work import insert_for

#: States in which it is still open whether a question is asked.
PENDING = (InvitationState.SCHEDULED, InvitationState.HELD)
_BY_IDS = select(invitations).where(invitations.c.id.in_(bindparam("ids", expanding=True)))
#: States that do not count towards a budget: nothing reached the customer.
NOT_ASKED = (InvitationState.SKIPPED, InvitationState.FAILED)


def add(store: Store, tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Writes invitations; tells the ids of the new ones: there is one of a kind for a trigger."""
    if not rows:
        return set()
    insert = insert_for(store)(invitations).on_conflict_do_nothing().returning(invitations.c.id)
    return set(tx.scalars(insert, [dict(row) for row in rows]))


def change(tx: Transaction, ids: Iterable[str], **values: Any) -> None:
    """Writes the same values to these invitations."""
    tx.execute(update(invitations).where(invitations.c.id.in_(list(ids))).values(**values))


def settle(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes to each invitation its own values: mappings with the same keys, one of them ``id``."""
    if rows:
        columns: dict[str, Any] = {name: bindparam(f"new_{name}") for name in rows[0] if name != "id"}
        tx.execute(
            update(invitations).where(invitations.c.id == bindparam("row_id")).values(columns),
            [{"row_id": r["id"], **{f"new_{k}": v for k, v in r.items() if k != "id"}} for r in rows],
        )


def by_ids(tx: Transaction, ids: Iterable[str]) -> dict[str, Row[Any]]:
    """These invitations by id."""
    return {row.id: row for row in tx.execute(_BY_IDS, {"ids": list(ids)})}


def by_token(tx: Transaction, token: str) -> Row[Any] | None:
    """The invitation with this token."""
    return tx.execute(select(invitations).where(invitations.c.token == token)).one_or_none()


def pending(tx: Transaction, customer_id: str) -> Sequence[Row[Any]]:
    """Those of a customer of which it is still open whether they are sent."""
    open_ = invitations.c.state.in_(PENDING) & invitations.c.decided_at.is_(None)
    query = select(invitations).where(invitations.c.customer_id == customer_id, open_)
    return tx.execute(query.order_by(invitations.c.not_before)).all()


def on_their_way(tx: Transaction, customer_id: str) -> Sequence[Row[Any]]:
    """Those of a customer that were decided on and that no channel has taken yet."""
    decided = (invitations.c.state == InvitationState.SCHEDULED.value) & invitations.c.decided_at.is_not(None)
    return tx.execute(select(invitations).where(invitations.c.customer_id == customer_id, decided)).all()


def asked(tx: Transaction, customer_ids: Iterable[str], since: datetime) -> dict[str, list[tuple[str, datetime]]]:
    """What each customer was asked since then, or is about to be: kind and time, closing questions aside."""
    query = select(invitations.c.customer_id, invitations.c.kind, invitations.c.decided_at).where(
        invitations.c.customer_id.in_(list(customer_ids)),
        invitations.c.decided_at > since,
        # What may have arrived counts as asked
        or_(invitations.c.state.not_in(NOT_ASKED), invitations.c.reason == "outcome_unknown"),
        invitations.c.kind != "closing",
    )
    found: dict[str, list[tuple[str, datetime]]] = {}
    for customer_id, kind, at in tx.execute(query):
        found.setdefault(customer_id, []).append((kind, at))
    return found


def automatic_messages(tx: Transaction, customer_ids: Iterable[str], since: datetime) -> dict[str, list[datetime]]:
    """When each customer was sent an automatic message since then, or is about to be."""
    query = select(outbox.c.customer_id, outbox.c.created_at).where(
        outbox.c.customer_id.in_(list(customer_ids)),
        outbox.c.kind == "message",
        outbox.c.automatic,
        outbox.c.created_at > since,
        outbox.c.state.not_in([DEAD, CANCELLED]),
    )
    found: dict[str, list[datetime]] = {}
    for customer_id, at in tx.execute(query):
        found.setdefault(customer_id, []).append(at)
    return found


def with_active_case(tx: Transaction, customer_ids: Iterable[str]) -> set[str]:
    """Those of these customers to whom somebody still owes something."""
    query = select(cases.c.customer_id).where(cases.c.customer_id.in_(list(customer_ids)), cases.c.state != "closed")
    return set(tx.scalars(query))


def response(store: Store, tx: Transaction, invitation_id: str) -> Row[Any] | None:
    """The answer to an invitation as it stands, locked until the transaction ends."""
    query = select(responses).where(responses.c.invitation_id == invitation_id)
    return tx.execute(query if store.is_sqlite else query.with_for_update()).one_or_none()


def save_response(store: Store, tx: Transaction, row: Mapping[str, Any]) -> None:
    """Writes an answer as it stands now."""
    insert = insert_for(store)(responses).values(**row)
    rest = {name: value for name, value in row.items() if name != "invitation_id"}
    tx.execute(insert.on_conflict_do_update(index_elements=[responses.c.invitation_id], set_=rest))
