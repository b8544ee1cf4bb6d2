"""What amoCRM tells as facts: tasks done, contacts deleted, leads won."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from cxsdk import BadInput, Deal, Deals, Fact, PersonErased, Raw, TaskChange
from cxsdk_amocrm.client import Record
from cxsdk_amocrm.webhook import Told, told_in

#: A date is a midnight of the account's zone: so much later, it is the same day in UTC, too.
_HALF_DAY = timedelta(hours=12)
_YES = ("1", "true")
#: Seconds since 1970, of this century.
_SECONDS = re.compile(r"[1-3][0-9]{9}")

_Id = Annotated[int, Field(ge=0, lt=2**63)]
_Seconds = Annotated[int, Field(ge=0, lt=4 * 10**9)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class _Task(_Part):
    """A task that a source read."""

    id: _Id
    updated_at: _Seconds
    is_completed: bool = False
    responsible_user_id: _Id | None = None
    comment: str = ""


class _Value(_Part):
    """A field of a lead with a date."""

    name: str
    type: str | None = None
    value: Any = None


class _Who(_Part):
    """Whom a lead is with."""

    name: str | None = None
    emails: list[str | None] = []
    phones: list[str | None] = []


class _Lead(_Part):
    """A lead that a source read, with its main contact."""

    id: _Id
    name: str | None = None
    updated_at: _Seconds
    closed_at: _Seconds | None = None
    pipeline_id: _Id | None = None
    status_id: _Id | None = None
    price: Annotated[int | float | None, Field(ge=0, lt=10**15)] = None
    currency: str | None = None
    fields: list[_Value] = []
    customer: _Who = _Who()
    due: date | None = None  #: the day that has come, where it was read for that


def task_read(record: Record) -> Record:
    """What a source keeps of a task."""
    kept = {name: record.get(name) for name in ("id", "updated_at", "is_completed", "responsible_user_id")}
    return {"task": {**kept, "comment": (record.get("result") or {}).get("text") or ""}}


def lead_read(record: Record, contact: Record | None, deals: Deals) -> Record:
    """What a source keeps of a lead, and of its contact."""
    fields = [
        {"name": name, "type": field.get("field_type"), "value": value}
        for name in deals.dates
        for field, value in _values(record, name)
    ]
    kept = {name: record.get(name) for name in _KEPT}
    return {**kept, "fields": fields, "customer": _customer(contact) if contact else {}}


def days_of(record: Record, names: Iterable[str]) -> dict[str, datetime | date | None]:
    """The dates in these fields of a lead."""
    return {name: _day(field.get("field_type"), value) for name in names for field, value in _values(record, name)}


_KEPT = ("id", "name", "updated_at", "closed_at", "pipeline_id", "status_id", "price")


def values_in(record: Record, code: str) -> list[str]:
    """The values of the custom field with this code or id, as texts."""
    return [str(value) for _, value in _values(record, code)]


def _values(record: Record, code: str) -> Iterator[tuple[Record, Any]]:
    for field in record.get("custom_fields_values") or []:
        if code in (str(field.get("field_id")), field.get("field_code")):
            yield from ((field, each.get("value")) for each in field.get("values") or [])


def _customer(contact: Record) -> Record:
    reached = {"emails": values_in(contact, "EMAIL"), "phones": values_in(contact, "PHONE")}
    return {"name": contact.get("name"), **reached}


def facts_of(raw: Raw, deals: Deals, *, erase_deleted: bool) -> Iterator[Fact]:
    """The facts in a webhook's form, or in a record that was read."""
    if not raw.body.lstrip().startswith(b"{"):
        for told in told_in(raw):
            yield from _told(told, raw, erase_deleted)
        return
    with raw.reading() as payload:
        if "task" in payload:
            yield _task_change(_Task.model_validate(payload["task"]))
        elif "lead" in payload:
            yield from deals.events(_deal(_Lead.model_validate(payload["lead"]), deals))


def _told(told: Told, raw: Raw, erase_deleted: bool) -> Iterator[Fact]:
    key = f"{raw.id}:{told.kind}.{told.action}:{told.number}"
    match told.kind, told.action:
        case "task", "delete":
            yield TaskChange(key=key, at=_received(raw), task_id=_id(told), deleted=True)
        case "task", _ if is_done(told.fields):
            owner = told.fields.get("responsible_user_id") or None
            yield TaskChange(key=key, at=_changed(told, raw), task_id=_id(told), done=True, agent_id=owner)
        case "contacts", "delete" if erase_deleted and told.fields.get("type") != "company":
            yield PersonErased(key=key, at=_received(raw), person_id=_id(told))


def is_done(fields: Mapping[str, str]) -> bool:
    """Whether a task that a webhook tells of is completed: what amoCRM calls that there, no document says."""
    return any(fields.get(name, "").casefold() in _YES for name in ("status", "is_completed"))


def _id(told: Told) -> str:
    id = told.fields.get("id", "")
    if not (id.isascii() and id.isdigit() and len(id) < 20):
        raise BadInput("is no id.", field=f"body.{told.kind}[{told.action}][{told.number}][id]")
    return id


def _changed(told: Told, raw: Raw) -> datetime:
    """When it was changed, as far as that is told; it cannot have been after the webhook came."""
    given = told.fields.get("last_modified") or told.fields.get("updated_at") or ""
    if not _SECONDS.fullmatch(given):
        return _received(raw)
    at = datetime.fromtimestamp(int(given), UTC)
    return min(at, raw.received_at) if raw.received_at else at


def _received(raw: Raw) -> datetime:
    if raw.received_at is None:
        raise BadInput("tells no time, and it is not known when it came.", field="body")
    return raw.received_at


def _task_change(task: _Task) -> TaskChange:
    return TaskChange(
        key=f"task:{task.id}:{task.updated_at}",
        at=_at(task.updated_at),
        task_id=str(task.id),
        done=task.is_completed,
        agent_id=str(task.responsible_user_id) if task.responsible_user_id else None,
        comment=task.comment,
    )


def _deal(lead: _Lead, deals: Deals) -> Deal:
    return Deal(
        key=f"lead:{lead.id}",
        changed_at=_at(lead.updated_at),
        customer=deals.customer(emails=lead.customer.emails, phones=lead.customer.phones),
        name=lead.customer.name or "",
        stage=stage_of(lead.pipeline_id, lead.status_id, deals),
        closed=_at(lead.closed_at) if lead.closed_at else None,
        dates={field.name: _day(field.type, field.value) for field in lead.fields},
        due=lead.due,
        product=lead.name or "",
        amount=None if lead.price is None else str(lead.price),
        currency=lead.currency,
    )


def stage_of(pipeline: int | None, status: int | None, deals: Deals) -> str:
    """A stage as the settings name it: those of won and lost leads have the same id in all pipelines."""
    exact = f"{pipeline}:{status}"
    return exact if exact in deals.stages else str(status)


def _day(type: Any, value: Any) -> datetime | date | None:
    """A date, or a moment; None for what is neither."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 4 * 10**9:
        return None
    return _at(value) if type == "date_time" else (_at(value) + _HALF_DAY).date()


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
