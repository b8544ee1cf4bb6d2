"""Invitations and the answers to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, or_, select

from cxsdk.domain.survey import InvitationState
from cxsdk.store.among import among
from cxsdk.store.engine import Transaction
from cxsdk.store.prepared import Prepared, prepared
from cxsdk.store.rows import given, insert_new, inserting, update_each
from cxsdk.store.tables import CANCELLED, DEAD, cases, invitations, outbox, responses

#: States in which it is still open whether a question is asked.
PENDING = (InvitationState.SCHEDULED, InvitationState.HELD)
_BY_IDS = Prepared(select(invitations).where(among(invitations.c.id, "ids")))
#: States that do not count towards a budget: nothing reached the customer.
NOT_ASKED = (InvitationState.SKIPPED, InvitationState.FAILED)


def add(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Writes invitations; tells the ids of the new ones: there is one of a kind for a trigger."""
    if not rows:
        return set()
    return {id for (id,) in insert_new(tx, invitations, rows, "id")}


def change(tx: Transaction, ids: Iterable[str], **values: Any) -> None:
    """Writes the same values to these invitations."""
    settle(tx, [{"id": id, **values} for id in ids])


def settle(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes to each invitation its own values: mappings with the same keys, one of them ``id``."""
    update_each(tx, invitations, rows)


def by_ids(tx: Transaction, ids: Iterable[str]) -> dict[str, Row[Any]]:
    """These invitations by id."""
    return {row.id: row for row in tx.execute(_BY_IDS, {"ids": list(ids)})}


def by_token(tx: Transaction, token: str) -> Row[Any] | None:
    """The invitation with this token."""
    return by_tokens(tx, [token]).get(token)


def by_tokens(tx: Transaction, tokens: Iterable[str]) -> dict[str, Row[Any]]:
    """The invitations with these tokens."""
    return {row.token: row for row in tx.execute(_BY_TOKENS, {"tokens": list(tokens)})}


_BY_TOKENS = Prepared(select(invitations).where(among(invitations.c.token, "tokens")))


def pending(tx: Transaction, customer_id: str) -> Sequence[Row[Any]]:
    """Those of a customer of which it is still open whether they are sent."""
    return tx.execute(_PENDING, {"whose": customer_id}).all()


_PENDING = Prepared(
    select(invitations)
    .where(
        invitations.c.customer_id == bindparam("whose"),
        or_(*(invitations.c.state == state for state in PENDING)),
        invitations.c.decided_at.is_(None),
    )
    .order_by(invitations.c.not_before)
)


def on_their_way(tx: Transaction, customer_id: str) -> Sequence[Row[Any]]:
    """Those of a customer that were decided on and that no channel has taken yet."""
    return tx.execute(_ON_THEIR_WAY, {"whose": customer_id}).all()


_ON_THEIR_WAY = Prepared(
    select(invitations).where(
        invitations.c.customer_id == bindparam("whose"),
        invitations.c.state == InvitationState.SCHEDULED.value,
        invitations.c.decided_at.is_not(None),
    )
)


def asked(tx: Transaction, customer_ids: Iterable[str], since: datetime) -> dict[str, list[tuple[str, datetime]]]:
    """What each customer was asked since then, or is about to be: kind and time, closing questions aside."""
    found: dict[str, list[tuple[str, datetime]]] = {}
    for customer_id, kind, at in tx.execute(_ASKED, {"ids": list(customer_ids), "since": since}):
        found.setdefault(customer_id, []).append((kind, at))
    return found


_ASKED = Prepared(
    select(invitations.c.customer_id, invitations.c.kind, invitations.c.decided_at).where(
        among(invitations.c.customer_id, "ids"),
        invitations.c.decided_at > bindparam("since"),
        # What may have arrived counts as asked
        or_(and_(*(invitations.c.state != state for state in NOT_ASKED)), invitations.c.reason == "outcome_unknown"),
        invitations.c.kind != "closing",
    )
)


def automatic_messages(tx: Transaction, customer_ids: Iterable[str], since: datetime) -> dict[str, list[datetime]]:
    """When each customer was sent an automatic message since then, or is about to be."""
    found: dict[str, list[datetime]] = {}
    for customer_id, at in tx.execute(_AUTOMATIC, {"ids": list(customer_ids), "since": since}):
        found.setdefault(customer_id, []).append(at)
    return found


_AUTOMATIC = Prepared(
    select(outbox.c.customer_id, outbox.c.created_at).where(
        among(outbox.c.customer_id, "ids"),
        outbox.c.kind == "message",
        outbox.c.automatic,
        outbox.c.created_at > bindparam("since"),
        outbox.c.state != DEAD,
        outbox.c.state != CANCELLED,
    )
)


def with_active_case(tx: Transaction, customer_ids: Iterable[str]) -> set[str]:
    """Those of these customers to whom somebody still owes something."""
    return set(tx.scalars(_WITH_ACTIVE_CASE, {"ids": list(customer_ids)}))


_WITH_ACTIVE_CASE = Prepared(
    select(cases.c.customer_id).where(among(cases.c.customer_id, "ids"), cases.c.state != "closed")
)


def responses_to(tx: Transaction, ids: Iterable[str]) -> dict[str, Row[Any]]:
    """The answers to these invitations as they stand. Who changes them has locked their customers."""
    return {row.invitation_id: row for row in tx.execute(_RESPONSES_TO, {"ids": list(ids)})}


_RESPONSES_TO = Prepared(select(responses).where(among(responses.c.invitation_id, "ids")))


def save_responses(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes answers as they stand now."""
    if rows:
        tx.execute(_save_responses(tx.dialect.name), given(tx, responses, rows))


@prepared
def _save_responses(on: str) -> Any:
    insert = inserting(on, responses, list(responses.c.keys()))
    rest = {column.name: insert.excluded[column.name] for column in responses.c if column.name != "invitation_id"}
    return insert.on_conflict_do_update(index_elements=[responses.c.invitation_id], set_=rest)
