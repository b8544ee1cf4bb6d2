"""The shop: its own systems, which speak to the ingest API. Purchases are the real half of the demo."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cxsdk.demo.agenda import Agenda
from cxsdk.demo.ledger import Ledger, Way, reference
from cxsdk.demo.people import SampleCustomer
from cxsdk.demo.purchases import Purchase
from cxsdk.demo.stories import Contact
from cxsdk.demo.wire import Answer, Sending, Wire
from cxsdk.demo.words import said

#: How many events one request may bring.
MOST = 500


@dataclass(frozen=True)
class Bought:
    """A purchase at the seeded time of its day."""

    at: datetime
    purchase: Purchase
    customer: SampleCustomer


class Till:
    """Tells of purchases."""

    def __init__(self, wire: Wire, agenda: Agenda, ledger: Ledger, token: str) -> None:
        self._wire = wire
        self._agenda = agenda
        self._ledger = ledger
        self._headers = _headers(token)
        self.told = 0  #: purchases that were acknowledged

    def plan(self, bought: Bought) -> None:
        """Puts a purchase on the agenda."""
        self._agenda.add(bought.at, self, bought)

    def act(self, things: Sequence[Bought], now: datetime) -> None:
        """Tells of these purchases."""
        for start in range(0, len(things), MOST):
            some = things[start : start + MOST]
            answer = self._wire.send(_post("events", [_event(bought) for bought in some], self._headers))
            self.told += len(some) if answer.is_taken else 0
            _note(self._ledger, "purchases", answer)


class Desk:
    """Where agents write to customers in the messenger."""

    def __init__(
        self, wire: Wire, agenda: Agenda, ledger: Ledger, token: str, agents: Sequence[str], blocked: Container[Any]
    ) -> None:
        self._blocked = blocked
        self._wire = wire
        self._agenda = agenda
        self._ledger = ledger
        self._headers = _headers(token)
        self._agents = agents

    def plan(self, contact: Contact) -> None:
        """Puts an agent's message on the agenda."""
        self._agenda.add(contact.at, self, (contact, self._ledger.number(contact.way)))

    def act(self, things: Sequence[tuple[Contact, int]], now: datetime) -> None:
        """Agents write to those who can be written to."""
        things = [(contact, number) for contact, number in things if contact.customer.telegram not in self._blocked]
        sendings = [_post("messages", self._message(*thing), self._headers) for thing in things]
        for (_, number), answer in zip(things, self._wire.send_all(sendings), strict=True):
            _note(self._ledger, "message", answer)
            if answer.is_taken:
                self._ledger.acknowledge(number)

    def _message(self, contact: Contact, number: int) -> dict[str, Any]:
        return {
            "id": f"message-{number}",
            "customer": {"telegram": contact.customer.telegram},
            "text": f"{said(contact.customer.language, contact.about, Way.OUT)} {reference(number)}",
            "channel": "telegram",
            "agent": self._agents[number % len(self._agents)],
        }


def _event(bought: Bought) -> dict[str, Any]:
    customer, purchase = bought.customer, bought.purchase
    who = {"email": customer.email, "phone": customer.phone, "name": customer.name, "language": customer.language}
    return {
        "id": f"purchase-{purchase.line}",
        "kind": "purchase",
        "at": bought.at.isoformat(),
        "customer": {name: value for name, value in who.items() if value},
        "order": f"order-{purchase.line}",
        "product": f"{purchase.items} CDs",
        "amount": str(purchase.amount),
        "currency": "USD",
    }


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


def _post(what: str, body: Any, headers: dict[str, str]) -> Sending:
    return Sending(f"/api/v1/{what}", json.dumps(body).encode(), headers)


def _note(ledger: Ledger, what: str, answer: Answer) -> None:
    if not answer.is_taken:
        ledger.refuse(what, answer.body.decode())
