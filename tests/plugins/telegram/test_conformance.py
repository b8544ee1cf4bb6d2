"""Telegram passes the conformance kit: with a webhook, and polling."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cxsdk import Request, Secret
from cxsdk.testing import Answer, ChannelConformance, HttpStandIn, SentRequest
from cxsdk_telegram import Telegram

USER = {"id": 100001, "is_bot": False, "first_name": "Sample", "last_name": "Customer", "language_code": "uk"}
CHAT = {"id": 100001, "type": "private", "first_name": "Sample"}
MESSAGE = {"message_id": 7, "from": USER, "chat": CHAT, "date": 1767614400}
CARD = {"phone_number": "12125550123", "user_id": 100001, "first_name": "Sample"}
BLOCKED = {"old_chat_member": {"status": "member"}, "new_chat_member": {"status": "kicked"}}
UPDATES = (
    {"update_id": 1, "message": {**MESSAGE, "text": "Where is my order?"}},
    {"update_id": 2, "edited_message": {**MESSAGE, "edit_date": 1767614460, "text": "Where is my parcel?"}},
    {"update_id": 3, "message": {**MESSAGE, "message_id": 8, "contact": CARD}},
    {"update_id": 4, "my_chat_member": {"chat": CHAT, "from": USER, "date": 1767614400, **BLOCKED}},
)


def failure(code: int, description: str, **more: Any) -> Answer:
    return Answer(code, {"ok": False, "error_code": code, "description": description, **more})


class BotAPI(HttpStandIn):
    """The Bot API as far as the plugin needs it, https://core.telegram.org/bots/api."""

    limits = (Answer(429, failure(429, "Too Many Requests", parameters={"retry_after": 7}).json, wait=7),)
    unauthorized = failure(401, "Unauthorized")
    refused = failure(400, "Bad Request: chat not found")

    def __init__(self) -> None:
        self._sent: dict[str, Any] = {}

    def records(self) -> dict[str, Any]:
        return self._sent

    def answer(self, request: SentRequest) -> Any:
        if request.path.endswith("/getUpdates"):
            return {"ok": True, "result": [u for u in UPDATES if u["update_id"] >= request.json.get("offset", 0)]}
        if len(request.json["text"].encode("utf-16-le")) > 2 * 4096:
            return failure(400, "Bad Request: message is too long")
        sent = {**MESSAGE, "message_id": 100 + len(self._sent), "text": request.json["text"]}
        self._sent[f"{CHAT['id']}:{sent['message_id']}"] = sent
        return {"ok": True, "result": sent}

    def tap(self, message_id: str, data: str) -> Any:
        return {
            "update_id": 9,
            "callback_query": {"id": "1", "from": USER, "message": self._sent[message_id], "data": data},
        }


class TestWebhook(ChannelConformance):
    stand_in = BotAPI
    key = "sample_webhook_secret"
    payloads = UPDATES

    def plugin(self) -> Telegram:
        return Telegram(token=Secret("100:sample-token"), webhook_secret=Secret(self.key))

    def sign(self, request: Request, key: str, at: datetime) -> Mapping[str, str]:
        return {"X-Telegram-Bot-Api-Secret-Token": key}


class TestPolling(TestWebhook):
    def plugin(self) -> Telegram:
        return Telegram(token=Secret("100:sample-token"))
