"""A Bitrix24 portal as the CRM: batches of commands, lookups by our key, sources of what changed, events."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Literal, Self

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
    SignatureError,
    Stop,
    Task,
    Usage,
    each_day,
)
from cxsdk_bitrix24.client import Api
from cxsdk_bitrix24.commands import Command
from cxsdk_bitrix24.failures import OPERATING, read_failure, usage_told
from cxsdk_bitrix24.incoming import PROOF, facts_of, form_of
from cxsdk_bitrix24.lookups import found_people, written
from cxsdk_bitrix24.outgoing import ENTITIES, person_command, searches
from cxsdk_bitrix24.samples import sample_events
from cxsdk_bitrix24.sources import NEWS, SETTLED, Reading, converted, deals_due, deals_read, todos
from cxsdk_bitrix24.telephony import Telephony, logged
from cxsdk_bitrix24.writing import Writer

if TYPE_CHECKING:
    import requests

_WEBHOOK = re.compile(r"https?://[^\s/?#@]+/rest/\d+/(?P<code>[^\s/?#]+)/?")
_SERVER = "https://oauth.bitrix24.tech/oauth/token/"


class Bitrix24(CRM, Inbound):
    """A Bitrix24 portal; ``docs/plugins/bitrix24.md`` says what to set up there.

    People are named as Bitrix24 itself names them: ``L_12`` is a lead, ``C_12`` a contact, ``CO_12`` a company.
    Entries and tasks have the bare ids of their activities.
    """

    #: The whole address of an incoming webhook, which is a secret: https://example.bitrix24.com/rest/1/…/
    webhook: Secret | None = None
    #: The portal's host, for OAuth in place of a webhook: example.bitrix24.com
    portal: str = Field(default="", pattern=r"^([A-Za-z0-9.-]+(:\d+)?)?$")
    #: The application's id (client_id), for OAuth.
    client_id: str = ""
    #: The application's key (client_secret), for OAuth.
    client_secret: Secret | None = None
    #: The token by which Bitrix24 proves its events; without it, no event is believed.
    application_token: Secret | None = None
    #: What strangers become. Where the portal works without leads, contacts.
    person_entity: Literal["lead", "contact"] = "lead"
    #: The id of the user who is responsible where nobody else is; else, that of the webhook or application.
    default_user: str | None = Field(default=None, pattern=r"^\d+$")
    #: Whether calls are activities of the CRM, or calls of Bitrix24's telephony, for which OAuth is needed.
    calls: Literal["activity", "telephony"] = "activity"
    #: By what our records are known among those of others (ORIGINATOR_ID). Leave it as it is once there are some.
    origin: str = Field(default="cxsdk", pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$")
    #: The country (ISO 3166) of numbers that stand in Bitrix24 without a country code.
    region: str | None = None
    #: What it means that a deal reaches a stage, by the stage's id.
    stages: Mapping[str, EventKind] = Field(default={"WON": "purchase"}, validate_default=True)
    #: What a date in a field of a deal means; for a subscription, it is the day on which that ends.
    dates: Mapping[str, EventKind] = Field(default={})
    #: Whether a contact, lead or company that is deleted is forgotten here. One that is merged into another is, too.
    erase_deleted: bool = False
    #: Those of most plans; answers tell how long each method has worked.
    limits: tuple[Limit, ...] = (
        Limit(calls=50, burst=50, per="25s"),
        Limit(seconds=480, per="10m", name=OPERATING),
    )

    duplicates = "lookup"
    batch_size = 25
    deadline_s = 65.0

    @field_validator("webhook")
    @classmethod
    def _is_a_webhook(cls, webhook: Secret | None) -> Secret | None:
        if webhook is not None and not _WEBHOOK.fullmatch(webhook.reveal()):
            raise ValueError("must be the whole address of an incoming webhook: https://…/rest/1/…/")
        return webhook

    @model_validator(mode="after")
    def _has_one_way_in(self) -> Self:
        application = (self.portal, self.client_id, self.client_secret)
        if any(application) if self.webhook else not all(application):
            raise ValueError("give either webhook, or all of portal, client_id and client_secret")
        if self.webhook and self.calls == "telephony":
            raise ValueError(
                'calls="telephony" is for applications: give portal, client_id and client_secret in place of webhook'
            )
        return self

    def open(self, context: Context) -> None:
        self._api = Api(self._session(context))
        telephony = Telephony(self._api, context.log) if self.calls == "telephony" else None
        self._writer = Writer(self._api, self.origin, self.default_user, context.log, telephony)
        self._clock = context.clock

    def _session(self, context: Context) -> Http:
        if self.webhook is None:
            return context.http("{client_endpoint}", oauth=self._oauth())
        if found := _WEBHOOK.fullmatch(self.webhook.reveal()):
            Secret(found["code"]).reveal()  # from here on, no error shows the path
        return context.http(self.webhook.reveal())

    def _oauth(self) -> OAuth:
        return OAuth(
            client_id=self.client_id,
            client_secret=self.client_secret,
            authorize_url=f"https://{self.portal}/oauth/authorize/",
            token_url=_SERVER,
            asked_by="query",
            parameter="auth",
            hosts=(self.portal.partition(":")[0],),
        )

    def check(self) -> str:
        """Asks who the webhook or application is, and whether it may read activities, and calls of telephony."""
        asked = {"user": Command("user.current", {}), "crm": Command("crm.activity.list", {"filter": {"ID": 0}})}
        asked |= {"calls": logged(["0"])} if self.calls == "telephony" else {}
        user, *_ = [each.read() for each in self._api.batch(asked, reads=True).values()]
        return " ".join(filter(None, ("user", str(user.get("ID")), user.get("NAME"), user.get("LAST_NAME"))))

    def classify(self, response: requests.Response) -> Exception | None:
        return read_failure(response, self._clock.now().timestamp())

    def usage(self, response: requests.Response) -> Iterator[Usage]:
        return usage_told(response, self.limits)

    # -- out

    def find_people(self, who: Sequence[Person]) -> Iterator[str | None]:
        asked = {f"p{n}x{m}": one for n, person in enumerate(who) for m, one in enumerate(searches(person))}
        found = self._api.batch(asked, reads=True)
        for n in range(len(who)):
            yield found_people(found[name].read() for name in asked if name.startswith(f"p{n}x"))

    def create_people(self, people: Sequence[Person]) -> Iterator[Receipt]:
        entity = ENTITIES[self.person_entity]
        yield from self._writer.make(
            [person_command(each, entity, each.agent_id or self.default_user, self.origin) for each in people], entity
        )

    def log(self, entries: Sequence[LogEntry]) -> Iterator[Receipt]:
        return self._writer.log(entries)

    def save_tasks(self, tasks: Sequence[Task]) -> Iterator[Receipt]:
        return self._writer.save_tasks(tasks)

    def agents(self) -> Iterator[Agent]:
        for user in self._api.users():
            name = " ".join(filter(None, (user.get("NAME"), user.get("LAST_NAME"))))
            extension = str(user.get("UF_PHONE_INNER") or "") or None
            active = user.get("ACTIVE") not in (False, "N")
            yield Agent(
                id=str(user["ID"]), name=name, email=user.get("EMAIL") or None, extension=extension, active=active
            )

    def find_written(self, keys: Sequence[str]) -> Iterator[str | None]:
        found = written(self._api, keys, ENTITIES[self.person_entity], self.origin, calls=self.calls == "telephony")
        yield from (found.get(key) for key in keys)

    # -- in

    def verify(self, request: Request, now: datetime) -> None:
        if self.application_token is None:
            raise SignatureError("No event of Bitrix24 is expected here; give application_token.", code="webhook_off")
        given = form_of(request).get(PROOF, "")
        if not given:
            raise SignatureError(f"The field {PROOF} is missing.", code="signature_missing")
        wanted = self.application_token.reveal()
        if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode()):
            raise SignatureError("The application token is another one: compare it with that of the outgoing webhook.")

    def parse(self, raw: Raw) -> Iterator[Fact]:
        return facts_of(raw, self._deals(), erase_deleted=self.erase_deleted)

    def samples(self, url: str, now: datetime) -> Mapping[str, Request]:
        return sample_events(url, now, self.application_token) if self.application_token else {}

    def sources(self) -> Mapping[str, Reader]:
        deals = self._deals()
        readings = {"tasks": todos(self.origin), "conversions": converted()}
        readings |= {"deals": deals_read(deals)} if deals else {}
        due = {"due": self._due} if deals.awaited else {}
        return {**{name: self._reader(reading) for name, reading in readings.items()}, **due}

    def _due(self, cursor: str | None, stop: Stop) -> Iterator[Page]:
        return each_day(partial(deals_due, self._api, self._deals()), cursor, stop, self._clock.now())

    def _reader(self, reading: Reading) -> Reader:
        def read(cursor: str | None, stop: Stop) -> Iterator[Page]:
            now = self._clock.now()
            begin = datetime.fromisoformat(cursor) if cursor else now - NEWS
            for records, behind in self._api.changes(reading.listing, begin, now - SETTLED):
                yield Page(items=tuple(reading.raws(self._api, records)), cursor=behind.isoformat())
                if stop.is_set():
                    return

        return read

    def _deals(self) -> Deals:
        return Deals(stages=self.stages, dates=self.dates, region=self.region)
