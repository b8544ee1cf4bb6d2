"""What updates tell of customers: parse alone, without a network."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk import (
    BadInput,
    Direction,
    IdentityClaim,
    InteractionFact,
    Kind,
    OptOut,
    Raw,
    Request,
    Response,
    Secret,
    handle,
    phone,
)
from cxsdk.domain.interaction import fold
from cxsdk_telegram import Telegram

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
USER = {"id": 100001, "is_bot": False, "first_name": "Sample", "last_name": "Customer", "language_code": "uk"}
PRIVATE = {"id": 100001, "type": "private", "first_name": "Sample"}
CUSTOMER = handle("telegram", 100001)


def stamp(at: datetime = NOON) -> int:
    return int(at.timestamp())


def message(**fields: Any) -> dict[str, Any]:
    return {"message_id": 7, "from": USER, "chat": PRIVATE, "date": stamp(), **fields}


def tap(**fields: Any) -> dict[str, Any]:
    asked = message(**{"from": {**USER, "id": 1, "is_bot": True}, "text": "How likely…?"})
    return {"id": "77", "from": USER, "message": asked, "chat_instance": "1", "data": "tok_1:nps:9", **fields}


def facts(update_id: Any = 1, received_at: Any = None, **parts: Any) -> list[Any]:
    telegram = Telegram(token=Secret("1:sample"))
    body = json.dumps({"update_id": update_id, **parts}).encode()
    return list(telegram.parse(Raw(id=str(update_id), body=body, received_at=received_at)))


# -- messages


def test_a_text_is_an_inbound_message_of_the_customer() -> None:
    [fact] = facts(message=message(text="Where is my order?"))
    assert isinstance(fact, InteractionFact)
    assert (fact.sender, fact.name, fact.language) == (CUSTOMER, "Sample Customer", "uk")
    assert (fact.text, fact.at, fact.direction) == ("Where is my order?", NOON, Direction.INBOUND)
    assert (fact.key, fact.interaction, fact.thread) == ("100001:7", "100001:7", "100001")


def test_an_answer_names_the_message_that_it_answers() -> None:
    [fact] = facts(message=message(text="Yes", reply_to_message=message(message_id=5)))
    assert fact.in_reply_to == "100001:5"


def test_an_edit_raises_the_same_interaction() -> None:
    [first] = facts(1, message=message(text="Helo"))
    [second] = facts(2, edited_message=message(text="Hello", edit_date=stamp(NOON + timedelta(minutes=1))))
    assert first.key != second.key
    for order in ([first, second], [second, first], [second, first, second]):
        contact = fold(order, Kind.MESSAGE)
        assert (contact.text, contact.at) == ("Hello", NOON)


def test_two_edits_within_a_second_are_two_facts() -> None:
    edited = [facts(n, edited_message=message(text=str(n), edit_date=stamp()))[0] for n in (1, 2)]
    assert edited[0].key != edited[1].key
    assert edited[0].interaction == edited[1].interaction


FILE = {"file_id": "F1", "file_unique_id": "U1"}


@pytest.mark.parametrize(
    ("content", "text", "kind", "name"),
    [
        ({"document": {**FILE, "file_name": "a.csv", "mime_type": "text/csv"}}, "[document]", "text/csv", "a.csv"),
        ({"voice": {**FILE, "duration": 3}}, "[voice]", "audio/ogg", "voice"),
        ({"video_note": FILE}, "[video note]", "video/mp4", "video_note"),
        ({"photo": [{"file_id": "small"}, FILE], "caption": "Broken"}, "Broken", "image/jpeg", "photo"),
        ({"animation": FILE, "document": FILE}, "[animation]", "application/octet-stream", "animation"),
    ],
)
def test_a_file_is_referenced_once(content: dict[str, Any], text: str, kind: str, name: str) -> None:
    [fact] = facts(message=message(**content))
    [attachment] = fact.attachments
    assert fact.text == text
    assert (attachment.reference, attachment.content_type, attachment.name) == ("F1", kind, name)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"sticker": {"emoji": "😀"}}, "[sticker 😀]"),
        ({"sticker": {}}, "[sticker]"),
        ({"location": {"latitude": 50.45, "longitude": 30.5}}, "[location 50.45, 30.5]"),
        ({"poll": {"question": "Which?"}}, "[poll: Which?]"),
        ({"dice": {"emoji": "🎲", "value": 6}}, "[message without text]"),
    ],
)
def test_what_is_not_text_is_told_in_brackets(content: dict[str, Any], text: str) -> None:
    [fact] = facts(message=message(**content))
    assert fact.text == text


def test_half_an_emoji_is_kept_as_a_replacement_character() -> None:
    [fact] = facts(message=message(text="cut \ud83d"))
    assert fact.text == "cut \ufffd"


# -- who it is


def test_a_shared_card_of_ones_own_claims_the_number() -> None:
    card = {"phone_number": "12125550123", "first_name": "Sample", "user_id": USER["id"]}
    contact, claim = facts(message=message(contact=card))
    assert contact.text == "[contact: Sample, 12125550123]"
    assert isinstance(claim, IdentityClaim)
    assert claim.identities == (CUSTOMER, phone("+12125550123"))


@pytest.mark.parametrize("whose", [{"user_id": 100002}, {}])
def test_somebody_elses_card_claims_nothing(whose: dict[str, int]) -> None:
    [fact] = facts(message=message(contact={"phone_number": "+12125550123", "first_name": "Friend", **whose}))
    assert isinstance(fact, InteractionFact)
    assert fact.also == ()


def test_a_card_with_an_impossible_number_claims_nothing() -> None:
    [fact] = facts(message=message(contact={"phone_number": "12", "first_name": "S", "user_id": USER["id"]}))
    assert isinstance(fact, InteractionFact)


# -- taps


def test_a_tap_answers_the_question() -> None:
    [answer] = facts(received_at=NOON + timedelta(hours=3), callback_query=tap())
    assert isinstance(answer, Response)
    assert (answer.invitation, answer.answers) == ("tok_1", {"nps": 9})
    assert answer.at == NOON + timedelta(hours=3)


def test_a_tap_whose_arrival_is_unknown_has_the_time_of_the_question() -> None:
    [answer] = facts(callback_query=tap())
    assert answer.at == NOON


def test_a_tap_under_a_message_that_telegram_lost_still_answers() -> None:
    lost = {"chat": PRIVATE, "message_id": 7, "date": 0}
    [answer] = facts(received_at=NOON, callback_query=tap(message=lost))
    assert (answer.at, answer.answers) == (NOON, {"nps": 9})


def test_a_tap_without_any_time_is_set_aside() -> None:
    with pytest.raises(BadInput) as caught:
        facts(callback_query=tap(message=None))
    assert caught.value.field == "body.callback_query.message"


@pytest.mark.parametrize("markup", [None, 5, [], {"inline_keyboard": 5}, {"inline_keyboard": [[5]]}, {"new": 1}])
def test_a_tap_under_buttons_of_an_unknown_kind_still_answers(markup: Any) -> None:
    [answer] = facts(received_at=NOON, callback_query=tap(message=message(reply_markup=markup)))
    assert answer.answers == {"nps": 9}


def test_the_same_tap_told_twice_is_one_answer() -> None:
    [once], [again] = facts(1, NOON, callback_query=tap()), facts(1, NOON, callback_query=tap())
    assert once == again


@pytest.mark.parametrize(
    "data", ["menu", "tok:nps", "tok:nps:nine", "tok:nps:9:9", ":nps:9", "tok:Nps:9", "tok:nps:1000"]
)
def test_a_foreign_button_is_a_contact(data: str) -> None:
    [fact] = facts(received_at=NOON, callback_query=tap(data=data))
    assert isinstance(fact, InteractionFact)
    assert (fact.text, fact.sender) == (f"[button: {data}]", CUSTOMER)


def test_a_tap_on_a_game_is_nothing() -> None:
    assert facts(received_at=NOON, callback_query=tap(data=None, game_short_name="chess")) == []


# -- opting out


def test_a_stop_word_is_a_message_like_any_other_for_it_means_the_same_over_all_channels() -> None:
    assert [type(fact) for fact in facts(message=message(text="stop"))] == [InteractionFact]


def membership(status: str, chat: dict[str, Any]) -> dict[str, Any]:
    member = {"status": "member", "user": {"id": 1}}
    return {
        "chat": chat,
        "from": USER,
        "date": stamp(),
        "old_chat_member": member,
        "new_chat_member": {"status": status},
    }


def test_a_customer_who_blocks_the_bot_opts_out() -> None:
    [opt_out] = facts(my_chat_member=membership("kicked", PRIVATE))
    assert isinstance(opt_out, OptOut)
    assert (opt_out.customer, opt_out.reason) == ((CUSTOMER,), "blocked the bot")


@pytest.mark.parametrize("change", [membership("member", PRIVATE), membership("kicked", {"id": -5, "type": "group"})])
def test_other_changes_of_membership_tell_nothing(change: dict[str, Any]) -> None:
    assert facts(my_chat_member=change) == []


# -- what is no contact with a customer


@pytest.mark.parametrize("type", ["group", "supergroup", "channel", "something_new"])
def test_only_private_chats_count(type: str) -> None:
    group = {"id": -100, "type": type, "title": "Sample"}
    assert facts(message=message(chat=group, text="stop")) == []
    assert facts(received_at=NOON, callback_query=tap(message=message(chat=group))) == []


def test_a_message_of_a_bot_or_of_nobody_tells_nothing() -> None:
    assert facts(message=message(**{"from": {**USER, "is_bot": True}}, text="hi")) == []
    assert facts(message={name: value for name, value in message(text="hi").items() if name != "from"}) == []


@pytest.mark.parametrize("part", [{}, {"poll": {"id": "1"}}, {"something_new": {"from": "future"}}])
def test_an_update_of_an_unknown_kind_tells_nothing(part: dict[str, Any]) -> None:
    assert facts(**part) == []


# -- what is malformed


@pytest.mark.parametrize(
    ("field", "update"),
    [
        ("body.update_id", {"update_id": None}),
        ("body.message.chat", {"message": message(chat=None)}),
        ("body.message.date", {"message": message(date="yesterday")}),
        ("body.message.date", {"message": message(date=10**30)}),
        ("body.message.text", {"message": message(text=[])}),
        ("body.callback_query.from", {"callback_query": {"id": "1"}}),
        ("body.at", {"message": message(date=1)}),
    ],
)
def test_a_malformed_field_is_named(field: str, update: dict[str, Any]) -> None:
    telegram = Telegram(token=Secret("1:sample"))
    with pytest.raises(BadInput) as caught:
        list(telegram.parse(Raw(id="1", body=json.dumps({"update_id": 1, **update}).encode())))
    assert caught.value.field == field


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff", b"5"])
def test_a_body_that_is_no_update_is_bad_input(body: bytes) -> None:
    telegram = Telegram(token=Secret("1:sample"))
    with pytest.raises(BadInput):
        list(telegram.parse(Raw(id="1", body=body)))
    assert len(telegram.event_key(Request(body=body))) == 64


words = st.text("aя0 :/\0\ud83d", max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "type", "file_id", "x"]), inner),
    max_leaves=5,
)
FIELDS = ["message_id", "from", "chat", "date", "text", "contact", "photo", "sticker", "reply_to_message", "location"]


@given(st.dictionaries(st.sampled_from(FIELDS), values), st.sampled_from(["message", "edited_message"]))
def test_whatever_a_message_holds_is_told_or_bad_input(fields: dict[str, Any], kind: str) -> None:
    try:
        told = facts(**{kind: message(**fields)})
    except BadInput as refused:
        told = []
        assert refused.field.startswith("body")  # noqa: PT017
    assert all(1 <= len(fact.key) <= 200 for fact in told)


@given(words | st.none(), st.sampled_from([None, NOON]))
def test_whatever_a_button_holds_is_told_or_bad_input(data: str | None, received_at: datetime | None) -> None:
    told = facts(received_at=received_at, callback_query=tap(data=data))
    assert len(told) == (0 if data is None else 1)


def test_a_replayed_update_has_the_same_key_over_webhook_and_polling() -> None:
    telegram = Telegram(token=Secret("1:sample"))
    update = {"update_id": 9, "message": message(text="hi")}
    assert telegram.event_key(Request(body=json.dumps(update, indent=1).encode())) == "9"
