"""The three samples pass the kit: each test here is what their author would write."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cxsdk import Request, Secret
from cxsdk.testing import (
    Answer,
    ChannelConformance,
    CRMConformance,
    HttpStandIn,
    SentRequest,
    SurveyProviderConformance,
)
from tests.typing.sample_crm import SampleCRM
from tests.typing.sample_forms import SampleForms
from tests.typing.sample_sms import SampleSMS

KEY = "sample-key"


class CRMProvider(HttpStandIn):
    """Sample CRM in memory."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Any]] = {}

    def records(self) -> dict[str, Any]:
        return self._rows

    def complete(self, task_id: str) -> None:
        self._save(task_id, {"finished": True})

    def answer(self, request: SentRequest) -> Any:  # noqa: PLR0911 - one case for each thing the API does
        match request.method, request.path.split("/")[2:]:
            case "POST", [kind]:
                return self._save(f"{kind}-{len(self._rows) + 1}", {"kind": kind, **request.json})
            case "PATCH", [_, id] if id in self._rows:
                return self._save(id, request.json)
            case "GET", ["contacts"]:
                reach = set(request.query["reach"])
                return [row for row in self._rows.values() if reach & {each["value"] for each in row.get("reach", [])}]
            case "GET", ["records"]:
                return [row for row in self._rows.values() if [row["reference"]] == request.query["reference"]]
            case "GET", ["todos"]:
                todos = [row for row in self._rows.values() if row["kind"] == "todos"]
                return [row for row in todos if row["version"] > int(request.query["since"][0])]
            case "GET", ["users"]:
                return [{"id": "u1", "name": "Agent One", "email": "one@example.com", "active": True}]
        return 404

    def _save(self, id: str, fields: Any) -> Any:
        version = 1 + max((row["version"] for row in self._rows.values()), default=0)
        row = self._rows.pop(id, {"id": id, "touched": "2026-01-05T11:00:00Z"})
        self._rows[id] = row | fields | {"version": version}
        return self._rows[id]


class TestSampleCRM(CRMConformance):
    stand_in = CRMProvider

    def plugin(self) -> SampleCRM:
        return SampleCRM(workspace="acme", api_key=Secret(KEY))


class SMSProvider(HttpStandIn):
    """Sample SMS in memory."""

    def __init__(self) -> None:
        self._texts: dict[str, Any] = {}

    def records(self) -> dict[str, Any]:
        return self._texts

    def delivery(self, message_id: str) -> Any:
        return {"event": "status", "id": message_id, "time": "2026-01-05T11:59:00Z", "status": "delivered"}

    def answer(self, request: SentRequest) -> Any:
        if len(request.json["body"].encode("utf-16-le")) > 2 * 1600:
            return Answer(422, {"message": "too long"})
        id = f"s{len(self._texts) + 1}"
        self._texts[id] = {"id": id, **request.json}
        return self._texts[id]


class TestSampleSMS(ChannelConformance):
    stand_in = SMSProvider
    key = KEY
    payloads = (
        {"event": "text", "id": "e1", "time": "2026-01-05T11:59:00Z", "number": "+12125550123", "body": "Hello there"},
        {"event": "status", "id": "s1", "time": "2026-01-05T11:59:00Z", "status": "delivered"},
    )

    def plugin(self) -> SampleSMS:
        return SampleSMS(api_key=Secret("sample-api-key"), webhook_key=Secret(KEY))

    def sign(self, request: Request, key: str, at: datetime) -> Mapping[str, str]:
        stamp = str(int(at.timestamp()))
        signature = hmac.digest(key.encode(), stamp.encode() + b"." + request.body, "sha256").hex()
        return {"Sample-Signature": signature, "Sample-Time": stamp}


class FormsProvider(HttpStandIn):
    """Sample Forms in memory."""

    def respond(self, link: str) -> Any:
        [who] = parse_qs(urlsplit(link).query)["who"]
        return {"id": "r1", "sent": "2026-01-05T12:00:00Z", "who": who, "grade": 9, "words": "All is well"}


class TestSampleForms(SurveyProviderConformance):
    stand_in = FormsProvider
    key = KEY
    payloads = ({"id": "r1", "sent": "2026-01-05T12:00:00Z", "who": "tok", "grade": 9, "words": "All is well"},)

    def plugin(self) -> SampleForms:
        return SampleForms(forms={"loyalty": "f7"}, webhook_token=Secret(KEY))

    def sign(self, request: Request, key: str, at: datetime) -> Mapping[str, str]:
        return {"Sample-Token": key}
