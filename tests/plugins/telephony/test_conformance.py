"""Telephony passes the conformance kit."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime

from cxsdk import Request, Secret
from cxsdk.testing import ChannelConformance
from cxsdk_telephony import Telephony

AT = "2026-01-05T11:59:00Z"
CALL = {"call_id": "c-1", "at": AT, "direction": "inbound", "from": "+12125550123", "to": "+12125550100"}


class TestTelephony(ChannelConformance):
    key = "sample-signing-key"
    payloads = (
        {"event_id": "1", "type": "ringing", **CALL},
        {"event_id": "2", "type": "answered", "agent": "one@example.com", **CALL},
        {"event_id": "3", "type": "hung_up", "duration": 61, "answered_at": AT, **CALL},
        {"event_id": "4", "type": "comment", "comment": "They were friendly", **CALL},
        {"event_id": "5", "type": "recording", "recording_url": "https://calls.example.com/1.mp3", **CALL},
    )

    def plugin(self) -> Telephony:
        return Telephony(secret=Secret(self.key))

    def sign(self, request: Request, key: str, at: datetime) -> Mapping[str, str]:
        stamp = str(int(at.timestamp()))
        signature = hmac.digest(key.encode(), stamp.encode() + b"." + request.body, "sha256").hex()
        return {"X-Telephony-Signature": signature, "X-Telephony-Timestamp": stamp}
