"""The phone system: it posts signed events of calls, the way phone systems do, repetitions and disorder included."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from cxsdk.demo.agenda import Agenda
from cxsdk.demo.hours import next_busy
from cxsdk.demo.ledger import Ledger, Way, reference
from cxsdk.demo.stories import Contact
from cxsdk.demo.wire import Sending, Wire
from cxsdk.demo.words import said

#: The shop's own line.
LINE = "+12125550100"
#: How often an event is sent twice, comes out of order, or is told of later.
_TWICE, _OUT_OF_ORDER, _NO_END, _LATER_RECORDING, _LATER_COMMENT = 0.05, 0.1, 0.02, 0.15, 0.05


@dataclass(frozen=True)
class Event:
    """One event of a call; ``number`` is the contact's where this event names it."""

    at: datetime
    body: dict[str, Any]
    number: int | None = None


class PhoneSystem:
    """Makes calls out of contacts, and tells of them event by event."""

    def __init__(self, wire: Wire, agenda: Agenda, ledger: Ledger, *, path: str, secret: str, extensions: int) -> None:
        self._wire = wire
        self._agenda = agenda
        self._ledger = ledger
        self._path = path
        self._secret = secret.encode()
        self._extensions = extensions

    def plan(self, contact: Contact) -> None:
        """Puts the events of a call on the agenda."""
        number = self._ledger.number(contact.way)
        rng = contact.customer.rng("call", number)
        for event in _disturbed(list(self._events(contact, number, rng)), rng):
            self._agenda.add(event.at, self, event)

    def act(self, things: Sequence[Event], now: datetime) -> None:
        """Posts events."""
        for event, answer in zip(things, self._wire.send_all(self._signed(e, now) for e in things), strict=True):
            if answer.is_taken:
                self._ledger.acknowledge(event.number)
            else:
                self._ledger.refuse("call event", answer.body.decode())

    def _signed(self, event: Event, now: datetime) -> Sending:
        body = json.dumps(event.body).encode()
        stamp = str(int(now.timestamp()))
        signature = hmac.digest(self._secret, stamp.encode() + b"." + body, hashlib.sha256).hex()
        return Sending(self._path, body, {"X-Telephony-Timestamp": stamp, "X-Telephony-Signature": signature})

    def _events(self, contact: Contact, number: int, rng: Random) -> Iterator[Event]:
        call = _Call(contact, number, 101 + rng.randrange(self._extensions))
        note = f"{said(contact.customer.language, contact.about, Way.OUT)} {reference(number)}"
        yield call.event("ringing", 0)
        if contact.missed:
            yield call.event("missed", 20, comment=f"Nobody answered. {reference(number)}")
            return
        if rng.random() < _NO_END:
            yield call.event("answered", 10, comment=note)
            return
        yield call.event("answered", 10)
        yield from call.ending(note, 10 + rng.randint(20, 600), rng)


@dataclass(frozen=True)
class _Call:
    contact: Contact
    number: int
    extension: int

    def event(self, type: str, after: int, *, at: datetime | None = None, **more: str) -> Event:
        """An event so many seconds after the call began; ``comment`` and ``recording_url`` may name the number."""
        at = at or self.contact.at + timedelta(seconds=after)
        theirs, inbound = self.contact.customer.phone or "", self.contact.way is Way.IN
        body = {
            "call_id": f"call-{self.number}", "event_id": f"{type}-{after}", "type": type, "at": at.isoformat(),
            "direction": "inbound" if inbound else "outbound", "agent": str(self.extension),
            "from": theirs if inbound else LINE, "to": LINE if inbound else theirs, **more,
        }  # fmt: skip
        return Event(at, body, self.number if more else None)

    def ending(self, note: str, after: int, rng: Random) -> Iterator[Event]:
        """The end of a call, and what becomes known after it."""
        later = next_busy(self.contact.at, rng)
        recording = f"https://pbx.example.com/recordings/ref-{self.number:07d}.wav"
        if rng.random() < _LATER_COMMENT:
            yield self.event("hung_up", after)
            yield self.event("comment", after + 1, at=later, comment=note)
        elif rng.random() < _LATER_RECORDING:
            yield self.event("hung_up", after)
            yield self.event("recording", after + 1, at=later, recording_url=recording)
        else:
            yield self.event("hung_up", after, comment=note)


def _disturbed(events: list[Event], rng: Random) -> list[Event]:
    """As they come over a network: some twice, some in another order."""
    events = [event for event in events for _ in range(2 if rng.random() < _TWICE else 1)]
    if rng.random() < _OUT_OF_ORDER:
        rng.shuffle(events)
    return events
