"""An EspoCRM site as the CRM: API user, entity types and fields in the settings, requests one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from cxsdk import (
    CRM,
    Agent,
    Context,
    Deals,
    EventKind,
    Fact,
    Inbound,
    LogEntry,
    Page,
    Person,
    PersonGone,
    Raw,
    Reader,
    Receipt,
    Rejected,
    Request,
    Secret,
    SignatureError,
    Stop,
    Task,
    each_day,
)
from cxsdk_espocrm.client import Api, Attributes, Where, any_of, where
from cxsdk_espocrm.failures import read_failure
from cxsdk_espocrm.incoming import PEOPLE, facts_of
from cxsdk_espocrm.outgoing import entry_record, person_record, task_record, time_of, who_has
from cxsdk_espocrm.rights import demand_rights, demand_user
from cxsdk_espocrm.samples import sample_webhooks
from cxsdk_espocrm.signing import Webhooks, signed_event

if TYPE_CHECKING:
    import requests

#: A record is seen a moment after the second that it bears, and clocks differ: what is younger is left for later.
SETTLED = timedelta(seconds=30)
#: A first reading begins so long ago: what was before us is no news.
NEWS = timedelta(minutes=5)


class EspoCRM(CRM, Inbound):
    """An EspoCRM site; ``docs/plugins/espocrm.md`` says what to set up there.

    Every id that it gives and takes names the entity type, too: ``Contact:64a1b2c3``.
    """

    #: The site's address, as a browser shows it.
    url: str = Field(pattern=r"^https?://[^\s/?#]+[^\s?#]*$")
    #: The API user's key.
    api_key: Secret
    #: The API user's secret key, where its authentication method is HMAC.
    secret_key: Secret | None = None
    #: The id of the user who is responsible where nobody else is.
    default_user: str = Field(min_length=1)
    #: The text field, in each entity type that is written, that holds our key.
    key_field: str = Field(default="cCxsdkKey", pattern=r"^[A-Za-z][A-Za-z0-9]*$")
    #: What strangers become.
    person_entity: Literal["Lead", "Contact"] = "Lead"
    #: What messages, chats, visits and surveys become: Meeting, or an entity type of your own that is like it.
    message_entity: str = Field(default="Meeting", pattern=r"^[A-Za-z][A-Za-z0-9]*$")
    #: The company's address in logged e-mails; without one, e-mails are logged like messages.
    mail_address: str = ""
    #: The field of a user that holds their extension.
    extension_field: str = ""
    #: The country (ISO 3166) of numbers that stand in EspoCRM without a country code.
    region: str | None = None
    #: What it means that an opportunity reaches a stage.
    stages: Mapping[str, EventKind] = Field(default={"Closed Won": "purchase"}, validate_default=True)
    #: What a date in a field of an opportunity means; for a subscription, it is the day on which that ends.
    dates: Mapping[str, EventKind] = Field(default={})
    #: For each event the id and the secret key of its webhook.
    webhooks: Webhooks = Field(default={})

    duplicates = "lookup"

    def open(self, context: Context) -> None:
        self._api = Api(context, self.url, self.api_key, self.secret_key)
        self._clock = context.clock
        self._keyed: set[str] = set()

    def check(self) -> str:
        """Looks at the role's rights, for our key's field wherever it is written, and for the default user."""
        user = self._api.user()
        demand_rights(user, self._written(), self.person_entity, deals=bool(self._deals()))
        for entity in self._written():
            self._find_key(entity, "cxsdk")
        demand_user(self._api, self.default_user)
        return f"{self.url} as {(user.get('user') or {}).get('userName') or 'the API user'}"

    def classify(self, response: requests.Response) -> Exception | None:
        return read_failure(response)

    # -- out

    def find_people(self, who: Sequence[Person]) -> Iterator[str | None]:
        for person in who:
            condition = who_has(person)
            yield self._first(PEOPLE, condition) if condition else None

    def create_people(self, people: Sequence[Person]) -> Iterator[Receipt]:
        for person in people:
            owner = {"assignedUserId": person.agent_id or self.default_user}
            yield self._create(self.person_entity, person.key, {**person_record(person), **owner})

    def log(self, entries: Sequence[LogEntry]) -> Iterator[Receipt]:
        for entry in entries:
            entity, record = entry_record(entry, self.message_entity, self.mail_address)
            yield self._save(entry.entry_id, entity, entry, record)

    def save_tasks(self, tasks: Sequence[Task]) -> Iterator[Receipt]:
        for task in tasks:
            yield self._save(task.task_id, "Task", task, task_record(task))

    def agents(self) -> Iterator[Agent]:
        fields = ["name", "emailAddress", "isActive", *filter(None, [self.extension_field])]
        for user in self._api.all("User", where("in", "type", ["regular", "admin"]), fields):
            yield Agent(
                id=user["id"],
                name=user.get("name") or "",
                email=user.get("emailAddress"),
                extension=str(user.get(self.extension_field) or "") or None,
                active=user.get("isActive") is not False,
            )

    def find_written(self, keys: Sequence[str]) -> Iterator[str | None]:
        for key in keys:
            yield self._first(self._written(), where("equals", self.key_field, key))

    def _written(self) -> list[str]:
        return ["Task", "Call", self.message_entity, self.person_entity, *(["Email"] if self.mail_address else [])]

    def _find_key(self, entity: str, key: str) -> None:
        """EspoCRM leaves out in silence what it has no field for; asked for it, it says so."""
        self._api.find(entity, where("equals", self.key_field, key), size=1)

    def _first(self, entities: Sequence[str], condition: Where) -> str | None:
        """The oldest record for which a condition holds, of the first entity type that has one."""
        for entity in entities:
            if found := self._api.find(entity, condition, size=1):
                return f"{entity}:{found[0]['id']}"
        return None

    def _save(self, known: str | None, entity: str, value: LogEntry | Task, record: Attributes) -> Receipt:
        if known is not None:
            self._api.update(known, record)
            return Receipt.accepted(known)
        owner = value.agent_id or self._responsible_for(value.person_id) or self.default_user
        parent_type, _, parent_id = value.person_id.partition(":")
        parent = {"parentType": parent_type, "parentId": parent_id, "assignedUserId": owner}
        return self._create(entity, value.key, {**record, **parent})

    def _responsible_for(self, person_id: str) -> str | None:
        try:
            responsible: str | None = self._api.read(person_id).get("assignedUserId")
        except Rejected as error:
            raise PersonGone(str(error), status=error.status) from error
        return responsible

    def _create(self, entity: str, key: str, record: Attributes) -> Receipt:
        if entity not in self._keyed:
            self._find_key(entity, key)
            self._keyed.add(entity)
        return Receipt.accepted(self._api.create(entity, {**record, self.key_field: key}))

    # -- in

    def verify(self, request: Request, now: datetime) -> None:
        if not self.webhooks:
            raise SignatureError("No webhook of EspoCRM is known here; give webhooks.", code="webhook_off")
        if not (request.header("Signature") or request.header("X-Signature")):
            raise SignatureError("The header Signature is missing.", code="signature_missing")
        if signed_event(request, self.webhooks) is None:
            raise SignatureError("The signature is that of none of the webhooks: compare their ids and secret keys.")

    def event_key(self, request: Request) -> str:
        """The body tells neither its event nor an id: the signature tells the one, a hash is the other."""
        return f"{signed_event(request, self.webhooks)}:{super().event_key(request)}"

    def samples(self, url: str, now: datetime) -> Mapping[str, Request]:
        return sample_webhooks(url, self.webhooks, now)

    def parse(self, raw: Raw) -> Iterator[Fact]:
        return facts_of(raw, self._deals())

    def sources(self) -> Mapping[str, Reader]:
        ours = where("isNotNull", self.key_field)
        readers = {
            "tasks": self._reader("Task", ours, ["status", "dateCompleted", "assignedUserId"]),
            "conversions": self._reader(
                "Lead", where("equals", "status", "Converted"), ["createdContactId", "createdAccountId"]
            ),
        }
        changed = {"deals": self._changed_deals()} if self._deals() else {}
        due = {"due": self._due_deals} if self._deals().awaited else {}
        return {**readers, **changed, **due}

    def _deals(self) -> Deals:
        return Deals(stages=self.stages, dates=self.dates, region=self.region)

    def _changed_deals(self) -> Reader:
        telling = [*(where("equals", "stage", stage) for stage in self.stages)]
        telling += [where("isNotNull", field) for field in self.dates]
        return self._reader("Opportunity", any_of(telling), [*_DEAL, *self.dates])

    def _due_deals(self, cursor: str | None, stop: Stop) -> Iterator[Page]:
        return each_day(self._due_on, cursor, stop, self._clock.now())

    def _due_on(self, day: date, after: str) -> Iterator[tuple[Sequence[Raw], str]]:
        fields = ["modifiedAt", *_DEAL, *self.dates]
        for records, behind in self._api.dated("Opportunity", self._deals().awaited, day, fields, after):
            yield [Raw.of(self._told("Opportunity", {**record, "due": str(day)})) for record in records], behind

    def _reader(self, entity: str, condition: Where, fields: Sequence[str]) -> Reader:
        def read(cursor: str | None, stop: Stop) -> Iterator[Page]:
            now = self._clock.now()
            begin, until = cursor or time_of(now - NEWS), time_of(now - SETTLED)
            if cursor is None:
                yield Page(cursor=begin)
            for records, behind in self._api.changes(entity, condition, fields, begin, until):
                if stop.is_set():
                    return
                yield Page(items=tuple(Raw.of(self._told(entity, record)) for record in records), cursor=behind)

        return read

    def _told(self, entity: str, record: Attributes) -> Attributes:
        also = {"customer": self._customer(record)} if entity == "Opportunity" else {}
        return {"event": f"{entity}.read", "record": {**record, **also}}

    def _customer(self, deal: Attributes) -> Attributes:
        """The numbers and addresses of whom a deal is with; without them, nobody can be asked about it."""
        named = [f"{entity}:{deal[field]}" for entity, field in _CUSTOMERS if deal.get(field)]
        try:
            found = self._api.read(named[0]) if named else {}
        except Rejected:
            return {}
        return {name: found.get(name) for name in ("name", "emailAddressData", "phoneNumberData")}


_DEAL = ("name", "stage", "closeDate", "amount", "amountCurrency", "contactId", "accountId")
_CUSTOMERS = (("Contact", "contactId"), ("Account", "accountId"))
