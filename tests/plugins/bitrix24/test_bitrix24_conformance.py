"""Bitrix24 passes the conformance kit."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cxsdk import Request
from cxsdk.testing import CRMConformance
from cxsdk_bitrix24 import Bitrix24
from tests.plugins.bitrix24.conftest import bitrix24
from tests.plugins.bitrix24.fake import TOKEN, FakeBitrix24


def event(name: str, id: int = 999, **fields: str) -> bytes:
    """An event of an outgoing webhook as Bitrix24 documents it."""
    told = {
        "event": name,
        "event_handler_id": "975",
        "data[FIELDS][ID]": str(id),
        "ts": "1767614280",
        "auth[domain]": "sample.bitrix24.com",
        "auth[client_endpoint]": "https://sample.bitrix24.com/rest/",
        "auth[server_endpoint]": "https://oauth.bitrix24.tech/rest/",
        "auth[member_id]": "a223c6b3710f85df22e9377d6c4f7553",
    }
    return urlencode({**told, **fields}).encode()


def proven(body: bytes, token: str = TOKEN) -> bytes:
    """The same with the token that proves it."""
    fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return urlencode({**fields, "auth[application_token]": token}).encode()


class TestBitrix24(CRMConformance):
    """With everything that it can do."""

    stand_in = FakeBitrix24
    key = TOKEN
    payloads = (
        event("ONCRMACTIVITYDELETE"),
        event("ONCRMCONTACTDELETE"),
        event("ONCRMLEADDELETE"),
        event("ONCRMACTIVITYUPDATE"),
        event("ONCRMDEALADD"),
    )

    def plugin(self) -> Bitrix24:
        dates = {"ufCrm_1720019876534": "renewal", "ufCrm_1720019876535": "subscription"}
        return bitrix24(dates=dates, erase_deleted=True)

    def sign(self, request: Request, key: str, at: datetime) -> Request:
        return request.model_copy(update={"body": proven(request.body, key)})

    def fill(self, rig: Any) -> None:
        super().fill(rig)
        portal = rig.provider
        reach = [{"id": 1, "typeId": "EMAIL", "valueType": "WORK", "value": "ann@example.com"}]
        ann = portal.put(3, name="Ann", leadId=7, fm=reach)
        told = {"title": "Ten chairs", "opportunity": 500, "currencyId": "USD", "stageId": "WON"}
        days = {"closedate": "2026-01-05T03:00:00+03:00", "ufCrm_1720019876535": "2027-01-05T03:00:00+03:00"}
        portal.put(2, contactId=ann, movedTime="2026-01-05T14:00:00+03:00", **told, **days)
        portal.put(2, contactId=ann, ufCrm_1720019876534="2026-01-05T03:00:00+03:00", **told | {"stageId": "NEW"})
