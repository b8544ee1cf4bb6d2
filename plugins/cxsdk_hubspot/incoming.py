"""What HubSpot tells as facts: tasks done, people merged or erased, deals won.

https://developers.hubspot.com/docs/api/webhooks
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

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
from cxsdk_hubspot.client import CHANGED, millis, moment

#: The property that tells when a deal came to a stage.
ENTERED = "hs_v2_date_entered_"
#: What generic subscriptions call the kinds of records that we read.
_TYPES = {"0-1": "contact", "0-27": "task"}

#: What may happen to them that concerns us; other events need not have an object.
_CHANGES = ("merge", "deletion", "privacyDeletion", "propertyChange")

_Text = str | None
_Id = Annotated[int, Field(ge=0, lt=2**63)]


@dataclass(frozen=True)
class Deals:
    """What makes a business event of a deal: its stages, and its properties with dates."""

    stages: Mapping[str, EventKind]
    dates: Mapping[str, EventKind]
    region: str | None = None  #: where numbers without a country code are from

    @property
    def properties(self) -> list[str]:
        """What is read of a deal."""
        told = ["dealname", "dealstage", "closedate", "amount", "deal_currency_code"]
        return [*told, *(f"{ENTERED}{stage}" for stage in self.stages), *self.dates]

    def tell(self, properties: Mapping[str, Any]) -> bool:
        """Whether there is anything to tell of a deal."""
        telling = [*(f"{ENTERED}{stage}" for stage in self.stages), *self.dates]
        return properties.get("dealstage") in self.stages or any(properties.get(name) for name in telling)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, hide_input_in_errors=True, alias_generator=to_camel)


class _Event(_Part):
    """One event of a webhook."""

    subscription_type: str
    object_id: _Id
    occurred_at: Annotated[int, Field(ge=10**11, lt=4 * 10**12)]
    object_type_id: _Text = None
    property_name: _Text = None
    property_value: _Text = None
    primary_object_id: _Id | None = None
    new_object_id: _Id | None = None
    merged_object_ids: list[_Id] = []

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=self.occurred_at)


class _Read(_Part):
    """A record that a source read; properties are texts, whatever their type is."""

    kind: str
    id: str = Field(min_length=1, max_length=100)
    properties: dict[str, _Text]
    customer: dict[str, _Text] = {}

    def time(self, name: str) -> datetime | None:
        given = self.properties.get(name)
        return moment(given) if given else None

    @property
    def modified(self) -> datetime:
        return moment(self.properties[CHANGED] or "")


def facts_of(raw: Raw, deals: Deals, *, erase_deleted: bool) -> Iterator[Fact]:
    """The facts in a webhook's events, or in a record that was read."""
    with raw.reading() as payload:
        if isinstance(payload, list):
            for event in payload:
                if str(event["subscriptionType"]).partition(".")[2] in _CHANGES:
                    yield from _told(_Event.model_validate(event), erase_deleted)
            return
        record = _Read.model_validate(payload)
        if record.kind == "tasks":
            yield _task_change(record)
        elif record.kind == "deals" and (customer := _identities(record.customer, deals.region)):
            yield from _business(record, customer, deals)


def _told(event: _Event, erase_deleted: bool) -> Iterator[Fact]:
    kind, _, change = event.subscription_type.partition(".")
    kind = _TYPES.get(event.object_type_id or "", "") if kind == "object" else kind
    id, key = str(event.object_id), f"{kind}.{change}:{event.object_id}:{event.occurred_at}"
    match kind, change:
        case "contact", "merge":
            yield from _merged(event)
        case "contact", "privacyDeletion":
            yield PersonErased(key=key, at=event.at, person_id=id)
        case "contact", "deletion" if erase_deleted:
            yield PersonErased(key=key, at=event.at, person_id=id)
        case "task", "deletion":
            yield TaskChange(key=key, at=event.at, task_id=id, deleted=True)
        case "task", "propertyChange" if event.property_name == "hs_task_status":
            yield TaskChange(key=key, at=event.at, task_id=id, done=event.property_value == "COMPLETED")


def _merged(event: _Event) -> Iterator[PersonMerged]:
    """Those who were merged, into whom: sometimes one of them, sometimes a record that is new."""
    into = event.new_object_id or event.primary_object_id or event.object_id
    for id in dict.fromkeys([event.primary_object_id or into, *event.merged_object_ids]):
        if id != into:
            yield PersonMerged(key=f"{id}:{into}", at=event.at, person_id=str(id), into=str(into))


def _task_change(record: _Read) -> TaskChange:
    done = record.properties.get("hs_task_status") == "COMPLETED"
    return TaskChange(
        key=f"{record.id}:{millis(record.modified)}",
        at=(record.time("hs_task_completion_date") if done else None) or record.modified,
        task_id=record.id,
        done=done,
        agent_id=record.properties.get("hubspot_owner_id") or None,
    )


def _business(record: _Read, customer: tuple[Identity, ...], deals: Deals) -> Iterator[BusinessEvent]:
    name, held = f"deal:{record.id}", record.properties
    called = " ".join(filter(None, (record.customer.get("firstname"), record.customer.get("lastname"))))
    common: dict[str, Any] = {
        "customer": customer, "name": called, "order": name, "product": held.get("dealname") or "",
        "amount": held.get("amount") or None, "currency": held.get("deal_currency_code") or None,
    }  # fmt: skip
    for stage, kind in deals.stages.items():
        if at := _reached(record, stage):
            yield BusinessEvent(key=f"{name}:{stage}", at=at, kind=kind, **common)
    for field, kind in deals.dates.items():
        if day := record.time(field):
            yield from _dated(f"{name}:{field}:{day:%F}", record.modified, day, kind, common)


def _reached(record: _Read, stage: str) -> datetime | None:
    """When a deal came to a stage: as HubSpot tells, else on its close date, at the latest when it was changed."""
    if entered := record.time(f"{ENTERED}{stage}"):
        return entered
    if record.properties.get("dealstage") != stage:
        return None
    closed = record.time("closedate")
    return min(closed, record.modified) if closed else record.modified


def _dated(key: str, at: datetime, day: datetime, kind: EventKind, common: dict[str, Any]) -> Iterator[BusinessEvent]:
    """A subscription ends on that day; all else has happened on it, unless it is still to come."""
    if kind is EventKind.SUBSCRIPTION:
        yield BusinessEvent(key=key, at=at, kind=kind, expires_at=day, **common)
    elif day <= at:
        yield BusinessEvent(key=key, at=day, kind=kind, **common)


def _identities(who: Mapping[str, _Text], region: str | None) -> tuple[Identity, ...]:
    """The address and numbers of a contact, without those that are mistyped or opted out of."""
    found: list[Identity] = []
    if who.get("email") and who.get("hs_email_optout") != "true":
        with suppress(BadInput):
            found.append(email(who["email"] or ""))
    for place in ("mobilephone", "phone"):
        with suppress(BadInput):
            found.append(phone(who.get(place) or "", region=region))
    return tuple(dict.fromkeys(found))
