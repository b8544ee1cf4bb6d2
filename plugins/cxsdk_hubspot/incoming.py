"""What HubSpot tells as facts: tasks done, people merged or erased, deals won.

https://developers.hubspot.com/docs/api/webhooks
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from cxsdk import Deal, Deals, Fact, Identity, PersonErased, PersonMerged, Raw, TaskChange
from cxsdk_hubspot.client import CHANGED, millis, moment
from cxsdk_hubspot.deals import ENTERED

#: So long is a date without a time: ``2026-01-05``.
DAY_LENGTH = 10
#: What generic subscriptions call the kinds of records that we read.
_TYPES = {"0-1": "contact", "0-27": "task"}

#: What may happen to them that concerns us; other events need not have an object.
_CHANGES = ("merge", "deletion", "privacyDeletion", "propertyChange")

_Text = str | None
_Id = Annotated[int, Field(ge=0, lt=2**63)]


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
    due: Annotated[date | None, Field(strict=False)] = None

    def time(self, name: str) -> datetime | None:
        given = self.properties.get(name)
        return moment(given) if given else None

    def day(self, name: str) -> datetime | date | None:
        """A property with a date, or with a moment."""
        given = self.properties.get(name) or ""
        return date.fromisoformat(given) if len(given) == DAY_LENGTH else self.time(name)

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
        elif record.kind == "deals":
            yield from deals.events(_deal(record, deals))


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


def _deal(record: _Read, deals: Deals) -> Deal:
    who, held = record.customer, record.properties
    entered = {stage: record.time(f"{ENTERED}{stage}") for stage in deals.stages}
    return Deal(
        key=f"deal:{record.id}",
        changed_at=record.modified,
        customer=_customer(who, deals),
        name=" ".join(filter(None, (who.get("firstname"), who.get("lastname")))),
        stage=held.get("dealstage"),
        closed=record.day("closedate"),
        reached={stage: at for stage, at in entered.items() if at},
        dates={field: record.day(field) for field in deals.dates},
        due=record.due,
        product=held.get("dealname") or "",
        amount=held.get("amount") or None,
        currency=held.get("deal_currency_code") or None,
    )


def _customer(who: Mapping[str, _Text], deals: Deals) -> tuple[Identity, ...]:
    """The address and numbers of a contact, without an address that is opted out of."""
    address = None if who.get("hs_email_optout") == "true" else who.get("email")
    return deals.customer(emails=[address], phones=[who.get("mobilephone"), who.get("phone")])
