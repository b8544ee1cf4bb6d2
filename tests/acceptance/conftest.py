"""A small company for acceptance tests: a CRM, a phone system, a messenger that only collects, survey pages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from cxsdk import CX, Channel, Fact, FollowUp, Inbound, Loyalty, Message, PostPurchase, Raw, Receipt, Secret
from cxsdk.domain.clock import ManualClock
from cxsdk.domain.facts import (
    BusinessEvent,
    Delivery,
    IdentityClaim,
    MessageRequest,
    OptOut,
    PersonErased,
    PersonMerged,
    TaskChange,
)
from cxsdk.domain.interaction import InteractionFact
from cxsdk.store import inbox
from cxsdk.store.inbox import Arrival
from cxsdk.store.tables import cases, invitations
from cxsdk.testing.inline import Installation
from cxsdk.web import public_app
from cxsdk_hostedsurvey import HostedSurvey
from cxsdk_localcrm import LocalCRM
from cxsdk_telephony import Telephony
from tests.installing import installed

#: A Monday noon in winter.
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)

_FACTS = (
    InteractionFact, BusinessEvent, Delivery, OptOut, TaskChange, PersonErased, PersonMerged, IdentityClaim,
    MessageRequest,
)  # fmt: skip
_KINDS = {kind.__name__: kind for kind in _FACTS}


class Letters(Channel, Inbound):
    """A channel that keeps what it sends, and whose events are facts as they are."""

    reaches = "email"
    batch_size = 50

    def open(self, context: Any) -> None:
        self._sent: list[Message] = []
        self._refuses: set[str] = set()

    @property
    def sent(self) -> list[Message]:
        """What was sent so far."""
        return self._sent

    def refuse(self, address: str) -> None:
        """From now on, no letter to this address is taken."""
        self._refuses.add(address)

    def send(self, messages: Sequence[Message]) -> Iterator[Receipt]:
        for message in messages:
            if message.to in self._refuses:
                yield Receipt.rejected("550 no such mailbox")
            else:
                self._sent.append(message)
                yield Receipt.accepted(f"letter-{message.key}")

    def parse(self, raw: Raw) -> Iterator[Fact]:
        payload = raw.payload()
        yield _KINDS[payload.pop("fact")].model_validate(payload)


class Company:
    """The company, its customers and its clock."""

    def __init__(self, installation: Installation, crm: LocalCRM, letters: Letters, web: TestClient) -> None:
        self.installation = installation
        self.runtime = installation.runtime
        self.crm = crm
        self.letters = letters
        self.web = web
        self._number = 0

    @property
    def now(self) -> datetime:
        """The company's present."""
        return self.runtime.clock.now()

    def tell(self, fact: str, *, settle: bool = True, account: str = "letters", **fields: Any) -> None:
        """A fact reaches the company over its channel."""
        self._number += 1
        payload = {"fact": fact, "key": f"k{self._number}", "at": self.now.isoformat()} | fields
        raw = Raw(id=payload["key"], body=json.dumps(payload, default=str).encode(), received_at=self.now)
        with self.runtime.store.write() as tx:
            inbox.put(self.runtime.store, tx, [Arrival(account, raw)])
        if settle:
            self.installation.settle()

    def buys(self, who: str = "ann@example.com", kind: str = "purchase", **fields: Any) -> None:
        """A customer does something that a shop tells of."""
        customer = [{"kind": "email", "value": who}]
        self.tell("BusinessEvent", kind=kind, customer=customer, **fields)

    def writes(self, text: str, who: str = "ann@example.com", **fields: Any) -> None:
        """A customer writes."""
        self.tell("InteractionFact", direction="inbound", sender={"kind": "email", "value": who}, text=text, **fields)

    def agent_writes(self, text: str, who: str = "ann@example.com", **fields: Any) -> None:
        """An agent writes to a customer from a client of their own."""
        recipient = {"kind": "email", "value": who}
        self.tell("InteractionFact", direction="outbound", recipient=recipient, text=text, **fields)

    def later(self, by: timedelta) -> None:
        """Time passes, and what becomes due is done in its turn."""
        self.installation.pass_to(self.now + by)

    def rows(self, table: Any, **where: Any) -> list[Any]:
        """Rows of one of cxsdk's own tables."""
        query = table.select()
        for column, value in where.items():
            query = query.where(table.c[column] == value)
        with self.runtime.store.read() as tx:
            return list(tx.execute(query))

    def invitation(self, **where: Any) -> Any:
        """The only invitation like this."""
        [found] = self.rows(invitations, **where)
        return found

    def case(self) -> Any:
        """The only case."""
        [found] = self.rows(cases)
        return found

    def open_tasks(self) -> list[dict[str, Any]]:
        """What agents see in the CRM."""
        return [task for task in self.crm.tasks() if not task["done"] and not task["deleted"]]

    def answers(self, path: str | None = None, **form: Any) -> int:
        """A customer fills in the page of the last letter (or ``path``) and sends it; returns the status."""
        link = path or str(self.letters.sent[-1].link)
        page = link.removeprefix(self.runtime.public_url)
        answer = self.web.post(page, data=form, follow_redirects=False)
        self.installation.settle()
        return answer.status_code

    def finishes(self, task: dict[str, Any], comment: str = "") -> None:
        """An agent marks a task as done in the CRM."""
        self.crm.complete_task(task["id"], comment)
        self.installation.settle()


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    crm = LocalCRM(database=str(tmp_path / "crm.db"), durable=False)
    letters = Letters()
    cx = CX(
        company="Sample Shop",
        crm=crm,
        channels=[letters, Telephony(name="pbx", secret=Secret("hush"))],
        survey_providers=[HostedSurvey()],
        surveys=[PostPurchase(after="2h"), Loyalty(between=("14d", "28d"))],
        follow_up=FollowUp(contact_within="1h", solve_within="24h"),
        database=f"sqlite:///{tmp_path}/cx.db",
    )
    with (
        installed(cx, clock=ManualClock(NOON)) as installation,
        TestClient(public_app(installation.opened), base_url="http://127.0.0.1:8000") as web,
    ):
        yield Company(installation, crm, letters, web)
