"""Messages on their way to customers, over a socket."""

from __future__ import annotations

from traceback import format_exception
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk import AuthenticationError, Choice, CxsdkError, Message, RateLimited, Receipt, Secret, Transient
from cxsdk.domain.outward import Outcome
from cxsdk.testing import opened, send
from cxsdk.testing.botapi import BotAPI, buttons
from cxsdk_telegram import Telegram
from cxsdk_telegram.outgoing import build_request, rows

CUSTOMER = 100001


def to_customer(text: str = "How likely are you to recommend us?", **fields: Any) -> Message:
    return Message(**{"key": "m-1", "to": str(CUSTOMER), "text": text, **fields})


@pytest.fixture
def hello(bot: BotAPI) -> int:
    """The customer has written to the bot: it may answer."""
    return bot.user_says(CUSTOMER, "Hello")


@pytest.mark.usefixtures("hello")
def test_a_message_arrives_and_its_receipt_names_it(bot: BotAPI, telegram: Telegram) -> None:
    [receipt] = send(telegram, [to_customer("Thank you")]).receipts
    [sent] = bot.sent
    assert receipt == Receipt.accepted(f"{CUSTOMER}:{sent['message_id']}")
    assert sent["text"] == "Thank you"


@pytest.mark.usefixtures("hello")
def test_the_choices_are_buttons_whose_data_comes_back(bot: BotAPI, telegram: Telegram) -> None:
    choices = tuple(Choice(label=str(n), data=f"tok:nps:{n}") for n in range(11))
    send(telegram, [to_customer(choices=choices)])
    keyboard = bot.sent[0]["reply_markup"]["inline_keyboard"]
    assert [len(row) for row in keyboard] == [6, 5]
    assert buttons(bot.sent[0]) == [choice.data for choice in choices]


def test_an_answer_hangs_on_the_message_that_it_answers(bot: BotAPI, telegram: Telegram, hello: int) -> None:
    send(telegram, [to_customer(in_reply_to=f"{CUSTOMER}:{hello}")])
    assert bot.sent[0]["reply_to_message"]["message_id"] == hello


@pytest.mark.usefixtures("hello")
@pytest.mark.parametrize("gone", [f"{CUSTOMER}:999", "<mail@example.com>", ""])
def test_an_answer_to_a_message_that_is_gone_is_sent_all_the_same(bot: BotAPI, telegram: Telegram, gone: str) -> None:
    [receipt] = send(telegram, [to_customer(in_reply_to=gone)]).receipts
    assert receipt.is_done
    assert "reply_to_message" not in bot.sent[0]


@pytest.mark.usefixtures("hello")
def test_only_automatic_messages_go_without_a_link_preview(bot: BotAPI, telegram: Telegram) -> None:
    send(telegram, [to_customer(automatic=True), to_customer(key="m-2")])
    assert bot.sent[0]["link_preview_options"] == {"is_disabled": True}
    assert "link_preview_options" not in bot.sent[1]


def test_a_message_may_ask_for_the_customers_number() -> None:
    request = build_request(to_customer(provider_options={"request_contact": "Share my number"}), CUSTOMER)
    assert request["reply_markup"]["keyboard"] == [[{"text": "Share my number", "request_contact": True}]]


@given(st.lists(st.sampled_from(["0", "10", "Yes", "Not solved yet"]), min_size=1, max_size=30))
def test_rows_hold_every_choice_in_order_and_differ_little(labels: list[str]) -> None:
    choices = [Choice(label=label, data=f"t:q:{n}") for n, label in enumerate(labels)]
    laid = rows(choices)
    assert [choice for row in laid for choice in row] == choices
    assert max(map(len, laid)) <= (1 if "Not solved yet" in labels else 6)
    assert len({len(row) for row in laid[:-1]}) <= 1


# -- refusals


@pytest.mark.usefixtures("hello")
def test_a_customer_who_blocked_the_bot_is_rejected_and_the_rest_go_on(bot: BotAPI, telegram: Telegram) -> None:
    bot.user_says(100002, "Hello")
    bot.user_blocks(100002)
    blocked, reached = send(telegram, [to_customer(to="100002"), to_customer(key="m-2")]).receipts
    assert blocked.outcome is Outcome.REJECTED
    assert "blocked by the user" in blocked.reason
    assert reached.is_done


@pytest.mark.usefixtures("hello")
@pytest.mark.parametrize(
    "fields",
    [
        {"to": "555"},
        {"to": "+12125550123"},
        {"to": "@sample"},
        {"text": " \n"},
        {"choices": (Choice(label="x", data="d" * 65),)},
    ],
)
def test_what_telegram_can_never_deliver_is_rejected(telegram: Telegram, fields: dict[str, Any]) -> None:
    [receipt] = send(telegram, [to_customer(**fields)]).receipts
    assert receipt.outcome is Outcome.REJECTED
    assert receipt.reason


@pytest.mark.usefixtures("hello")
def test_a_limit_makes_the_account_wait_as_long_as_telegram_says(bot: BotAPI, telegram: Telegram) -> None:
    bot.fails("sendMessage", 429, "Too Many Requests: retry after 30", retry_after=30)
    with pytest.raises(RateLimited) as caught:
        send(telegram, [to_customer()])
    assert caught.value.retry_after == 30
    assert bot.sent == []


@pytest.mark.usefixtures("hello")
def test_what_was_sent_before_a_limit_keeps_its_receipt(bot: BotAPI, telegram: Telegram) -> None:
    bot.passes("sendMessage")
    bot.fails("sendMessage", 429, "Too Many Requests: retry after 30", retry_after=30)
    receipts = iter(telegram.send([to_customer(), to_customer(key="m-2")]))
    assert next(receipts).is_done
    with pytest.raises(RateLimited):
        next(receipts)


@pytest.mark.usefixtures("hello")
def test_an_answer_that_got_lost_is_unknown_and_the_rest_go_on(bot: BotAPI, telegram: Telegram) -> None:
    bot.loses_answer("sendMessage", done=True)
    lost, reached = send(telegram, [to_customer("one"), to_customer("two", key="m-2")]).receipts
    assert lost.outcome is Outcome.UNKNOWN
    assert reached.is_done
    assert [sent["text"] for sent in bot.sent] == ["one", "two"]


@pytest.mark.usefixtures("hello")
def test_an_error_of_the_server_is_unknown(bot: BotAPI, telegram: Telegram) -> None:
    bot.fails("sendMessage", 500, "Internal Server Error")
    [receipt] = send(telegram, [to_customer()]).receipts
    assert receipt.outcome is Outcome.UNKNOWN


@pytest.mark.usefixtures("hello")
def test_a_success_without_a_result_is_unknown(bot: BotAPI, telegram: Telegram) -> None:
    bot.fails("sendMessage", 200, "of a kind that Telegram never gives")
    [receipt] = send(telegram, [to_customer()]).receipts
    assert receipt.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("code", "description", "kind", "words"),
    [
        (401, "Unauthorized", AuthenticationError, "@BotFather"),
        (404, "Not Found", AuthenticationError, "@BotFather"),
        (409, "Conflict: terminated by other getUpdates request", Transient, "webhook_secret"),
    ],
)
def test_an_error_of_the_account_says_the_cure(
    bot: BotAPI, telegram: Telegram, code: int, description: str, kind: type[CxsdkError], words: str
) -> None:
    bot.fails("sendMessage", code, description)
    with pytest.raises(kind) as caught:
        send(telegram, [to_customer()])
    assert words in str(caught.value)


@pytest.mark.usefixtures("hello")
def test_a_chat_that_moved_is_rejected_with_its_new_id(bot: BotAPI, telegram: Telegram) -> None:
    bot.fails("sendMessage", 400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-100200)
    [receipt] = send(telegram, [to_customer()]).receipts
    assert "-100200" in receipt.reason


# -- the token


def test_the_token_is_in_no_error_and_no_repr(bot: BotAPI, caplog: pytest.LogCaptureFixture) -> None:
    wrong = "987654:another-sample-token"
    caplog.set_level("DEBUG", "cxsdk")
    with opened(Telegram(token=Secret(wrong), api_url=bot.url)) as telegram:
        with pytest.raises(AuthenticationError) as refused:
            send(telegram, [to_customer()])
        shown = [repr(telegram), repr(vars(telegram)), str(refused.value), repr(vars(refused.value))]
    with opened(Telegram(token=Secret(wrong), api_url="http://127.0.0.1:9")) as nobody:
        with pytest.raises(Transient) as unreachable:
            send(nobody, [to_customer()])
        shown += [str(unreachable.value), *format_exception(unreachable.value)]
    assert wrong not in "".join([*shown, caplog.text])


def test_a_check_tells_the_bots_name(telegram: Telegram) -> None:
    assert telegram.check() == "@sample_bot"


def test_a_check_with_a_wrong_token_is_refused(bot: BotAPI) -> None:
    with opened(Telegram(token=Secret("1:wrong"), api_url=bot.url)) as telegram, pytest.raises(AuthenticationError):
        telegram.check()
