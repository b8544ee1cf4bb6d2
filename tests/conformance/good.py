"""A good CRM, a good channel and a good survey provider, from which the broken ones are made, and their stand-ins."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

from cxsdk import (
    CRM,
    Agent,
    AuthenticationError,
    BusinessEvent,
    Channel,
    Context,
    Delivery,
    Direction,
    Fact,
    Inbound,
    InteractionFact,
    Invitation,
    LogEntry,
    Message,
    Page,
    Person,
    RateLimited,
    Raw,
    Reader,
    Receipt,
    Request,
    Response,
    Secret,
    Stop,
    SurveyProvider,
    Task,
    TaskChange,
    email,
    phone,
    verify_hmac,
    verify_token,
)
from cxsdk.testing import (
    Answer,
    ChannelConformance,
    CRMConformance,
    HttpStandIn,
    SentRequest,
    SurveyProviderConformance,
)

if TYPE_CHECKING:
    import requests

KEY = "sample-signing-key"
TOKEN = "sample-api-token"
AT = "2026-01-05T11:59:00Z"


class QuietCRM(CRM):
    """Takes five records in a call, keeps them single by our reference, and tells nothing by itself."""

    token: Secret
    region: str = "eu"

    batch_size = 5
    duplicates = "upsert"

    def open(self, context: Context) -> None:
        self._http = context.http(f"https://{self.region}.crm.example", bearer=self.token)

    def classify(self, response: requests.Response) -> Exception | None:
        if response.status_code == 200 and b"over_limit" in response.content:
            return RateLimited("slower", retry_after=response.json()["wait"])
        return AuthenticationError() if b"unknown_token" in response.content else None

    def find_people(self, who: Sequence[Person]) -> Iterator[str | None]:
        for person in who:
            reach = [identity.value for identity in person.identities]
            yield self._http.post("/people/search", json={"reach": reach}, reads=True)["id"]

    def create_people(self, people: Sequence[Person]) -> Iterator[Receipt]:
        reach = ([identity.value for identity in person.identities] for person in people)
        rows = [{"reference": p.key, "name": p.name, "reach": each} for p, each in zip(people, reach, strict=True)]
        return self.save("people", rows)

    def log(self, entries: Sequence[LogEntry]) -> Iterator[Receipt]:
        return self.save("notes", [self.note(entry) for entry in entries])

    def note(self, entry: LogEntry) -> dict[str, Any]:
        text = "\n".join(filter(None, (entry.subject, entry.text, entry.comment, entry.recording_url)))
        about = {"id": entry.entry_id, "reference": entry.key, "person": entry.person_id, "kind": entry.kind}
        return {**about, "at": entry.at.isoformat(), "text": text}

    def save_tasks(self, tasks: Sequence[Task]) -> Iterator[Receipt]:
        return self.save("tasks", [self.todo(task) for task in tasks])

    def todo(self, task: Task) -> dict[str, Any]:
        about = {"id": task.task_id, "reference": task.key, "person": task.person_id, "title": task.title}
        return {**about, "text": task.text, "due": task.due.isoformat(), "state": "done" if task.done else "open"}

    def save(self, kind: str, rows: list[dict[str, Any]]) -> Iterator[Receipt]:
        ids = {row["reference"]: row["id"] for row in self._http.post(f"/{kind}/batch", json=rows)}
        for row in rows:
            yield Receipt.accepted(ids[row["reference"]])

    def agents(self) -> Iterator[Agent]:
        for agent in self._http.get("/agents"):
            yield Agent(id=agent["id"], name=agent["name"])


class GoodCRM(QuietCRM, Inbound):
    """The same, and tells of tasks over a webhook and a source."""

    webhook_key: Secret

    def verify(self, request: Request, now: datetime) -> None:
        verify_hmac(request, header="X-Sign", key=self.webhook_key, timestamp="X-Time", now=now)

    def parse(self, raw: Raw) -> Iterator[Fact]:
        with raw.reading() as event:
            match event["what"]:
                case "task":
                    yield self.change(raw, event)
                case "deal":
                    ends = datetime.fromisoformat(event["ends"]).astimezone(UTC)
                    yield BusinessEvent(
                        key=raw.id,
                        at=event["at"],
                        kind="subscription",
                        customer=(email(event["email"]),),
                        expires_at=ends,
                    )

    def change(self, raw: Raw, event: Any) -> Fact:
        done, said = event["state"] == "done", str(event["comment"])
        return TaskChange(
            key=f"{event['id']}v{event['version']}", at=event["at"], task_id=event["id"], done=done, comment=said
        )

    def sources(self) -> Mapping[str, Reader]:
        return {"tasks": self._read}

    def _read(self, cursor: str | None, stop: Stop) -> Iterator[Page]:
        while not stop.is_set() and (tasks := self._http.get("/tasks", params={"after": cursor or "0"})):
            cursor = str(tasks[-1]["version"])
            yield Page(
                items=tuple(Raw.of({"what": "task", **t}, id=f"{t['id']}v{t['version']}") for t in tasks), cursor=cursor
            )


class LookupCRM(QuietCRM):
    """A quiet CRM on a provider that keeps nothing single, but finds records by our reference."""

    duplicates = "lookup"

    def find_written(self, keys: Sequence[str]) -> Iterator[str | None]:
        for key in keys:
            yield self._http.get("/written", params={"reference": key})["id"]


class CRMProvider(HttpStandIn):
    """The CRM; it answers a batch in an order of its own."""

    limits = (Answer(200, {"error": "over_limit", "wait": 12}, wait=12),)
    unauthorized = Answer(400, {"error": "unknown_token"})
    keeps_single = True

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.version = 0

    def records(self) -> dict[str, Any]:
        return self.rows

    def complete(self, task_id: str) -> None:
        self._save({"id": task_id, "state": "done"})

    def answer(self, request: SentRequest) -> Any:
        match request.method, request.path:
            case "POST", "/people/search":
                return {"id": self._find(lambda row: set(row.get("reach", [])) & set(request.json["reach"]))}
            case "POST", path if path.endswith("/batch"):
                rows = request.json
                return [self._save({"list": path, **row}) for row in rows][::-1] if len(rows) <= 5 else 413
            case "GET", "/written":
                return {"id": self._find(lambda row: [row["reference"]] == request.query["reference"])}
            case "GET", "/tasks":
                after = int(request.query["after"][0])
                tasks = [row for row in self.rows.values() if "due" in row and row["version"] > after]
                return sorted(tasks, key=lambda row: int(row["version"]))[:1]
        return [{"id": "a1", "name": "Agent One"}, {"id": "a2", "name": "Agent Two"}]

    def _find(self, fits: Any) -> str | None:
        return next((id for id, row in self.rows.items() if fits(row)), None)

    def _save(self, row: dict[str, Any]) -> dict[str, Any]:
        reference, self.version = row.get("reference"), self.version + 1
        known = self.keeps_single and reference and self._find(lambda other: other["reference"] == reference)
        id = row.get("id") or known or f"r{len(self.rows) + 1}"
        old = self.rows.get(id, {"at": AT, "comment": "Done by an agent"})
        self.rows[id] = {**old, **row, "id": id, "version": self.version}
        return self.rows[id]


class LookupProvider(CRMProvider):
    """The CRM, which makes a new record of whatever it gets."""

    keeps_single = False


class GoodCRMConformance(CRMConformance):
    """What the author of the good CRM would write."""

    stand_in = CRMProvider
    key = KEY
    payloads = (
        {"what": "task", "id": "t1", "version": 1, "at": AT, "state": "done", "comment": "They are happy again"},
        {"what": "deal", "id": "d1", "at": AT, "email": "ann@example.com", "ends": "2027-01-05T12:00:00+02:00"},
    )
    of: type[Any] = GoodCRM

    def plugin(self) -> Any:
        return self.of(token=Secret(TOKEN), webhook_key=Secret(KEY))

    def sign(self, request: Request, key: str, at: datetime) -> Mapping[str, str]:
        stamp = str(int(at.timestamp()))
        return {
            "X-Time": stamp,
            "X-Sign": hmac.digest(key.encode(), f"{stamp}.".encode() + request.body, "sha256").hex(),
        }


class QuietCRMConformance(CRMConformance):
    """The same for a CRM from which nothing comes in."""

    stand_in = CRMProvider
    of: type[Any] = QuietCRM

    def plugin(self) -> Any:
        return self.of(token=Secret(TOKEN))


class LookupCRMConformance(QuietCRMConformance):
    """The same for a CRM that is looked up."""

    stand_in = LookupProvider
    of = LookupCRM


class GoodSMS(Channel, Inbound):
    """Sends texts of at most 160 units with buttons, and tells what became of them."""

    token: Secret

    reaches = "phone"
    message_length = 160
    inline_answers = True

    def open(self, context: Context) -> None:
        self._http = context.http("https://sms.example/v1", headers={"X-Token": self.token})

    def send(self, messages: Sequence[Message]) -> Iterator[Receipt]:
        for message in messages:
            sent = {"to": message.to, "text": message.text, "buttons": [choice.data for choice in message.choices]}
            yield Receipt.accepted(self._http.post("/texts", json=sent)["id"])

    def verify(self, request: Request, now: datetime) -> None:
        verify_token(request, header="X-Token", token=self.token)

    def event_key(self, request: Request) -> str:
        with Raw(id="-", body=request.body).reading() as event:
            return str(event["id"])

    def parse(self, raw: Raw) -> Iterator[Fact]:
        with raw.reading() as event:
            about = {"key": event["id"], "at": event["at"]}
            match event["event"]:
                case "text":
                    way = Direction.INBOUND
                    yield InteractionFact(**about, direction=way, sender=phone(event["from"]), text=event["text"])
                case "status":
                    yield self.delivery(about, event)
                case "tap":
                    token, question, grade = event["data"].split(":")
                    yield self.response(about, token, {question: int(grade)})

    def delivery(self, about: Any, event: Any) -> Fact:
        return Delivery(**about, message_id=event["message"], state=event["state"])

    def response(self, about: Any, token: str, answers: dict[str, int]) -> Fact:
        return Response(**about, invitation=token, answers=answers)


class SMSProvider(HttpStandIn):
    """The channel's provider."""

    def __init__(self) -> None:
        self.texts: dict[str, Any] = {}

    def records(self) -> dict[str, Any]:
        return self.texts

    def delivery(self, message_id: str) -> Any:
        return {"id": "e7", "event": "status", "at": AT, "message": message_id, "state": "delivered"}

    def tap(self, message_id: str, data: str) -> Any:
        return {"id": "e8", "event": "tap", "at": AT, "message": message_id, "data": data}

    def answer(self, request: SentRequest) -> Any:
        if len(request.json["text"].encode("utf-16-le")) > 320:
            return Answer(422, {"message": "too long"})
        id = f"s{len(self.texts) + 1}"
        self.texts[id] = {"id": id, **request.json}
        return self.texts[id]


class GoodSMSConformance(ChannelConformance):
    """What the author of the good channel would write."""

    stand_in = SMSProvider
    key = KEY
    of: type[Any] = GoodSMS
    payloads = (
        {"id": "e1", "event": "text", "at": AT, "from": "+12125550123", "text": "Where is my parcel?"},
        {"id": "e2", "event": "status", "at": AT, "message": "s1", "state": "delivered"},
        {"id": "e3", "event": "tap", "at": AT, "message": "s1", "data": "tok:nps:9"},
    )

    def plugin(self) -> Any:
        return self.of(token=Secret(KEY))

    def sign(self, request: Request, key: str, at: datetime) -> Mapping[str, str]:
        return {"X-Token": key}


class GoodForms(SurveyProvider, Inbound):
    """A link with the token in it, which the answer brings back."""

    token: Secret

    def link(self, invitation: Invitation) -> str:
        return f"https://forms.example/f?lang={invitation.language}&who={quote(invitation.token)}"

    def verify(self, request: Request, now: datetime) -> None:
        verify_token(request, header="X-Token", token=self.token)

    def parse(self, raw: Raw) -> Iterator[Fact]:
        with raw.reading() as filled:
            answers = {"score": filled["grade"], "comment": filled["words"]}
            yield Response(key=filled["id"], at=filled["at"], invitation=filled["who"], answers=answers)


class FormsProvider(HttpStandIn):
    """The survey provider."""

    def respond(self, link: str) -> Any:
        [who] = parse_qs(urlsplit(link).query)["who"]
        return {"id": "r1", "at": AT, "who": who, "grade": 9, "words": "All is well"}


class GoodFormsConformance(SurveyProviderConformance):
    """What the author of the good survey provider would write."""

    stand_in = FormsProvider
    key = KEY
    of: type[Any] = GoodForms
    payloads = ({"id": "r1", "at": AT, "who": "tok", "grade": 9, "words": "All is well"},)

    def plugin(self) -> Any:
        return self.of(token=Secret(KEY))

    def sign(self, request: Request, key: str, at: datetime) -> Mapping[str, str]:
        return {"X-Token": key}
