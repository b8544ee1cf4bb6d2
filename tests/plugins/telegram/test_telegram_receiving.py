"""Updates on their way in: long polling and the webhook."""

from __future__ import annotations

import json
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest

from cxsdk import (
    Choice,
    ConfigurationError,
    InteractionFact,
    Message,
    Page,
    Request,
    Response,
    Secret,
    SignatureError,
    Transient,
)
from cxsdk.domain.clock import ManualClock, stopwatch
from cxsdk.testing import NOW, opened, read, receive, send
from cxsdk.testing.botapi import BotAPI
from cxsdk_telegram import Telegram

CUSTOMER = 100001
HEADER = "X-Telegram-Bot-Api-Secret-Token"


def texts(telegram: Telegram, pages: list[Page]) -> list[str]:
    facts = [fact for page in pages for raw in page.items for fact in telegram.parse(raw)]
    return [fact.text for fact in facts if isinstance(fact, InteractionFact)]


# -- polling


def test_polling_brings_what_was_said_and_ends_when_it_is_up_to_date(bot: BotAPI, telegram: Telegram) -> None:
    bot.user_says(CUSTOMER, "one")
    bot.user_says(CUSTOMER, "two")
    assert texts(telegram, read(telegram, "updates")) == ["one", "two"]
    assert read(telegram, "updates", "999999999") == []


def test_a_page_is_confirmed_only_when_the_next_is_asked_for(bot: BotAPI, telegram: Telegram) -> None:
    bot.user_says(CUSTOMER, "one")
    [page] = read(telegram, "updates", pages=1)
    assert bot.acknowledged == []
    assert texts(telegram, read(telegram, "updates", pages=1)) == ["one"]
    assert read(telegram, "updates", page.cursor) == []
    assert len(bot.acknowledged) == 1


def test_more_updates_than_one_answer_holds_are_read_page_by_page(bot: BotAPI, telegram: Telegram) -> None:
    for n in range(250):
        bot.user_says(CUSTOMER, str(n))
    pages = read(telegram, "updates")
    assert [len(page.items) for page in pages] == [100, 100, 50]
    assert texts(telegram, pages) == [str(n) for n in range(250)]


def test_a_polled_update_has_its_number_as_id(bot: BotAPI, telegram: Telegram) -> None:
    bot.user_says(CUSTOMER, "one")
    [page] = read(telegram, "updates")
    [raw] = page.items
    assert raw.id == str(raw.payload()["update_id"])
    assert page.cursor == str(int(raw.id) + 1)


def test_half_an_emoji_spoils_no_page(bot: BotAPI, telegram: Telegram) -> None:
    bot.user_says(CUSTOMER, "cut \ud83d")
    bot.user_says(CUSTOMER, "whole")
    assert texts(telegram, read(telegram, "updates")) == ["cut \ufffd", "whole"]


def test_a_stopped_reader_asks_nothing(bot: BotAPI, telegram: Telegram) -> None:
    bot.user_says(CUSTOMER, "one")
    stop = Event()
    stop.set()
    assert list(telegram.sources()["updates"](None, stop)) == []
    assert not bot.exchanges


def test_a_long_poll_ends_as_soon_as_something_comes(bot: BotAPI) -> None:
    with opened(Telegram(token=Secret(bot.token), api_url=bot.url, poll_seconds=5)) as telegram:
        found: list[Page] = []
        reader = Thread(target=lambda: found.extend(read(telegram, "updates", pages=1)))
        began = stopwatch()
        reader.start()
        bot.user_says(CUSTOMER, "now")
        reader.join(3)
        assert texts(telegram, found) == ["now"]
        assert stopwatch() - began < 3


@pytest.mark.parametrize("seconds", [-1, 6, 60])
def test_a_poll_may_not_outlast_a_stop_by_long(seconds: int) -> None:
    with pytest.raises(ConfigurationError):
        Telegram(token=Secret("1:sample"), poll_seconds=seconds)


def test_polling_beside_a_webhook_says_the_cure(bot: BotAPI, telegram: Telegram) -> None:
    with opened(Telegram(token=Secret(bot.token), api_url=bot.url, webhook_secret=Secret("sample"))) as posted:
        posted.register_webhook()
    with pytest.raises(Transient) as caught:
        read(telegram, "updates")
    assert caught.value.code == "updates_conflict"
    assert "remove_webhook" in str(caught.value)
    telegram.remove_webhook()
    assert read(telegram, "updates") == []


def test_an_answer_that_got_lost_loses_no_update(bot: BotAPI, telegram: Telegram) -> None:
    bot.user_says(CUSTOMER, "one")
    bot.loses_answer("getUpdates")
    assert texts(telegram, read(telegram, "updates")) == ["one"]


# -- the webhook


@pytest.fixture
def hooked(bot: BotAPI, clock: ManualClock) -> Any:
    settings = {"token": Secret(bot.token), "api_url": bot.url, "webhook_secret": Secret("sample-secret")}
    with opened(Telegram(**settings), clock=clock) as telegram:
        yield telegram


def test_a_webhook_and_polling_exclude_each_other(hooked: Telegram, telegram: Telegram) -> None:
    assert hooked.sources() == {}
    assert list(telegram.sources()) == ["updates"]
    with pytest.raises(SignatureError) as caught:
        telegram.verify(Request(headers={HEADER: "sample-secret"}), NOW)
    assert caught.value.code == "webhook_off"


def test_registering_the_webhook_tells_telegram_address_and_secret(bot: BotAPI, hooked: Telegram) -> None:
    hooked.register_webhook()
    assert bot.exchanges[-1].params["url"] == "https://cx.example.com/webhooks/telegram"
    assert bot.exchanges[-1].params["secret_token"] == "sample-secret"
    assert "callback_query" in bot.exchanges[-1].params["allowed_updates"]


def test_a_polling_account_has_no_webhook_to_register(telegram: Telegram) -> None:
    with pytest.raises(ConfigurationError) as caught:
        telegram.register_webhook()
    assert caught.value.path == "Telegram.webhook_secret"


def test_opening_asks_telegram_nothing(bot: BotAPI, hooked: Telegram, telegram: Telegram) -> None:
    assert not bot.exchanges


def test_a_posted_update_with_the_secret_is_believed(hooked: Telegram) -> None:
    update = {"update_id": 1, "message": {"message_id": 1, "date": int(NOW.timestamp()), "text": "hi"}}
    user, chat = {"id": CUSTOMER, "first_name": "Sample"}, {"id": CUSTOMER, "type": "private"}
    update["message"] |= {"from": user, "chat": chat}  # type: ignore[operator]
    [fact] = receive(hooked, headers={HEADER: "sample-secret"}, body=json.dumps(update).encode())
    assert isinstance(fact, InteractionFact)


@pytest.mark.parametrize(
    "headers", [{}, {HEADER: ""}, {HEADER: "wrong"}, {HEADER: "sample-secret "}, {HEADER: "тайна"}]
)
def test_a_posted_update_without_the_secret_is_refused(hooked: Telegram, headers: dict[str, str]) -> None:
    with pytest.raises(SignatureError):
        receive(hooked, headers=headers, body=b"{}")


# -- the way of a survey


def test_a_tap_under_a_sent_question_comes_back_as_its_answer(
    bot: BotAPI, telegram: Telegram, clock: ManualClock
) -> None:
    bot.user_says(CUSTOMER, "Hello")
    choices = tuple(Choice(label=str(n), data=f"tok:nps:{n}") for n in range(11))
    send(telegram, [Message(key="m", to=str(CUSTOMER), text="How likely…?", choices=choices, automatic=True)])
    clock.advance(timedelta(minutes=5))
    bot.user_taps(CUSTOMER, "tok:nps:3", bot.sent[-1]["message_id"])
    facts = [fact for page in read(telegram, "updates") for raw in page.items for fact in telegram.parse(raw)]
    [answer] = [fact for fact in facts if isinstance(fact, Response)]
    assert (answer.invitation, answer.answers) == ("tok", {"nps": 3})


# -- settings


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("token", "plain:token"),
        ("token", Secret("no colon")),
        ("token", Secret("1:with/slash")),
        ("webhook_secret", Secret("with space")),
        ("webhook_secret", Secret("x" * 257)),
        ("api_url", "api.telegram.org"),
        ("api_url", "https://bot.example.com/"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(setting: str, value: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Telegram(**{"token": Secret("1:sample"), setting: value})
    assert caught.value.path == f"Telegram.{setting}"
    secret = value.reveal() if isinstance(value, Secret) else value
    assert secret not in str(caught.value)
