"""Plain Tickets as the CRM: customers with notes, and tickets that agents close."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cxsdk import (
    CRM,
    Agent,
    Context,
    Fact,
    Inbound,
    Limit,
    LogEntry,
    Person,
    PersonGone,
    RateLimited,
    Raw,
    Receipt,
    Request,
    Secret,
    Task,
    sign_hmac,
    verify_hmac,
)

from plain_tickets import mapping

if TYPE_CHECKING:
    import requests

    from plain_tickets.fake import FakePlainTickets

#: Where a webhook's proof stands: the HMAC-SHA256 of its body, in hexadecimal digits.
SIGNATURE = "Plain-Signature"


class PlainTickets(CRM, Inbound):
    """One workspace of Plain Tickets."""

    #: The workspace's name, as in ``https://NAME.plain-tickets.example``.
    workspace: str
    #: A token with the rights *customers* and *tickets*, from *Settings > API*.
    token: Secret
    #: The webhook's secret, from *Settings > Webhooks*.
    webhook_secret: Secret
    #: What every plan allows.
    limits: tuple[Limit, ...] = (Limit(calls=60, per=timedelta(minutes=1)),)

    duplicates = "upsert"  # a PUT under the same reference changes what is there

    def open(self, context: Context) -> None:
        self._http = context.http(
            f"https://{quote(self.workspace, safe='')}.plain-tickets.example/api", bearer=self.token
        )

    def classify(self, response: requests.Response) -> Exception | None:
        match _error(response):
            case "over_plan":  # a 403, which would be taken for wrong credentials
                return RateLimited("The plan's requests of this hour are used up.", retry_after=300)
            case "customer_gone":
                return PersonGone("The customer was merged or deleted.")
        return None

    def stand_in(self) -> FakePlainTickets:
        from plain_tickets.fake import FakePlainTickets

        return FakePlainTickets()

    def check(self) -> str:
        return f"{len(self._http.get('/agents')['agents'])} agents"

    # -- out

    def find_people(self, who: Sequence[Person]) -> Iterator[str | None]:
        for person in who:
            found = (self._http.get("/customers", params=asked)["customers"] for asked in mapping.questions_of(person))
            yield next((customers[0]["id"] for customers in found if customers), None)

    def create_people(self, people: Sequence[Person]) -> Iterator[Receipt]:
        return (self._put("customers", person.key, mapping.customer_of(person)) for person in people)

    def log(self, entries: Sequence[LogEntry]) -> Iterator[Receipt]:
        return (self._put("notes", entry.key, mapping.note_of(entry)) for entry in entries)

    def save_tasks(self, tasks: Sequence[Task]) -> Iterator[Receipt]:
        return (self._put("tickets", task.key, mapping.ticket_of(task)) for task in tasks)

    def agents(self) -> Iterator[Agent]:
        for agent in self._http.get("/agents")["agents"]:
            yield Agent(id=agent["id"], name=agent["name"], email=agent["email"])

    def _put(self, collection: str, reference: str, record: dict[str, Any]) -> Receipt:
        return Receipt.accepted(self._http.put(f"/{collection}/{quote(reference, safe='')}", json=record)["id"])

    # -- in

    def verify(self, request: Request, now: datetime) -> None:
        verify_hmac(request, header=SIGNATURE, key=self.webhook_secret)

    def event_key(self, request: Request) -> str:
        return str(request.headers.get("Plain-Event") or super().event_key(request))

    def parse(self, raw: Raw) -> Iterator[Fact]:
        return mapping.facts_of(raw)

    def samples(self, url: str, now: datetime) -> Mapping[str, Request]:
        body = {"event": "ticket.changed", "ticket": {"id": "T0", "state": "closed", "agent": None}}
        closed = Request(url=url, body=json.dumps({**body, "at": now.isoformat()}).encode())
        return {"closed": sign_hmac(closed, header=SIGNATURE, key=self.webhook_secret)}


def _error(response: requests.Response) -> str | None:
    try:
        answer = response.json()
    except ValueError:
        return None
    return answer.get("error") if isinstance(answer, dict) else None
