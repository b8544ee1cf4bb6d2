"""An amoCRM or Kommo account as the CRM: arrays, looks for people, sources of what changed, webhooks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from cxsdk import (
    CRM,
    Agent,
    Context,
    Deals,
    EventKind,
    Fact,
    Http,
    Inbound,
    Limit,
    LogEntry,
    OAuth,
    Page,
    Person,
    Raw,
    Reader,
    Receipt,
    Request,
    Secret,
    Stop,
    Task,
    each_day,
)
from cxsdk_amocrm.client import BATCH, Api, Record
from cxsdk_amocrm.deals import LeadSource
from cxsdk_amocrm.failures import read_failure
from cxsdk_amocrm.incoming import facts_of, task_read
from cxsdk_amocrm.outgoing import owned
from cxsdk_amocrm.searching import find_people, find_written
from cxsdk_amocrm.webhook import address, check_address, sample_webhooks
from cxsdk_amocrm.writing import Strangers, create_people, log, save_tasks

if TYPE_CHECKING:
    import requests

#: A record is seen a moment after the second that it bears, and clocks differ: what is younger is left for later.
SETTLED = timedelta(seconds=30)
#: A first reading begins so long ago: what was before us is no news.
NEWS = timedelta(minutes=5)
#: What amoCRM answers when a refresh token is good no more.
OVER = ("invalid_grant", "Token has been revoked", "Token has expired", "Cannot decrypt the refresh token")


class AmoCRM(CRM, Inbound):
    """An account of amoCRM or Kommo; ``docs/plugins/amocrm.md`` says what to set up there.

    People are contacts, under amoCRM's bare ids. Entries name their card, too: ``contacts:4711:88``.
    """

    #: The account's own address, ``example.amocrm.ru``; with ``client_id``, it is told when the account is connected.
    account: str = Field(default="", pattern=r"^([a-z0-9-]+\.(amocrm\.ru|amocrm\.com|kommo\.com))?$")
    #: A long-lived token of a private integration.
    access_token: Secret | None = None
    #: An integration that is connected by OAuth instead: its id.
    client_id: str = ""
    #: Its secret key.
    client_secret: Secret | None = None
    #: Where a person is asked to connect it.
    site: Literal["amocrm.ru", "kommo.com"] = "amocrm.ru"
    #: What stands in the webhook's address, to prove that amoCRM calls it; without it there is no webhook.
    webhook_secret: Secret | None = None
    #: The id of the user who is responsible where nobody else is.
    default_user: str | None = Field(default=None, pattern=r"^[0-9]+$")
    #: What strangers become besides a contact: an incoming lead, a lead in the first stage, or nothing more.
    strangers: Strangers = "incoming"
    #: The id of the pipeline for their leads; the main one, unless told otherwise.
    pipeline: int | None = Field(default=None, ge=1)
    #: The type of our tasks: 1 is a follow-up, 2 a meeting.
    task_type: int = Field(default=1, ge=1)
    #: The code of the field of contacts that holds our key; it is made where it is missing.
    key_field: str = Field(default="CXSDK_KEY", pattern=r"^[A-Z][A-Z0-9_]{0,39}$")
    #: The country (ISO 3166) of numbers that stand in amoCRM without a country code.
    region: str | None = None
    #: What it means that a lead reaches a stage, by its id; of one pipeline alone, by both: ``7:142``.
    stages: Mapping[str, EventKind] = Field(default={"142": "purchase"}, validate_default=True)
    #: What a date in a field of a lead means, by the field's id or code; of a subscription, it is the day of its end.
    dates: Mapping[str, EventKind] = Field(default={})
    #: Whether a contact that is deleted is forgotten here.
    erase_deleted: bool = False
    #: amoCRM's limit of an integration.
    limits: tuple[Limit, ...] = (Limit(calls=7, per="1s"),)

    duplicates = "lookup"
    lookup_lag: ClassVar[timedelta] = timedelta(minutes=1)
    batch_size = BATCH
    deadline_s = 60.0  # each stranger is one look

    @field_validator("webhook_secret")
    @classmethod
    def _secret_fits_a_url(cls, secret: Secret | None) -> Secret | None:
        if secret is not None and not re.fullmatch(r"[!-~]{16,200}", secret.reveal()):
            raise ValueError("must be 16 to 200 letters, digits and signs, without spaces")
        return secret

    @model_validator(mode="after")
    def _one_way_in(self) -> AmoCRM:
        by_token, by_oauth = self.access_token is not None, bool(self.client_id and self.client_secret)
        if by_token is by_oauth or bool(self.client_id) is not (self.client_secret is not None):
            raise ValueError("needs either access_token with account, or client_id with client_secret")
        if by_token and not self.account:
            raise ValueError("needs account, the address that the token is for: example.amocrm.ru")
        return self

    def open(self, context: Context) -> None:
        self._api = Api(self._session(context), self.key_field)
        self._clock = context.clock
        self._log = context.log
        self._webhook_url = context.webhook_url
        self._leads = LeadSource(self._api)

    def check(self) -> str:
        found = self._api.account()
        return f"{found.get('name') or ''} ({found.get('subdomain')})".strip()

    def classify(self, response: requests.Response) -> Exception | None:
        return read_failure(response)

    def setup(self) -> None:
        """Makes the field for our key, and the webhook if there is a secret for it; an administrator's token can."""
        self._api.ensure_key()
        if self.webhook_secret:
            also = ["delete_contact"] if self.erase_deleted else []
            self._api.hear(address(self._webhook_url, self.webhook_secret), ["update_task", "delete_task", *also])

    def _session(self, context: Context) -> Http:
        if self.access_token:
            return context.http(f"https://{self.account}/api/v4", bearer=self.access_token)
        oauth = OAuth(
            client_id=self.client_id,
            client_secret=self.client_secret,
            authorize_url=f"https://www.{self.site}/oauth",
            token_url=f"https://{self.account or '{referer}'}/oauth2/access_token",
            authorize_params={"mode": "post_message"},  # the browser that asks is the one that comes back
            asked_by="json",
            hosts=("amocrm.ru", "amocrm.com", "kommo.com"),
            over=OVER,
        )
        return context.http(f"https://{self.account or '{referer}'}/api/v4", oauth=oauth)

    # -- out

    def find_people(self, who: Sequence[Person]) -> Iterator[str | None]:
        return find_people(self._api, who, self.region)

    def create_people(self, people: Sequence[Person]) -> Iterator[Receipt]:
        owners = {person.key: self._owner(person.agent_id) for person in people}
        return create_people(self._api, people, owners, self.strangers, self.pipeline, self._clock.now(), self._log)

    def log(self, entries: Sequence[LogEntry]) -> Iterator[Receipt]:
        return log(self._api, entries)

    def save_tasks(self, tasks: Sequence[Task]) -> Iterator[Receipt]:
        asked = {task.person_id for task in tasks if not (task.agent_id or task.task_id)}
        people = self._api.by_ids("contacts", sorted(asked))
        owners = {id: self._owner(str(people.get(id, {}).get("responsible_user_id"))) for id in asked}
        return save_tasks(self._api, tasks, owners, self.task_type)

    def agents(self) -> Iterator[Agent]:
        for user in self._api.all("users"):
            active = (user.get("rights") or {}).get("is_active") is not False
            yield Agent(id=str(user["id"]), name=user.get("name") or "", email=user.get("email"), active=active)

    def find_written(self, keys: Sequence[str]) -> Iterator[str | None]:
        return find_written(self._api, keys)

    def _owner(self, agent_id: str | None) -> Record:
        return owned(agent_id) or owned(self.default_user)

    # -- in

    def verify(self, request: Request, now: datetime) -> None:
        check_address(request, self.webhook_secret)

    def samples(self, url: str, now: datetime) -> Mapping[str, Request]:
        return sample_webhooks(url, self.webhook_secret, now) if self.webhook_secret else {}

    def parse(self, raw: Raw) -> Iterator[Fact]:
        return facts_of(raw, self._deals(), erase_deleted=self.erase_deleted)

    def sources(self) -> Mapping[str, Reader]:
        deals = {"deals": self._changed_leads} if self._deals() else {}
        due = {"due": self._due_leads} if self._deals().awaited else {}
        return {"tasks": self._completed, **deals, **due}

    def _completed(self, cursor: str | None, stop: Stop) -> Iterator[Page]:
        for records, behind in self._changes("tasks", {"filter[is_completed]": 1}, cursor):
            yield Page(items=tuple(Raw.of(task_read(record)) for record in records), cursor=str(behind))
            if stop.is_set():
                return

    def _changed_leads(self, cursor: str | None, stop: Stop) -> Iterator[Page]:
        for records, behind in self._changes("leads", {"with": "contacts"}, cursor):
            yield Page(items=tuple(self._leads.told(records, self._deals())), cursor=str(behind))
            if stop.is_set():
                return

    def _due_leads(self, cursor: str | None, stop: Stop) -> Iterator[Page]:
        def read(day: date, after: str) -> Iterator[tuple[Sequence[Raw], str]]:
            return self._leads.on(day, after, self._deals())

        return each_day(read, cursor, stop, self._clock.now())

    def _changes(self, path: str, params: Record, cursor: str | None) -> Iterator[tuple[list[Record], int]]:
        now = self._clock.now()
        begin = int(cursor) if cursor else int((now - NEWS).timestamp())
        return self._api.changes(path, params, begin, int((now - SETTLED).timestamp()))

    def _deals(self) -> Deals:
        return Deals(stages=self.stages, dates=self.dates, region=self.region)
