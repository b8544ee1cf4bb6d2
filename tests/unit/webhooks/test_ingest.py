"""The account of the ingest API: what the API stored, understood."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk.app import API_ACCOUNT
from cxsdk.domain.facts import BusinessEvent, EventKind, Fact, MessageRequest, OptOut
from cxsdk.domain.identity import Confidence, handle
from cxsdk.domain.interaction import CallState, Direction, InteractionFact, Kind, fold
from cxsdk.domain.raw import Raw
from cxsdk.errors import BadInput
from cxsdk.webhooks.ingest import Api, item_body, item_key, request_record
from cxsdk.webhooks.items import ITEMS, EventItem, MessageItem, OptOutItem, read_item

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
ANN = {"phone": "+1 212-555-0123", "email": "Ann@Example.com", "name": "Ann"}
LETTER = {"at": "2026-03-02T12:00:00Z", "kind": "email", "direction": "inbound", "customer": ANN}
PURCHASE = {"at": "2026-03-02T14:00:00+02:00", "kind": "purchase", "customer": ANN}


def facts(type: str, item: Any, key: str = "k") -> list[Any]:
    body = json.dumps({"type": type, **item}).encode()
    return list(Api().parse(Raw(id=key, body=body, received_at=NOON)))


def refusal(type: str, **item: Any) -> tuple[str, str]:
    """The code and the field of the problem that an item has."""
    with pytest.raises(BadInput) as caught:
        facts(type, item)
    return caught.value.code, caught.value.field


def test_the_account_has_the_reserved_name() -> None:
    assert Api().name == API_ACCOUNT


def test_a_letter_is_one_fact_under_the_records_key() -> None:
    [fact] = facts("interaction", LETTER | {"id": "7", "text": "hello", "agent": "ext 12"}, key="interaction:7")
    assert isinstance(fact, InteractionFact)
    assert (fact.key, fact.interaction, fact.kind, fact.at) == ("interaction:7", "7", Kind.EMAIL, NOON)
    assert (str(fact.sender), [str(i) for i in fact.also]) == ("phone:+12125550123", ["email:ann@example.com"])
    assert (fact.text, fact.agent, fact.name) == ("hello", "ext 12", "Ann")


def test_what_the_company_sends_has_the_customer_as_its_recipient() -> None:
    [fact] = facts("interaction", LETTER | {"direction": "outbound"})
    assert (fact.sender, str(fact.recipient)) == (None, "phone:+12125550123")


def test_a_call_told_at_once_has_a_beginning_and_an_end() -> None:
    call = {"kind": "call", "state": "ended", "answered_at": "2026-03-02T12:01:00Z", "ended_at": "2026-03-02T12:05:00Z"}
    folded = fold(facts("interaction", LETTER | call), Kind.MESSAGE)
    assert (folded.at, folded.talk_seconds, folded.state) == (NOON, 240, CallState.ENDED)


def test_a_call_whose_end_is_told_without_its_answer_is_not_taken_for_missed() -> None:
    call = {"kind": "call", "state": "ended", "ended_at": "2026-03-02T12:05:00Z"}
    assert fold(facts("interaction", LETTER | call), Kind.MESSAGE).state is CallState.ENDED


def test_pieces_of_one_contact_share_its_name() -> None:
    call = LETTER | {"kind": "call", "interaction": "call-1"}
    [ringing] = facts("interaction", call | {"id": "1", "state": "ringing"}, "interaction:1")
    [missed] = facts("interaction", call | {"id": "2", "state": "missed"}, "interaction:2")
    assert ringing.interaction == missed.interaction == "call-1"


def test_a_purchase_is_a_business_event() -> None:
    told = {"order": "A-1", "product": "Sample", "amount": 19.9, "currency": "USD"}
    [fact] = facts("event", PURCHASE | told)
    assert isinstance(fact, BusinessEvent)
    assert (fact.kind, fact.at, fact.order, fact.product) == (EventKind.PURCHASE, NOON, "A-1", "Sample")
    assert (fact.amount, fact.currency, fact.name, len(fact.customer)) == ("19.9", "USD", "Ann", 2)


def test_a_message_is_a_request_to_a_customer_with_all_their_identities() -> None:
    [request] = facts("message", {"customer": ANN, "text": "hello", "channel": "mail"})
    assert isinstance(request, MessageRequest)
    assert (request.at, request.text, request.channel, [str(who) for who in request.customer]) == (
        NOON, "hello", "mail", ["phone:+12125550123", "email:ann@example.com"],
    )  # fmt: skip


@pytest.mark.parametrize("opted_out", [True, False])
def test_an_opt_out_says_what_the_customer_wishes_from_then_on(opted_out: bool) -> None:
    told = {"customer": {"telegram": 42}, "reason": "asked on the phone"} | ({} if opted_out else {"opted_out": False})
    [fact] = facts("opt_out", told)
    who = (handle("telegram", 42),)
    assert fact == OptOut(key="k", at=NOON, customer=who, opted_out=opted_out, reason="asked on the phone")


def test_a_message_is_no_longer_than_what_the_crm_is_told_of_it() -> None:
    read_item(MessageItem, {"customer": ANN, "text": "x" * 60_000})
    with pytest.raises(BadInput) as caught:
        read_item(MessageItem, {"customer": ANN, "text": "x" * 60_001})
    assert caught.value.field == "body.text"


def test_the_record_of_a_requests_key_says_nothing() -> None:
    key, body = request_record("event", "mine", [b"{}"])
    assert list(Api().parse(Raw(id=key, body=body, received_at=NOON))) == []


def test_a_national_number_is_read_in_its_region() -> None:
    [fact] = facts("event", PURCHASE | {"customer": {"region": "UA", "phone": "044 123 45 67"}})
    assert str(fact.customer[0]) == "phone:+380441234567"


def test_an_identity_that_is_only_perhaps_theirs_stays_so() -> None:
    who = {"identities": [{"kind": "email", "value": "B@Example.com", "confidence": "maybe"}]}
    [fact] = facts("event", PURCHASE | {"customer": who})
    assert (fact.customer[0].value, fact.customer[0].confidence) == ("b@example.com", Confidence.MAYBE)


@pytest.mark.parametrize(
    ("item", "code", "field"),
    [
        ({"at": "2026-03-02T12:00:00"}, "time_naive", "body.at"),
        ({"at": "1815-06-18T11:00:00Z"}, "field_invalid", "body.at"),
        ({"at": "9999-12-31T23:59:59-23:00"}, "field_invalid", "body.at"),
        ({"at": "2026-02-30T12:00:00Z"}, "field_invalid", "body.at"),
        ({"at": 1772452800}, "time_invalid", "body.at"),
        ({"at": "1772452800"}, "time_invalid", "body.at"),
        ({"at": None}, "time_invalid", "body.at"),
        ({"kind": "theft"}, "field_invalid", "body.kind"),
        ({"colour": "red"}, "field_unknown", "body.colour"),
        ({"id": 7}, "field_invalid", "body.id"),
        ({"id": "x" * 151}, "field_invalid", "body.id"),
        ({"amount": "a lot"}, "amount_invalid", "body.amount"),
        ({"amount": 1e300}, "amount_invalid", "body.amount"),
        ({"amount": True}, "amount_invalid", "body.amount"),
        ({"currency": "euro"}, "field_invalid", "body.currency"),
        ({"kind": "subscription"}, "field_invalid", "body.expires_at"),
        ({"customer": {}}, "customer_unknown", "body.customer"),
        ({"customer": "ann"}, "field_invalid", "body.customer"),
        ({"customer": {"phone": "12"}}, "phone_invalid", "body.customer.phone"),
        ({"customer": {"phone": "0441234567"}}, "phone_invalid", "body.customer.phone"),
        ({"customer": {"phone": 12125550123}}, "field_invalid", "body.customer.phone"),
        ({"customer": {"email": "ann"}}, "email_invalid", "body.customer.email"),
        ({"customer": {"email": "a" * 500 + "@example.com"}}, "field_invalid", "body.customer.email"),
        ({"customer": {"telegram": "@ann"}}, "telegram_invalid", "body.customer.telegram"),
        ({"customer": {"phone": "+12125550123", "time_zone": "Mars"}}, "zone_unknown", "body.customer.time_zone"),
        ({"customer": {"phone": "+12125550123", "time_zone": "../zone"}}, "zone_unknown", "body.customer.time_zone"),
        ({"customer": {"identities": [{"kind": "x"}]}}, "field_missing", "body.customer.identities.0.value"),
        (
            {"customer": {"identities": [{"kind": "phone", "value": "12"}]}},
            "phone_invalid",
            "body.customer.identities.0.value",
        ),
    ],
)
def test_what_is_wrong_is_named_by_field_and_code(item: dict[str, Any], code: str, field: str) -> None:
    assert refusal("event", **PURCHASE | item) == (code, field)


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({"kind": "call"}, "body.state"),
        ({"state": "missed"}, "body.state"),
        ({"kind": "call", "state": "ringing", "ended_at": "2026-03-02T12:05:00Z"}, "body.ended_at"),
        ({"kind": "call", "state": "ended", "ended_at": "2026-03-02T11:05:00Z"}, "body.ended_at"),
        ({"kind": "survey"}, "body.kind"),
    ],
)
def test_a_contact_that_contradicts_itself_is_refused(item: dict[str, Any], field: str) -> None:
    assert refusal("interaction", **LETTER | item) == ("field_invalid", field)


def test_a_missing_field_and_a_missing_object_are_named() -> None:
    assert refusal("event", **{name: value for name, value in PURCHASE.items() if name != "at"}) == (
        "field_missing", "body.at",
    )  # fmt: skip
    assert refusal("message", customer=ANN, text=" ") == ("field_invalid", "body.text")
    assert refusal("theft") == ("type_unknown", "body.type")


def test_an_error_never_shows_a_value() -> None:
    with pytest.raises(BadInput) as caught:
        facts("event", PURCHASE | {"customer": {"email": "hush@@example.com"}, "hush": "hush"})
    assert "hush" not in str(caught.value)


def test_the_same_item_has_the_same_record_and_key_whatever_the_order_of_its_fields() -> None:
    item = read_item(EventItem, PURCHASE)
    one, other = item_body(item, PURCHASE), item_body(item, dict(reversed(PURCHASE.items())))
    assert one == other
    assert item_key(item, one, None, 0, NOON) == item_key(item, other, None, 5, NOON)


def test_an_own_id_makes_the_key_then_the_requests_key_then_what_the_item_says() -> None:
    item = read_item(MessageItem, {"customer": ANN, "text": "hello"})
    named = read_item(MessageItem, {"customer": ANN, "text": "hello", "id": "1"})
    places = [(None, 0), ("r", 0), ("r", 1), ("s", 0)]
    keys = [item_key(item, b"a", request, place, NOON) for request, place in places]
    assert len(set(keys)) == 4
    assert item_key(item, b"a", None, 3, LATER) == keys[0] != item_key(item, b"b", None, 0, NOON)
    assert item_key(named, b"a", "r", 1, NOON) == item_key(named, b"b", None, 0, LATER) == "message:1"


def test_an_opt_out_without_any_name_or_time_is_a_new_word_each_time() -> None:
    said = read_item(OptOutItem, {"customer": ANN})
    assert item_key(said, b"a", None, 0, NOON) != item_key(said, b"a", None, 0, LATER)
    assert item_key(said, b"a", "r", 0, NOON) == item_key(said, b"a", "r", 0, LATER)
    for name in ({"id": "1"}, {"at": NOON.isoformat()}):
        named = read_item(OptOutItem, {"customer": ANN} | name)
        assert item_key(named, b"a", None, 0, NOON) == item_key(named, b"a", None, 0, LATER)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
CUSTOMER_FIELDS = ("phone", "email", "telegram", "identities", "region", "time_zone", "name", "language")
WHO = st.fixed_dictionaries({}, optional=dict.fromkeys(CUSTOMER_FIELDS, JSON))
GOOD = {
    "interaction": LETTER,
    "event": PURCHASE,
    "message": {"customer": ANN, "text": "hello"},
    "opt_out": {"customer": ANN},
}


@given(type=st.sampled_from(sorted(GOOD)), data=st.data())
def test_an_item_with_anything_in_one_of_its_fields_is_facts_or_a_reason(type: str, data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(sorted(ITEMS[type].model_fields)))
    value = data.draw(JSON | WHO | WHO.map(lambda who: ANN | who))
    with suppress(BadInput):
        for fact in facts(type, GOOD[type] | {field: value}):
            assert isinstance(fact, get_args(Fact))


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode) | JSON.map(lambda v: json.dumps(v).encode()))
def test_any_bytes_are_facts_or_a_reason(body: bytes) -> None:
    with suppress(BadInput):
        list(Api().parse(Raw(id="k", body=body, received_at=NOON)))


def test_the_direction_and_time_of_a_piece_are_those_told() -> None:
    [fact] = facts("interaction", LETTER)
    assert (fact.direction, fact.interaction) == (Direction.INBOUND, "k")
