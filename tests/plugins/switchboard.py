"""A company with a CRM to be tested, and a phone system that tells of calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from cxsdk import CRM, CX, CallState, Channel, Direction, Inbound, InteractionFact, Kind, Raw, Request, phone
from cxsdk.domain.clock import ManualClock
from cxsdk.testing import NOW
from cxsdk.testing.inline import Installation
from cxsdk.web import public_app
from tests.installing import installed


class Switchboard(Channel, Inbound):
    """A phone system that tells of calls, missed ones unless it says more, and whom everybody believes."""

    kind = Kind.CALL

    def verify(self, request: Request, now: datetime) -> None:
        """Anybody may post."""

    def parse(self, raw: Raw) -> Iterator[InteractionFact]:
        call = raw.payload()
        yield InteractionFact(
            key=call.get("key", call["id"]),
            interaction=call["id"],
            at=call["at"],
            direction=Direction.INBOUND,
            sender=phone(call["from"]),
            agent=call.get("agent"),
            state=CallState(call.get("state", "missed")),
            recording_url=call.get("recording"),
        )


@contextmanager
def company(crm: CRM, folder: Path, **settings: Any) -> Iterator[Installation]:
    """Its installation, whose clock stands at ``NOW``."""
    database, url = f"sqlite:///{folder / 'cx.db'}", "https://cx.example.com"
    cx = CX(crm=crm, channels=[Switchboard()], database=database, public_url=url, **settings)
    with installed(cx, clock=ManualClock(NOW)) as installation:
        yield installation


def ring(installation: Installation, *, read: bool = True, **call: str) -> None:
    """Tells of a call, and does what follows."""
    with TestClient(public_app(installation.opened)) as web:
        told = {"id": "c1", "at": "2026-01-05T11:59:00Z", "from": "+12125550123", **call}
        assert web.post("/webhooks/switchboard", json=told).status_code == 202
    installation.settle(read=read)
