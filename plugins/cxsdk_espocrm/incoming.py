"""What EspoCRM tells as facts: tasks done, people merged or gone, deals won."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from cxsdk import BadInput, Deal, Deals, Fact, Identity, PersonErased, PersonMerged, Raw, TaskChange
from cxsdk_espocrm.records import Customer, Held, Read, Record

PEOPLE = ("Contact", "Lead", "Account")


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
    elif entity == "Opportunity":
        yield from deals.events(_deal(name, at, record, deals))


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


def _deal(name: str, at: datetime, record: Record, deals: Deals) -> Deal:
    return Deal(
        key=name,
        changed_at=at,
        customer=_customer(record.customer, deals),
        name=(record.customer.name if record.customer else None) or "",
        stage=record.stage,
        closed=record.day("closeDate"),
        dates={field: record.day(field) for field in deals.dates},
        due=record.due,
        product=record.name or "",
        amount=None if record.amount is None else str(record.amount),
        currency=record.amount_currency,
    )


def _customer(who: Customer | None, deals: Deals) -> tuple[Identity, ...]:
    """The addresses and numbers of a person, without those that are marked as invalid or opted out."""
    if who is None:
        return ()
    emails = [held.email_address for held in _usable(who.email_address_data)]
    phones = [held.phone_number for held in _usable(who.phone_number_data)]
    return deals.customer(emails=emails, phones=phones)


def _usable(held: Sequence[Held] | None) -> list[Held]:
    return [one for one in held or [] if not (one.invalid or one.opt_out)]
