"""Telegram passes the conformance kit: with a webhook, and polling."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from cxsdk import Request, Secret
from cxsdk.testing import Answer, ChannelConformance, HttpStandIn, SentRequest
from cxsdk_telegram import Telegram
from tests.plugins.telegram.conftest import Specification, read_specification

USER = {"id": 100001, "is_bot": False, "first_name": "Sample", "last_name": "Customer", "language_code": "uk"}
CHAT = {"id": 100001, "type": "private", "first_name": "Sample"}
MESSAGE = {"message_id": 7, "from": USER, "chat": CHAT, "date": 1767614400}
CARD = {"phone_number": "12125550123", "user_id": 100001, "first_name": "Sample"}
BOT = {"id": 100, "is_bot": True, "first_name": "Sample Bot", "username": "sample_bot"}
MEMBER, KICKED = {"status": "member", "user": BOT}, {"status": "kicked", "user": BOT, "until_date": 0}
BLOCKED = {"old_chat_member": MEMBER, "new_chat_member": KICKED}
UPDATES = (
    {"update_id": 1, "message": {**MESSAGE, "text": "Where is my order?"}},
    {"update_id": 2, "edited_message": {**MESSAGE, "edit_date": 1767614460, "text": "Where is my parcel?"}},
    {"update_id": 3, "message": {**MESSAGE, "message_id": 8, "contact": CARD}},
    {"update_id": 4, "my_chat_member": {"chat": CHAT, "from": USER, "date": 1767614400, **BLOCKED}},
)


def failure(code: int, description: str, **more: Any) -> Answer:
    return Answer(code, {"ok": False, "error_code": code, "description": description, **more})


#: Every call and answer is held against it, where it is at hand.
SPECIFICATION = read_specification()


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
        answer = self._answered(request)
        if SPECIFICATION is not None:
            told = answer.json if isinstance(answer, Answer) else answer
            method = request.path.rpartition("/")[2]
            assert SPECIFICATION.problems_of_exchange(method, request.json, told) == []
        return answer

    def _answered(self, request: SentRequest) -> Any:
        if request.path.endswith("/getUpdates"):
            return {"ok": True, "result": [u for u in UPDATES if u["update_id"] >= request.json.get("offset", 0)]}
        if len(request.json["text"].encode("utf-16-le")) > 2 * 4096:
            return failure(400, "Bad Request: message is too long")
        sent = {**MESSAGE, "message_id": 100 + len(self._sent), "text": request.json["text"]}
        self._sent[f"{CHAT['id']}:{sent['message_id']}"] = sent
        return {"ok": True, "result": sent}

    def tap(self, message_id: str, data: str) -> Any:
        query = {"id": "1", "from": USER, "message": self._sent[message_id], "chat_instance": "1", "data": data}
        return {"update_id": 9, "callback_query": query}


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


@pytest.mark.parametrize("update", UPDATES, ids=lambda update: update["update_id"])
def test_the_recorded_updates_fit_the_specification(update: dict[str, Any], specification: Specification) -> None:
    assert specification.problems("Update", update, "Update") == []


def test_what_the_stand_in_says_fits_the_specification(specification: Specification) -> None:
    vendor = BotAPI()
    for answer in (*vendor.limits, vendor.unauthorized, vendor.refused):
        assert specification.problems_of_answer("sendMessage", answer.json) == []
    vendor._sent["1:1"] = {**MESSAGE, "text": "How was it?"}
    assert specification.problems("Update", vendor.tap("1:1", "data"), "Update") == []
