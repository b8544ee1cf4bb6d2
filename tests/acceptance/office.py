"""An office for tests of durability: one wire over which facts come as they are, and a CRM that does as it is told."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from cxsdk import CX, Channel, Fact, Identity, Inbound, Message, Raw, Receipt
from cxsdk.domain.clock import ManualClock
from cxsdk.domain.facts import BusinessEvent, IdentityClaim, MessageRequest
from cxsdk.domain.interaction import InteractionFact
from cxsdk.journeys import absorb, outward, receipts
from cxsdk.store import inbox
from cxsdk.store.inbox import Arrival
from cxsdk.store.tables import OWED, WAITING, outbox
from cxsdk.store.work import OWED_TABLES
from cxsdk.testing.crm import FakeCRM
from cxsdk.testing.inline import Installation
from tests.installing import installed
from tests.places import MEMORY

#: A Monday noon in winter.
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)

_KINDS = {kind.__name__: kind for kind in (InteractionFact, BusinessEvent, MessageRequest, IdentityClaim)}


class Killed(BaseException):
    """The process was killed here: nothing after this line was done."""


#: Where a process may be killed, and what it would have done next.
CRASHES: dict[str, tuple[Any, str]] = {
    "after the inbox claim": (absorb, "_parse"),
    "before the fold": (absorb, "_fold"),
    "after the claim": (outward, "_send"),
    "before the call": (outward, "_call"),
    "before the write-down": (outward, "write_down"),
    "within the write-down": (receipts, "_rest_account"),
}


class Wire(Channel, Inbound):
    """A channel whose events are facts, and that cannot tell what it has sent."""

    reaches = "email"
    duplicates = "none"
    batch_size = 10

    def open(self, context: Any) -> None:
        self._sent: list[Message] = []
        self._error: Exception | None = None
        self._sends_first = True

    @property
    def sent(self) -> list[Message]:
        """What was sent so far."""
        return self._sent

    def fail_after_sending(self, error: Exception | None) -> None:
        """From now on each call sends the first of its messages, and then fails."""
        self._error, self._sends_first = error, True

    def fail_before_sending(self, error: Exception | None) -> None:
        """From now on each call fails before it has sent anything."""
        self._error, self._sends_first = error, False

    def send(self, messages: Sequence[Message]) -> Iterator[Receipt]:
        for message in messages:
            if self._error is not None and not self._sends_first:
                raise self._error
            self._sent.append(message)
            if self._error is not None:
                raise self._error
            yield Receipt.accepted(f"sent-{message.key}")

    def parse(self, raw: Raw) -> Iterator[Fact]:
        payload = raw.payload()
        yield _KINDS[payload.pop("fact")].model_validate(payload)


class Office:
    """The installation, its clock, and what is found in it."""

    def __init__(self, installation: Installation, crm: FakeCRM, wire: Wire) -> None:
        self.installation = installation
        self.runtime = installation.runtime
        self.crm = crm
        self.wire = wire
        self._number = 0

    @property
    def now(self) -> datetime:
        """The office's present."""
        return self.runtime.clock.now()

    def tell(self, fact: str = "InteractionFact", *, settle: bool = True, **fields: Any) -> None:
        """A fact comes over the wire."""
        self._number += 1
        self.receive({"fact": fact, "key": f"k{self._number}", "at": self.now.isoformat()} | fields, f"e{self._number}")
        if settle:
            self.settle()

    def receive(self, payload: dict[str, Any], id: str) -> None:
        """A record comes over the wire, and is not understood yet."""
        raw = Raw(id=id, body=json.dumps(payload, default=str).encode(), received_at=self.now)
        with self.runtime.store.write() as tx:
            inbox.put(self.runtime.store, tx, [Arrival("wire", raw)])

    def write(self, *texts: str, who: str = "ann@example.com") -> None:
        """A customer writes these messages, and they are folded together."""
        for text in texts:
            self.tell(settle=False, direction="inbound", sender={"kind": "email", "value": who}, text=text)
        self.settle()

    def call(self, state: str, *, call: str = "c1", text: str = "a call", settle: bool = True, **fields: Any) -> None:
        """A phone system tells of a call."""
        about: dict[str, Any] = {
            "interaction": call,
            "kind": "call",
            "direction": "inbound",
            "text": text,
            "state": state,
        }
        about["sender"] = {"kind": "phone", "value": "+12125550123"}
        self.tell(settle=settle, **about | fields)

    def introduce(self, *names: str) -> None:
        """These people are in the CRM already, and nothing is owed for them."""
        for name in names:
            self.write(f"hello from {name}", who=f"{name}@example.com")

    def settle(self) -> None:
        """Does what is owed now."""
        self.installation.settle()

    def later(self, **by: float) -> None:
        """Time passes; what becomes due on the way is done when it is due."""
        self.installation.pass_to(self.now + timedelta(**by))

    def rows(self, kind: str | None = None, table: Any = outbox) -> list[Any]:
        """Rows of outward work, oldest first."""
        query = table.select().order_by(table.c.id)
        with self.runtime.store.read() as tx:
            return list(tx.execute(query if kind is None else query.where(table.c.kind == kind)))

    def row(self, text: str) -> Any:
        """The entry's row with this text."""
        [found] = [row for row in self.rows("entry") if row.body["text"] == text]
        return found

    def open_rows(self) -> Counter[str]:
        """What is still owed, or waits, by lane and state."""
        left = [row for table in OWED_TABLES for row in self.rows(table=table) if row.state in (OWED, WAITING)]
        return Counter(f"{row.lane} {row.state}" for row in left if not row.lane.startswith("due:"))

    @contextmanager
    def killed(self, where: str) -> Iterator[None]:
        """Whatever happens in the block, its process is killed at this point and another one goes on later."""
        place, name = CRASHES[where]

        def die(*_: Any, **__: Any) -> None:
            raise Killed

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(place, name, die)
            try:
                yield
            except Killed:
                return


@contextmanager
def office_of(crm: FakeCRM, more: Sequence[Channel] = (), **settings: Any) -> Iterator[Office]:
    """An office with this CRM, between opening and closing."""
    wire = Wire()
    with TemporaryDirectory(dir=MEMORY) as folder:
        cx = CX(crm=crm, channels=[wire, *more], database=f"sqlite:///{folder}/cx.db", **settings)
        with installed(cx, clock=ManualClock(NOON)) as installation:
            yield Office(installation, crm, wire)


def people(*names: str) -> tuple[Identity, ...]:
    """E-mail identities of sample people."""
    return tuple(Identity(kind="email", value=f"{name}@example.com") for name in names)
