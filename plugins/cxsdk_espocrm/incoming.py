"""What EspoCRM tells as facts: tasks done, people merged or gone, deals won."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cxsdk import (
    BadInput,
    BusinessEvent,
    EventKind,
    Fact,
    Identity,
    PersonErased,
    PersonMerged,
    Raw,
    TaskChange,
    email,
    phone,
)
from cxsdk_espocrm.records import Customer, Held, Read, Record

PEOPLE = ("Contact", "Lead", "Account")


@dataclass(frozen=True)
class Deals:
    """What makes a business event of an opportunity: its stages, and its fields with dates."""

    stages: Mapping[str, EventKind]
    dates: Mapping[str, EventKind]
    region: str | None = None  #: where numbers without a country code are from


def facts_of(raw: Raw, deals: Deals) -> Iterator[Fact]:
    """The facts in a webhook's batch, whose event stands before the raw record's id, or in a record that was read."""
    with raw.reading() as payload:
        if isinstance(payload, list):
            event, records = raw.id.partition(":")[0], [Record.model_validate(each) for each in payload]
        else:
            read = Read.model_validate(payload)
            event, records = read.event, [read.record]
        for number, record in enumerate(records):
            yield from _facts(event, f"{raw.id}:{number}", record, raw.received_at, deals)


def _facts(event: str, key: str, record: Record, received_at: datetime | None, deals: Deals) -> Iterator[Fact]:
    entity, _, change = event.partition(".")
    name, at = f"{entity}:{record.id}", record.date_completed or record.modified_at or received_at
    if at is None:
        raise BadInput("tells no time, and it is not known when it came.", field="body")
    if entity == "Task" and (change == "delete" or record.status is not None):
        yield _task_change(name, key, at, record, deleted=change == "delete")
    elif entity in PEOPLE and change == "delete":
        yield PersonErased(key=key, at=at, person_id=name)
    elif entity == "Lead" and (into := _converted(record)):
        yield PersonMerged(key=f"{name}:{into}", at=at, person_id=name, into=into)
    elif entity == "Opportunity" and (customer := _identities(record.customer, deals.region)):
        yield from _business(name, at, record, customer, deals)


def _task_change(name: str, key: str, at: datetime, record: Record, *, deleted: bool) -> TaskChange:
    """A task that was canceled will not be done: that is as good as deleted."""
    return TaskChange(
        key=key,
        at=at,
        task_id=name,
        done=record.status == "Completed",
        deleted=deleted or record.status == "Canceled",
        agent_id=record.assigned_user_id,
    )


def _converted(record: Record) -> str | None:
    """Who a lead has become."""
    if record.created_contact_id:
        return f"Contact:{record.created_contact_id}"
    return f"Account:{record.created_account_id}" if record.created_account_id else None


def _business(
    name: str, at: datetime, record: Record, customer: tuple[Identity, ...], deals: Deals
) -> Iterator[BusinessEvent]:
    called = record.customer.name if record.customer else None
    common: dict[str, Any] = {
        "customer": customer, "name": called or "", "order": name, "product": record.name or "",
    }  # fmt: skip
    if kind := deals.stages.get(record.stage or ""):
        amount = None if record.amount is None else str(record.amount)
        common |= {"amount": amount, "currency": record.amount_currency}
        yield BusinessEvent(key=f"{name}:{record.stage}", at=_by(at, record.day("closeDate")), kind=kind, **common)
    for field, kind in deals.dates.items():
        if day := record.day(field):
            yield from _dated(f"{name}:{field}:{day:%F}", at, day, kind, common)


def _dated(key: str, at: datetime, day: datetime, kind: EventKind, common: dict[str, Any]) -> Iterator[BusinessEvent]:
    """A subscription ends on that day; all else has happened on it, unless it is still to come."""
    if kind is EventKind.SUBSCRIPTION:
        yield BusinessEvent(key=key, at=at, kind=kind, expires_at=day, **common)
    elif day.date() <= at.date():
        yield BusinessEvent(key=key, at=_by(at, day), kind=kind, **common)


def _by(at: datetime, day: datetime | None) -> datetime:
    """When it happened: on an earlier day that the deal names, else when the deal was changed."""
    return day if day is not None and day.date() < at.date() else at


def _identities(who: Customer | None, region: str | None) -> tuple[Identity, ...]:
    """The addresses and numbers of a person, without those that are mistyped, marked as invalid, or opted out."""
    found: list[Identity] = []
    for held in _usable(who.email_address_data if who else None):
        with suppress(BadInput):
            found.append(email(held.email_address or ""))
    for held in _usable(who.phone_number_data if who else None):
        with suppress(BadInput):
            found.append(phone(held.phone_number or "", region=region))
    return tuple(found)


def _usable(held: Sequence[Held] | None) -> list[Held]:
    return [one for one in held or [] if not (one.invalid or one.opt_out)]
