"""A HubSpot account as the CRM: batches, searches for people, sources of what changed, webhooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import Field

from cxsdk import (
    CRM,
    Agent,
    Context,
    Deals,
    EventKind,
    Fact,
    Inbound,
    Limit,
    LogEntry,
    Page,
    Person,
    Raw,
    Reader,
    Receipt,
    Rejected,
    Request,
    SignatureError,
    Stop,
    Task,
    Usage,
    each_day,
)
from cxsdk_hubspot.access import DEAL_SCOPE, SCOPES, Access
from cxsdk_hubspot.client import BATCH, Api, Properties, Record, millis, told, where
from cxsdk_hubspot.deals import DealSource
from cxsdk_hubspot.failures import read_failure, refusal, usage_told
from cxsdk_hubspot.incoming import facts_of
from cxsdk_hubspot.outgoing import (
    ChannelType,
    entry_properties,
    kind_of,
    national,
    person_properties,
    same_number,
    task_properties,
)
from cxsdk_hubspot.samples import sample_events
from cxsdk_hubspot.signing import check_signature

if TYPE_CHECKING:
    import requests

#: A search sees a change some seconds late: what is younger is left for the next reading.
SETTLED = timedelta(seconds=60)
#: A first reading begins so long ago: what was before us is no news.
NEWS = timedelta(minutes=5)
#: The kinds of records that we write.
KINDS = ("contacts", "calls", "emails", "communications", "notes", "tasks")

_PHONES = ("phone", "mobilephone")


class HubSpot(Access, CRM, Inbound):
    """A HubSpot account; ``docs/plugins/hubspot.md`` says what to set up there.

    Entries are named by their kind, too: ``calls:4711``. People and tasks have HubSpot's bare ids.
    """

    #: Whether webhooks that bear only a signature of version 1 or 2 are believed: those can be repeated by others.
    old_signatures: bool = False
    #: The property that holds our key; it is made where it is missing.
    key_property: str = Field(default="cxsdk_key", pattern=r"^[a-z][a-z0-9_]{0,99}$")
    #: The id of the owner who is responsible where nobody else is.
    default_owner: str | None = None
    #: As what the messages of an account are logged; those of others are SMS where they have a number, else notes.
    messengers: Mapping[str, ChannelType] = Field(default={})
    #: The country (ISO 3166) of numbers that stand in HubSpot without a country code.
    region: str | None = None
    #: What it means that a deal reaches a stage, by the stage's internal id.
    stages: Mapping[str, EventKind] = Field(default={"closedwon": "purchase"}, validate_default=True)
    #: What a date in a property of a deal means; for a subscription, it is the day on which that ends.
    dates: Mapping[str, EventKind] = Field(default={})
    #: Whether a contact that is deleted is forgotten here, as one that is deleted for privacy always is.
    erase_deleted: bool = False
    #: The smallest plan's limits; answers tell of more.
    limits: tuple[Limit, ...] = (Limit(calls=100, per="10s"), Limit(calls=250_000, per="1d"))

    duplicates = "upsert"
    batch_size = BATCH

    def open(self, context: Context) -> None:
        self._http = self._session(context)
        self._api = Api(self._http, self.key_property)
        self._clock = context.clock

    def check(self) -> str:
        """Looks whether the app may do what is used, and the property for our key is unique wherever it is there."""
        self._api.look("contacts", "emails", *(["deals"] if self._deals() else []))
        account = self._demand_scopes(self._http)
        to_make = [kind for kind in KINDS if not self._api.has_key(kind)]
        made = f"; {self.key_property} is made with the first of {', '.join(to_make)}" if to_make else ""
        return f"{account}{made}"

    def classify(self, response: requests.Response) -> Exception | None:
        return read_failure(response, self.key_property)

    def usage(self, response: requests.Response) -> Iterator[Usage]:
        return usage_told(response.headers)

    def setup(self) -> None:
        """Makes the property for our key in each kind of record; without it, the first write of each kind does."""
        for kind in KINDS:
            self._api.ensure_key(kind)

    # -- out

    def find_people(self, who: Sequence[Person]) -> Iterator[str | None]:
        found = self._by_address({each.value for person in who for each in person.identities if each.kind == "email"})
        left = [person for person in who if not any(str(each) in found for each in person.identities)]
        found |= self._by_number({each.value for person in left for each in person.identities if each.kind == "phone"})
        for person in who:
            yield next((found[str(each)] for each in person.identities if str(each) in found), None)

    def create_people(self, people: Sequence[Person]) -> Iterator[Receipt]:
        records = {person.key: {**person_properties(person), **self._owner(person.agent_id)} for person in people}
        try:
            receipts = self._api.upsert("contacts", records)
        except Rejected as problem:
            there = refusal({"category": "CONFLICT", "message": str(problem)})
            if there.id is None or len(people) > 1:  # of several, each is sent by itself
                raise
            receipts = {people[0].key: there}
        yield from (receipts[person.key] for person in people)

    def log(self, entries: Sequence[LogEntry]) -> Iterator[Receipt]:
        groups: dict[str, list[LogEntry]] = {}
        for entry in entries:
            groups.setdefault(kind_of(entry, self.messengers), []).append(entry)
        receipts: dict[str, Receipt] = {}
        for kind, group in groups.items():
            records = {entry.key: entry_properties(kind, entry, self.messengers) for entry in group}
            saved = self._api.save(kind, records, {entry.key: entry.person_id for entry in group})
            receipts |= {key: _named(kind, receipt) for key, receipt in saved.items()}
        yield from (receipts[entry.key] for entry in entries)

    def save_tasks(self, tasks: Sequence[Task]) -> Iterator[Receipt]:
        owners = self._owners_of({task.person_id for task in tasks if not (task.agent_id or task.task_id)})
        records = {task.key: owners.get(task.person_id, {}) | task_properties(task) for task in tasks}
        receipts = self._api.save("tasks", records, {task.key: task.person_id for task in tasks})
        yield from (receipts[task.key] for task in tasks)

    def agents(self) -> Iterator[Agent]:
        for owner in self._api.owners():
            name = " ".join(filter(None, (owner.get("firstName"), owner.get("lastName"))))
            active = owner.get("archived") is not True
            yield Agent(id=str(owner["id"]), name=name, email=owner.get("email"), active=active)

    def _by_address(self, addresses: set[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        named = ["email", "hs_additional_emails"]
        for record in self._api.read("contacts", sorted(addresses), named, by="email"):
            held = ";".join(record["properties"].get(name) or "" for name in named).lower().split(";")
            found = {f"email:{address}": str(record["id"]) for address in addresses.intersection(held)} | found
        return found

    def _by_number(self, numbers: set[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for record in self._api.called(sorted({national(number) for number in numbers}), _PHONES):
            held = [record["properties"].get(name) or "" for name in _PHONES]
            theirs = [n for n in numbers if any(same_number(one, n, self.region) for one in held)]
            found = {f"phone:{number}": str(record["id"]) for number in theirs} | found
        return found

    def _owners_of(self, people: set[str]) -> dict[str, Properties]:
        """Who is responsible for each of the people by now."""
        records = self._api.read("contacts", sorted(people), ["hubspot_owner_id"])
        held = {str(record["id"]): record["properties"].get("hubspot_owner_id") for record in records}
        return {person: self._owner(held.get(person)) for person in people}

    def _owner(self, agent_id: str | None) -> Properties:
        owner = agent_id or self.default_owner
        return {"hubspot_owner_id": owner} if owner else {}

    # -- in

    def verify(self, request: Request, now: datetime) -> None:
        if self.client_secret is None:
            raise SignatureError("No webhook of HubSpot is expected here; give client_secret.", code="webhook_off")
        check_signature(request, self.client_secret, now, old=self.old_signatures)

    def samples(self, url: str, now: datetime) -> Mapping[str, Request]:
        """Events about records that nobody has, signed with the client secret; without it, none."""
        return sample_events(url, self.client_secret, now) if self.client_secret else {}

    def parse(self, raw: Raw) -> Iterator[Fact]:
        return facts_of(raw, self._deals(), erase_deleted=self.erase_deleted)

    def sources(self) -> Mapping[str, Reader]:
        deals = {"deals": self._changed_deals} if self._deals() else {}
        due = {"due": self._due_deals} if self._deals().awaited else {}
        return {"tasks": self._tasks, **deals, **due}

    def _tasks(self, cursor: str | None, stop: Stop) -> Iterator[Page]:
        self._api.ensure_key("tasks")
        read = ["hs_task_status", "hs_task_completion_date", "hubspot_owner_id"]
        for records, behind in self._changes("tasks", read, cursor, where(self.key_property, "HAS_PROPERTY")):
            yield _page([told("tasks", record) for record in records], behind)
            if stop.is_set():
                return

    def _changed_deals(self, cursor: str | None, stop: Stop) -> Iterator[Page]:
        source = self._deal_source()
        for records, behind in self._changes("deals", source.properties, cursor):
            yield _page(source.told(records), behind)
            if stop.is_set():
                return

    def _due_deals(self, cursor: str | None, stop: Stop) -> Iterator[Page]:
        return each_day(self._deal_source().on, cursor, stop, self._clock.now())

    def _deal_source(self) -> DealSource:
        return DealSource(self._api, self._deals())

    def _changes(
        self, kind: str, properties: Sequence[str], cursor: str | None, *conditions: Record
    ) -> Iterator[tuple[Sequence[Record], int]]:
        now = self._clock.now()
        begin = int(cursor) if cursor else millis(now - NEWS)
        return self._api.changes(kind, conditions, properties, begin, millis(now - SETTLED))

    def _needed(self) -> tuple[str, ...]:
        return (*SCOPES, DEAL_SCOPE) if self._deals() else SCOPES

    def _deals(self) -> Deals:
        return Deals(stages=self.stages, dates=self.dates, region=self.region)


def _named(kind: str, receipt: Receipt) -> Receipt:
    return receipt.model_copy(update={"id": f"{kind}:{receipt.id}"}) if receipt.id else receipt


def _page(records: Sequence[Record], behind: int) -> Page:
    return Page(items=tuple(Raw.of(record) for record in records), cursor=str(behind))
