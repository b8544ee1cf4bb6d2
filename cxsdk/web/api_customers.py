"""What the ingest API tells of one customer."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Row

from cxsdk.errors import BadInput
from cxsdk.store import Store, Transaction, customers, decisions
from cxsdk.store.timeline import Entry, Place, timeline
from cxsdk.web.api_models import Customer, Decision, Decisions, Timeline
from cxsdk.webhooks.item_fields import At

_MOMENT: TypeAdapter[Any] = TypeAdapter(At)


class CustomerUnknown(BadInput):
    """Nobody has this id or identity, or several perhaps do."""

    code = "customer_unknown"


def customer_timeline(store: Store, who: str, limit: int, before: str | None) -> Timeline:
    """A page of a customer's timeline. Raises CustomerUnknown, and BadInput for a ``before`` that is no place."""
    place = None if before is None else _place(before)
    with store.read() as tx:
        row = _found(tx, who)
        entries = timeline(tx, row.id, limit + 1, place)
        customer = _customer(tx, row)
    page = [{"type": one.type, "at": one.at, "id": one.id, **one.what} for one in entries[:limit]]
    rest = _written(entries[limit - 1]) if len(entries) > limit else None
    return Timeline.model_validate({"customer": customer, "entries": page, "next": rest})


def customer_decisions(store: Store, who: str) -> Decisions:
    """Every verdict about a customer. Raises CustomerUnknown."""
    with store.read() as tx:
        row = _found(tx, who)
        verdicts = [Decision.model_validate(one) for one in decisions.of_customer(tx, row.id)]
        return Decisions(customer=_customer(tx, row), decisions=verdicts)


def _found(tx: Transaction, who: str) -> Row[Any]:
    row = None if "\0" in who else customers.find(tx, who)
    if row is None:
        raise CustomerUnknown(
            "Write our id, a phone as phone:+12125550123, an e-mail address, or kind:value.", field="path.id"
        )
    return row


def _customer(tx: Transaction, row: Row[Any]) -> Customer:
    identities = customers.identities_of(tx, [row.id]).get(row.id, [])
    return Customer.model_validate({**row._asdict(), "identities": identities})


def _written(entry: Entry) -> str:
    return f"{entry.at.isoformat().replace('+00:00', 'Z')},{entry.id}"


def _place(before: str) -> Place:
    moment, _, id = before.partition(",")
    try:
        return _MOMENT.validate_python(moment), id.replace("\0", "")
    except ValidationError:
        raise BadInput(
            "is neither a moment such as 2026-03-02T12:00:00Z nor the next of an answer.",
            field="query.before",
            code="time_invalid",
        ) from None
