"""Telegram passes the conformance kit: with a webhook, and polling."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cxsdk import Request, Secret
from cxsdk.testing import NOW, Answer, ChannelConformance, HttpStandIn, SentRequest
from cxsdk_telegram import Telegram
from tests.plugins.telegram.specification import Specification, at_hand

USER = {"id": 100001, "is_bot": False, "first_name": "Sample", "last_name": "Customer", "language_code": "uk"}
CHAT = {"id": 100001, "type": "private", "first_name": "Sample"}
MESSAGE = {"message_id": 7, "from": USER, "chat": CHAT, "date": 1767614400}
CARD = {"phone_number": "12125550123", "user_id": 100001, "first_name": "Sample"}
BOT = {"id": 1, "is_bot": True, "first_name": "Sample"}
BLOCKED = {
    "old_chat_member": {"status": "member", "user": BOT},
    "new_chat_member": {"status": "kicked", "user": BOT, "until_date": 0},
}
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
        """What the Bot API answers; as its specification has it, where that is at hand."""
        answer = self._play(request)
        if found := at_hand():
            told = answer.json if isinstance(answer, Answer) else answer
            assert found.problems_of_exchange(request.path.rpartition("/")[2], request.json, told) == []
        return answer

    def _play(self, request: SentRequest) -> Any:
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
            "callback_query": {
                "id": "1",
                "from": USER,
                "message": self._sent[message_id],
                "chat_instance": "1",
                "data": data,
            },
        }


def test_what_telegram_is_said_to_post_fits_the_specification(specification: Specification) -> None:
    plugin = Telegram(token=Secret("100:sample-token"), webhook_secret=Secret("sample"))
    samples = [json.loads(each.body) for each in plugin.samples("https://cx.example.com", NOW).values()]
    for update in (*UPDATES, *samples):
        assert specification.problems_of_update(update) == []
    for refusal in (BotAPI.limits[0], BotAPI.unauthorized, BotAPI.refused):
        assert specification.problems_of_exchange("getMe", {}, refusal.json) == []


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
