"""What a customer sees of their tap: the button waits no longer, and shows that it was the one."""

from __future__ import annotations

from typing import Any

import pytest

from cxsdk import Choice, Message, Raw, Transient
from cxsdk.testing import read, send
from cxsdk.testing.botapi import BotAPI, buttons
from cxsdk_telegram import Telegram

CUSTOMER = 100001
LABELS = ("0", "9", "10")
DATA = {label: f"tok:nps:{label}" for label in LABELS}


@pytest.fixture
def asked(bot: BotAPI, telegram: Telegram) -> int:
    """The bot has asked a question; the message's id."""
    bot.user_says(CUSTOMER, "Hello")
    choices = tuple(Choice(label=label, data=data) for label, data in DATA.items())
    send(telegram, [Message(key="m", to=str(CUSTOMER), text="How likely…?", choices=choices, automatic=True)])
    return int(bot.sent[-1]["message_id"])


def tapped(bot: BotAPI, telegram: Telegram, asked: int, label: str) -> Raw:
    """The record of a tap."""
    bot.user_taps(CUSTOMER, DATA[label], asked)
    return next(raw for page in read(telegram, "updates") for raw in page.items[::-1])


def labels(bot: BotAPI) -> list[str]:
    return [button["text"] for row in bot.sent[-1]["reply_markup"]["inline_keyboard"] for button in row]


def calls(bot: BotAPI, method: str) -> list[dict[str, Any]]:
    return [exchange.params for exchange in bot.exchanges if exchange.method == method]


def test_a_tap_is_answered_with_thanks_and_its_button_is_marked(bot: BotAPI, telegram: Telegram, asked: int) -> None:
    raw = tapped(bot, telegram, asked, "9")
    assert bot.unanswered_taps
    telegram.acknowledge(raw, "Thank you!")
    assert not bot.unanswered_taps
    assert [call["text"] for call in calls(bot, "answerCallbackQuery")] == ["Thank you!"]
    assert labels(bot) == ["0", "✓ 9", "10"]
    assert buttons(bot.sent[-1]) == list(DATA.values())


def test_whoever_changes_their_mind_sees_the_mark_move(bot: BotAPI, telegram: Telegram, asked: int) -> None:
    for label in ("9", "0"):
        telegram.acknowledge(tapped(bot, telegram, asked, label), "Thank you!")
    assert labels(bot) == ["✓ 0", "9", "10"]


def test_the_same_button_again_changes_no_mark(bot: BotAPI, telegram: Telegram, asked: int) -> None:
    for _ in range(2):
        telegram.acknowledge(tapped(bot, telegram, asked, "9"), "Thank you!")
    assert len(calls(bot, "editMessageReplyMarkup")) == 1
    assert not bot.unanswered_taps


def test_a_tap_that_is_no_answer_only_ends_the_waiting(bot: BotAPI, telegram: Telegram, asked: int) -> None:
    telegram.acknowledge(tapped(bot, telegram, asked, "9"), "")
    assert not bot.unanswered_taps
    assert calls(bot, "answerCallbackQuery")[-1].keys() == {"callback_query_id"}
    assert calls(bot, "editMessageReplyMarkup") == []


def test_a_tap_too_old_to_be_answered_is_marked_all_the_same(bot: BotAPI, telegram: Telegram, asked: int) -> None:
    bot.fails("answerCallbackQuery", 400, "Bad Request: query is too old and response timeout expired")
    telegram.acknowledge(tapped(bot, telegram, asked, "10"), "Thank you!")
    assert labels(bot) == ["0", "9", "✓ 10"]


def test_under_a_limit_nothing_more_is_asked(bot: BotAPI, telegram: Telegram, asked: int) -> None:
    raw = tapped(bot, telegram, asked, "10")
    bot.fails("answerCallbackQuery", 429, "Too Many Requests: retry after 30", retry_after=30)
    with pytest.raises(Transient):
        telegram.acknowledge(raw, "Thank you!")
    assert calls(bot, "editMessageReplyMarkup") == []


def test_words_too_long_for_telegram_are_cut(bot: BotAPI, telegram: Telegram, asked: int) -> None:
    telegram.acknowledge(tapped(bot, telegram, asked, "9"), "x" * 500)
    assert not bot.unanswered_taps


def test_a_tap_under_a_message_that_telegram_lost_is_answered(bot: BotAPI, telegram: Telegram, asked: int) -> None:
    update = tapped(bot, telegram, asked, "9").payload()
    lost = {"chat": update["callback_query"]["message"]["chat"], "message_id": asked, "date": 0}
    update["callback_query"]["message"] = lost
    telegram.acknowledge(Raw.of(update), "Thank you!")
    assert not bot.unanswered_taps
    assert calls(bot, "editMessageReplyMarkup") == []


def test_messages_are_not_answered(bot: BotAPI, telegram: Telegram) -> None:
    bot.user_says(CUSTOMER, "callback_query")
    [page] = read(telegram, "updates")
    before = len(bot.exchanges)
    telegram.acknowledge(page.items[0], "")
    assert len(bot.exchanges) == before
