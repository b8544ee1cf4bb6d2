"""The plugin keeps what the contract promises, beside a workspace in memory."""

from __future__ import annotations

from datetime import datetime

import pytest
from cxsdk import Direction, Kind, LogEntry, PersonGone, Request, Secret, sign_hmac
from cxsdk.testing import NOW, CRMConformance, send

from plain_tickets import PlainTickets
from plain_tickets.fake import FakePlainTickets

SECRET = "sample-webhook-secret"
CLOSED = {"event": "ticket.changed", "at": "2026-01-05T11:59:00Z", "ticket": {"id": "T3", "state": "closed"}}


def plain_tickets() -> PlainTickets:
    return PlainTickets(workspace="sample", token=Secret("sample-api-token"), webhook_secret=Secret(SECRET))


class TestPlainTickets(CRMConformance):
    """All that the conformance kit asks of a CRM with a webhook."""

    stand_in = FakePlainTickets
    payloads = (CLOSED, {"event": "ticket.assigned", "at": "2026-01-05T11:59:00Z", "ticket": {"id": "T3"}})
    key = SECRET

    def plugin(self) -> PlainTickets:
        return plain_tickets()

    def sign(self, request: Request, key: str, at: datetime) -> Request:
        return sign_hmac(request, header="Plain-Signature", key=Secret(key))


def test_a_note_on_a_customer_who_is_gone_says_so() -> None:
    note = LogEntry(key="k1", person_id="C9", kind=Kind.CALL, direction=Direction.INBOUND, at=NOW)
    vendor = FakePlainTickets()
    vendor.start()
    try:
        with pytest.raises(PersonGone):
            send(plain_tickets(), [note])
    finally:
        vendor.stop()


def test_the_plugin_offers_its_stand_in() -> None:
    assert isinstance(plain_tickets().stand_in(), FakePlainTickets)
