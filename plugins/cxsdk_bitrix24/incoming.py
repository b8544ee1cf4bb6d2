"""What Bitrix24 tells as facts: tasks done, leads converted, records deleted, deals won.

https://apidocs.bitrix24.com/api-reference/events/index.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from cxsdk import BadInput, Deal, Deals, Fact, Identity, PersonErased, PersonMerged, Raw, Request, TaskChange
from cxsdk_bitrix24.client import COMPANY, CONTACT, LEAD, Owner, Record, moment

#: Where an event bears the token that proves it.
PROOF = "auth[application_token]"

_DELETED = {"ONCRMCONTACTDELETE": CONTACT, "ONCRMLEADDELETE": LEAD, "ONCRMCOMPANYDELETE": COMPANY}


def _moment(text: Any) -> Any:
    return moment(text) if isinstance(text, str) else text


_Time = Annotated[datetime, BeforeValidator(_moment)]
_Id = Annotated[int, Field(ge=0, lt=2**63)]
_Count = Annotated[int, Field(ge=0, lt=2**63, strict=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, hide_input_in_errors=True, alias_generator=to_camel)


class _Event(BaseModel):
    """An event, which tells what has happened to which record, and no more."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    event: str = Field(min_length=1, max_length=100)
    ts: Annotated[int, Field(ge=0, lt=4 * 10**9)]
    id: _Id = Field(alias="data[FIELDS][ID]")

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.ts, UTC)


class _Todo(BaseModel):
    """A task of ours; activities have their numbers as texts, and other names than the rest."""

    model_config = ConfigDict(frozen=True, strict=True, hide_input_in_errors=True)

    id: _Count = Field(alias="ID")
    completed: str = Field(alias="COMPLETED")
    changed: _Time = Field(alias="LAST_UPDATED")
    responsible: Annotated[int, Field(ge=0, strict=False)] | None = Field(alias="RESPONSIBLE_ID", default=None)


class _Converted(_Part):
    """A contact that a lead has become."""

    id: _Count
    lead_id: _Count
    created_time: _Time


class _Reach(_Part):
    """A number or address of a person."""

    type_id: str | None = None
    value: str | None = None


class _Customer(_Part):
    """Whom a deal is with."""

    name: str = ""
    fm: list[_Reach] = []


class _Deal(_Part):
    """A deal that a source read."""

    id: _Count
    title: str | None = None
    stage_id: str | None = None
    moved_time: _Time | None = None
    closedate: str | None = None
    opportunity: Annotated[Decimal, Field(strict=False, allow_inf_nan=False)] | None = None
    currency_id: str | None = None
    updated_time: _Time
    customer: _Customer = _Customer()
    due: str | None = None


def form_of(request: Request) -> dict[str, str]:
    """The fields of an event, which comes as a form."""
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def facts_of(raw: Raw, deals: Deals, *, erase_deleted: bool) -> Iterator[Fact]:
    """The facts in an event, which is a form, or in a record that was read, which is JSON."""
    if raw.body[:1] != b"{":
        yield from _told(raw.form(), erase_deleted)
        return
    with raw.reading() as read:
        match read["kind"], read["record"]:
            case "todo", record:
                yield _task_change(_Todo.model_validate(record))
            case "converted", record:
                yield _merged(_Converted.model_validate(record))
            case "deal", record:
                yield from deals.events(_deal(_Deal.model_validate(record), record, deals))


def _told(form: Mapping[str, str], erase_deleted: bool) -> Iterator[Fact]:
    """What an event tells. That something changed is read by the sources: the event does not say how."""
    name = form.get("event", "").upper()
    if not name:
        raise BadInput("tells no event.", field="body.event")
    if name != "ONCRMACTIVITYDELETE" and not (erase_deleted and name in _DELETED):
        return
    try:
        event = _Event.model_validate(dict(form))
    except ValidationError as error:
        raise BadInput.from_validation(error) from None
    key = f"{name}:{event.id}:{event.ts}"
    if name in _DELETED:
        yield PersonErased(key=key, at=event.at, person_id=str(Owner(_DELETED[name], event.id)))
    else:
        yield TaskChange(key=key, at=event.at, task_id=str(event.id), deleted=True)


def _task_change(todo: _Todo) -> TaskChange:
    return TaskChange(
        key=f"{todo.id}:{todo.changed.timestamp():.0f}:{todo.completed}",
        at=todo.changed,
        task_id=str(todo.id),
        done=todo.completed == "Y",
        agent_id=str(todo.responsible) if todo.responsible else None,
    )


def _merged(contact: _Converted) -> PersonMerged:
    lead, person = str(Owner(LEAD, contact.lead_id)), str(Owner(CONTACT, contact.id))
    return PersonMerged(key=f"{lead}:{person}", at=contact.created_time, person_id=lead, into=person)


def _deal(deal: _Deal, record: Record, deals: Deals) -> Deal:
    moved = deal.stage_id and deal.moved_time
    return Deal(
        key=f"deal:{deal.id}",
        changed_at=deal.updated_time,
        due=_day(deal.due),
        customer=_customer(deal.customer, deals),
        name=deal.customer.name,
        stage=deal.stage_id,
        closed=_day(deal.closedate),
        reached={deal.stage_id: deal.moved_time} if moved else {},
        dates={field: _day(record.get(field)) for field in deals.dates},
        product=deal.title or "",
        amount=None if deal.opportunity is None else str(deal.opportunity),
        currency=deal.currency_id or None,
    )


def _customer(who: _Customer, deals: Deals) -> tuple[Identity, ...]:
    emails = [each.value for each in who.fm if each.type_id == "EMAIL"]
    return deals.customer(emails=emails, phones=[each.value for each in who.fm if each.type_id == "PHONE"])


def _day(told: str | None) -> date | None:
    """A day, which comes with an hour of the portal's own zone."""
    return date.fromisoformat(told[:10]) if told else None
