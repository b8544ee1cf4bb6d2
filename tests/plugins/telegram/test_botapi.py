"""The stand-in of the Bot API: it refuses as the real one does, and fits the specification."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
import requests

from cxsdk import Choice, Message, Secret
from cxsdk.domain.clock import ManualClock
from cxsdk.testing import NOW, opened, read, send
from cxsdk.testing.botapi import BotAPI
from cxsdk_telegram import Telegram

CUSTOMER = 100001


@pytest.fixture
def bot() -> Iterator[BotAPI]:
    """Without a look at the specification: here it is asked what no plugin asks."""
    with BotAPI(clock=ManualClock(NOW)) as bot:
        yield bot


@pytest.fixture
def call(bot: BotAPI) -> Iterator[Any]:
    with requests.Session() as http:
        yield lambda method, **params: http.post(f"{bot.url}/bot{bot.token}/{method}", json=params, timeout=5).json()


def test_it_tells_who_it_is(call: Any) -> None:
    assert call("getMe")["result"]["is_bot"] is True


@pytest.mark.parametrize(("path", "code"), [("/bot1:wrong/getMe", 401), ("/", 401), ("/bot123456:sample-token/x", 404)])
def test_a_wrong_token_or_method_is_refused(bot: BotAPI, path: str, code: int) -> None:
    answer = requests.get(bot.url + path, timeout=5)
    assert answer.status_code == code
    assert answer.json()["error_code"] == code


def test_a_form_is_read_as_json_is(bot: BotAPI) -> None:
    bot.user_says(CUSTOMER, "Hello")
    form = {"chat_id": str(CUSTOMER), "text": "123", "link_preview_options": json.dumps({"is_disabled": True})}
    answer = requests.post(f"{bot.url}/bot{bot.token}/sendMessage", data=form, timeout=5).json()
    assert answer["result"]["text"] == "123"
    assert answer["result"]["link_preview_options"] == {"is_disabled": True}


def test_nobody_is_written_to_who_did_not_write_first(call: Any) -> None:
    assert call("sendMessage", chat_id=1, text="Hi")["description"] == "Bad Request: chat not found"


def test_a_second_poll_ends_the_first(bot: BotAPI, call: Any) -> None:
    ended: list[Any] = []

    def poll() -> None:
        url = f"{bot.url}/bot{bot.token}/getUpdates"
        ended.append(requests.post(url, json={"timeout": 5}, timeout=9).json())

    first = Thread(target=poll)
    first.start()
    while not (answer := call("getUpdates", timeout=0))["ok"] or not ended:
        first.join(0.02)
    assert answer["result"] == []
    assert ended[0]["error_code"] == 409


def test_an_unblocked_bot_may_write_again(bot: BotAPI, call: Any) -> None:
    bot.user_says(CUSTOMER, "Hello")
    bot.user_blocks(CUSTOMER)
    assert call("sendMessage", chat_id=CUSTOMER, text="Hi")["error_code"] == 403
    bot.user_unblocks(CUSTOMER)
    assert call("sendMessage", chat_id=CUSTOMER, text="Hi")["ok"]


def test_a_tap_waits_until_it_is_answered(bot: BotAPI, call: Any) -> None:
    bot.user_says(CUSTOMER, "Hello")
    keyboard = {"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}]]}
    sent = call("sendMessage", chat_id=CUSTOMER, text="Well?", reply_markup=keyboard)["result"]
    query = bot.user_taps(CUSTOMER, "yes", sent["message_id"])
    assert bot.unanswered_taps == {query}
    assert call("answerCallbackQuery", callback_query_id=query)["ok"]
    assert call("answerCallbackQuery", callback_query_id=query)["error_code"] == 400
    assert bot.unanswered_taps == set()


def test_buttons_are_changed_once_and_under_messages_of_the_bot_only(bot: BotAPI, call: Any) -> None:
    said = bot.user_says(CUSTOMER, "Hello")
    keyboards = [{"inline_keyboard": [[{"text": text, "callback_data": "yes"}]]} for text in ("Yes", "✓ Yes")]
    sent = call("sendMessage", chat_id=CUSTOMER, text="Well?", reply_markup=keyboards[0])["result"]
    mine = {"chat_id": CUSTOMER, "message_id": sent["message_id"], "reply_markup": keyboards[1]}
    assert call("editMessageReplyMarkup", **mine)["result"]["reply_markup"] == keyboards[1]
    assert "not modified" in call("editMessageReplyMarkup", **mine)["description"]
    assert call("editMessageReplyMarkup", **{**mine, "message_id": said})["error_code"] == 400


def test_a_button_that_is_not_there_cannot_be_tapped(bot: BotAPI, call: Any) -> None:
    bot.user_says(CUSTOMER, "Hello")
    sent = call("sendMessage", chat_id=CUSTOMER, text="Well?")["result"]
    with pytest.raises(ValueError, match="has no button"):
        bot.user_taps(CUSTOMER, "yes", sent["message_id"])


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.headers["X-Telegram-Bot-Api-Secret-Token"], json.loads(body)))  # type: ignore[attr-defined]
        self.send_response(self.server.statuses.pop(0))  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def hook() -> Iterator[Any]:
    with HTTPServer(("127.0.0.1", 0), _Hook) as server:
        server.got, server.statuses = [], []  # type: ignore[attr-defined]
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


def test_updates_are_posted_in_order_until_one_is_refused(bot: BotAPI, call: Any, hook: Any) -> None:
    call("setWebhook", url=f"http://127.0.0.1:{hook.server_address[1]}/hook", secret_token="sample")
    for text in ("one", "two", "three"):
        bot.user_says(CUSTOMER, text)
    hook.statuses = [200, 503, 200, 200]
    assert bot.deliver() == 1
    info = call("getWebhookInfo")["result"]
    assert info["pending_update_count"] == 2
    assert "503" in info["last_error_message"]
    assert bot.deliver() == 2
    assert [(secret, update["message"]["text"]) for secret, update in hook.got] == [
        ("sample", text) for text in ("one", "two", "two", "three")
    ]
    assert [update["message"]["text"] for update in bot.acknowledged] == ["one", "two", "three"]


def test_without_a_webhook_nothing_is_posted(bot: BotAPI) -> None:
    bot.user_says(CUSTOMER, "one")
    assert bot.deliver() == 0


# -- the specification


def test_every_call_and_answer_fits_the_specification(
    bot: BotAPI, telegram: Telegram, call: Any, specification: Any
) -> None:
    _a_whole_conversation(bot, telegram, call)
    assert {exchange.method for exchange in bot.exchanges} >= {"sendMessage", "getUpdates", "setWebhook", "getMe"}
    for exchange in bot.exchanges:
        assert specification.problems_of_exchange(exchange.method, exchange.params, exchange.answer) == []


def _a_whole_conversation(bot: BotAPI, telegram: Telegram, call: Any) -> None:
    said = bot.user_says(CUSTOMER, "Hello", name="Sample", language="uk")
    bot.user_edits(CUSTOMER, said, "Hello!")
    bot.user_shares_contact(CUSTOMER, "+12125550123")
    choices = tuple(Choice(label=str(n), data=f"t:nps:{n}") for n in range(11))
    usual = {"key": "m", "to": str(CUSTOMER), "text": "Hi"}
    send(telegram, [Message(**usual, choices=choices, automatic=True, in_reply_to=f"{CUSTOMER}:{said}")])
    send(telegram, [Message(**usual, provider_options={"request_contact": "Share"}), Message(**{**usual, "to": "5"})])
    query = bot.user_taps(CUSTOMER, "t:nps:10", bot.sent[0]["message_id"])
    bot.user_taps(CUSTOMER, "t:nps:9", bot.sent[0]["message_id"])
    [page] = read(telegram, "updates")
    telegram.acknowledge(page.items[-1], "Thank you!")
    bot.user_blocks(CUSTOMER)
    send(telegram, [Message(**usual)])
    bot.fails("sendMessage", 429, "Too Many Requests: retry after 0", retry_after=0)
    send(telegram, [Message(**usual)])
    read(telegram, "updates")
    with opened(Telegram(token=Secret(bot.token), api_url=bot.url, webhook_secret=Secret("s"))) as hooked:
        hooked.register_webhook()
        call("getWebhookInfo")
        hooked.remove_webhook()
    call("getMe")
    call("answerCallbackQuery", callback_query_id=query)


def test_the_specification_notices_what_is_wrong(specification: Any) -> None:
    assert specification.problems_of_call("sendMessage", {"chat_id": 1}) == ["sendMessage.text is missing"]
    assert specification.problems_of_call("sendMessage", {"chat_id": 1, "text": 5}) == ["sendMessage.text is no String"]
    assert specification.problems_of_call("getMe", {"x": 1}) == ["getMe.x is not known"]
    assert specification.problems("User", {"id": True, "is_bot": 0, "first_name": "S"}, "User")
    refused = {"ok": False, "error_code": 429, "description": "Later", "parameters": {"retry_after": "7"}, "wait": 7}
    assert len(specification.problems_of_exchange("getMe", {}, refused)) == 2
    assert specification.problems_of_update({"update_id": 1, "message": {"message_id": 1}})
