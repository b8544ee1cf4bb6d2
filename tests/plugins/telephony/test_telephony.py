"""Telephony: what a PBX posts, and the interaction that its events add up to."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk import (
    BadInput,
    CallState,
    ConfigurationError,
    Direction,
    InteractionFact,
    Raw,
    Request,
    Secret,
    SignatureError,
    phone,
)
from cxsdk.domain.interaction import Interaction, Kind, fold
from cxsdk_telephony import Telephony

KEY = "sample-signing-key"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CUSTOMER = "+12125550123"
OUR_LINE = "+12125550100"


def telephony(**settings: Any) -> Telephony:
    return Telephony(secret=Secret(KEY), **settings)


def event(type: Any = "ringing", **fields: Any) -> dict[str, Any]:
    usual = {"event_id": f"e-{type}", "call_id": "c-1", "type": type, "at": NOON.isoformat(), "direction": "inbound"}
    return {**usual, "from": CUSTOMER, "to": OUR_LINE, **fields}


def facts_of(*events: dict[str, Any], **settings: Any) -> list[InteractionFact]:
    pbx = telephony(**settings)
    facts = [fact for each in events for fact in pbx.parse(Raw(id="-", body=json.dumps(each).encode()))]
    assert all(isinstance(fact, InteractionFact) for fact in facts)
    return facts  # type: ignore[return-value]


def call_of(*events: dict[str, Any], **settings: Any) -> Interaction:
    return fold(facts_of(*events, **settings), Telephony.kind)


def after(seconds: float) -> str:
    return (NOON + timedelta(seconds=seconds)).isoformat()


def signed(body: bytes, *, at: datetime = NOON, key: str = KEY, headers: Mapping[str, str] | None = None) -> Request:
    stamp = str(int(at.timestamp()))
    signature = hmac.new(key.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return Request(
        headers={"X-Telephony-Timestamp": stamp, "X-Telephony-Signature": signature, **(headers or {})}, body=body
    )


# -- calls


def test_a_missed_call_is_one_interaction() -> None:
    call = call_of(event("ringing"), event("missed", at=after(20)))
    assert call.is_missed
    assert call.is_over
    assert call.kind is Kind.CALL
    assert (call.at, call.ended_at) == (NOON, NOON + timedelta(seconds=20))
    assert call.customer == (phone(CUSTOMER),)


def test_an_answered_call_tells_how_long_two_people_talked() -> None:
    call = call_of(event(), event("answered", at=after(5), agent=101), event("hung_up", at=after(65)))
    assert call.state is CallState.ENDED
    assert call.talk_seconds == 60
    assert call.agent == "101"


def test_a_call_rung_and_hung_up_without_an_answer_was_missed() -> None:
    assert call_of(event(), event("hung_up", at=after(9))).is_missed


def test_the_duration_of_a_hung_up_call_tells_when_it_was_answered() -> None:
    [fact] = facts_of(event("hung_up", at=after(90), duration=30))
    call = fold([fact], Kind.CALL)
    assert fact.state is CallState.ENDED
    assert call.talk_seconds == 30
    assert call.answered_at == NOON + timedelta(seconds=60)


def test_a_hung_up_call_of_no_duration_was_missed() -> None:
    assert call_of(event("hung_up", duration=0)).is_missed


def test_an_answer_event_outweighs_a_duration_of_nought() -> None:
    call = call_of(event("answered"), event("hung_up", at=after(1), duration=0))
    assert call.state is CallState.ENDED


def test_the_duration_of_a_recording_says_nothing_about_the_call() -> None:
    [fact] = facts_of(event("recording", duration=30))
    assert (fact.state, fact.answered_at) == (None, None)


def test_a_recording_and_a_comment_that_come_later_belong_to_the_same_call() -> None:
    late = {"call_id": "c-1", "at": after(3600)}
    call = call_of(
        event(),
        event("hung_up", at=after(60)),
        {**late, "event_id": "r", "type": "recording", "recording_url": "https://pbx.example.com/r/1.mp3"},
        {**late, "event_id": "n", "type": "comment", "comment": "Wants a quote."},
    )
    assert call.recording_url == "https://pbx.example.com/r/1.mp3"
    assert call.comment == "Wants a quote."
    assert call.ended_at == NOON + timedelta(seconds=60)
    assert call.customer == (phone(CUSTOMER),)


def test_an_outbound_call_is_with_the_called_customer() -> None:
    call = call_of(event("answered", **{"direction": "outbound", "from": "101", "to": CUSTOMER}))
    assert call.direction is Direction.OUTBOUND
    assert call.customer == (phone(CUSTOMER),)


@pytest.mark.parametrize("type", ["transferred", "held", "HUNG_UP"])
def test_an_event_of_an_unknown_type_is_kept_without_a_state(type: str) -> None:
    [fact] = facts_of(event(type))
    assert fact.state is None
    assert fact.interaction == "c-1"


@pytest.mark.parametrize("number", ["anonymous", "Anonymous", "unknown", "", " Restricted "])
def test_a_withheld_number_is_a_call_of_nobody_known(number: str) -> None:
    [fact] = facts_of(event("missed", **{"from": number}))
    assert fact.sender is None
    assert fold([fact], Kind.CALL).customer == ()


def test_a_number_without_a_country_code_is_read_in_the_region() -> None:
    call = call_of(event(**{"from": "(212) 555-0123"}), region="US")
    assert call.customer == (phone(CUSTOMER),)


@pytest.mark.parametrize("own_side", ["101", "sales", "", OUR_LINE])
def test_our_own_side_may_be_an_extension_or_a_name(own_side: str) -> None:
    assert call_of(event(to=own_side)).customer == (phone(CUSTOMER),)


def test_our_own_numbers_tell_the_direction_where_the_pbx_does_not() -> None:
    lines = {"own_numbers": ["(212) 555-0100"], "region": "US"}
    outbound = event(**{"direction": None, "from": OUR_LINE, "to": CUSTOMER})
    assert call_of(outbound, **lines).direction is Direction.OUTBOUND
    assert call_of(outbound, **lines).customer == (phone(CUSTOMER),)
    assert call_of(event(direction=None), **lines).direction is Direction.INBOUND
    assert call_of(event(**{"direction": "internal", "from": OUR_LINE}), **lines).direction is Direction.OUTBOUND


def test_a_pbx_may_write_unix_seconds_and_numbers_as_ids() -> None:
    [fact] = facts_of(event(at=NOON.timestamp(), call_id=77, event_id=5))
    assert fact.at == NOON
    assert (fact.interaction, fact.key) == ("77", "77 5")


def test_fields_that_nobody_knows_are_ignored() -> None:
    assert facts_of(event(queue="north", nested={"a": [1]})) == facts_of(event())


# -- the order and the repetition of events

seconds = st.integers(0, 7200).map(lambda s: after(float(s)))
any_event = st.builds(
    event,
    st.sampled_from(["ringing", "answered", "missed", "hung_up", "recording", "comment", "parked"]),
    event_id=st.integers(0, 9).map(str),
    at=seconds,
    agent=st.sampled_from([None, "101", "102"]),
    duration=st.sampled_from([None, 0, 1, 30]),
    answered_at=st.none() | seconds,
    comment=st.sampled_from([None, "one", "two"]),
    recording_url=st.sampled_from([None, "https://pbx.example.com/1.mp3", "https://pbx.example.com/2.mp3"]),
    direction=st.sampled_from(["inbound", "outbound", None]),
)
one_call = st.lists(any_event, min_size=1, max_size=8, unique_by=lambda each: each["event_id"])


@given(st.data(), one_call)
def test_any_order_and_repetition_of_events_adds_up_to_the_same_call(data: st.DataObject, events: Any) -> None:
    repeated = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=6))))
    assert call_of(*repeated) == call_of(*events)


@given(one_call)
def test_a_call_with_an_end_is_over_and_one_without_is_not(events: list[dict[str, Any]]) -> None:
    ends = [each for each in events if each["type"] in ("missed", "hung_up")]
    assert call_of(*events).is_over is bool(ends)


# -- what is malformed


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("at", "yesterday"),
        ("at", "2026-03-02T12:00:00"),  # no zone
        ("at", "1970-01-01T00:00:00Z"),
        ("at", "9999-12-31T23:59:59-10:00"),
        ("at", "0001-01-01T00:00:00+10:00"),
        ("at", 10**30),
        ("at", None),
        ("at", True),
        ("answered_at", "3026-03-02T12:00:00Z"),
        ("call_id", ""),
        ("call_id", "with space"),
        ("call_id", "x" * 121),
        ("event_id", None),
        ("event_id", ["e"]),
        ("type", None),
        ("type", {}),
        ("from", "not a number"),
        ("from", "+12"),
        ("from", 5),
        ("duration", -1),
        ("duration", 10**12),
        ("recording_url", "javascript:alert(1)"),
        ("comment", ["list"]),
    ],
)
def test_a_malformed_field_is_named(field: str, value: Any) -> None:
    with pytest.raises(BadInput) as caught:
        facts_of(event(**{field: value}))
    assert caught.value.field == f"body.{field}"


def test_a_called_customers_impossible_number_is_named() -> None:
    with pytest.raises(BadInput) as caught:
        facts_of(event(direction="outbound", to="12"))
    assert caught.value.field == "body.to"


@pytest.mark.parametrize("missing", ["event_id", "call_id", "type", "at"])
def test_a_missing_field_is_named(missing: str) -> None:
    with pytest.raises(BadInput) as caught:
        facts_of({name: value for name, value in event().items() if name != missing})
    assert caught.value.field == f"body.{missing}"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"at": NaN}', b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_bad_input(body: bytes) -> None:
    with pytest.raises(BadInput):
        list(telephony().parse(Raw(id="x", body=body)))


words = st.text("aя0 :+-.\0\ud83d", max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*event(), "agent", "answered_at", "duration", "comment"]), json_values))
def test_whatever_the_fields_hold_is_a_fact_or_bad_input(fields: dict[str, Any]) -> None:
    try:
        told = facts_of(event(**fields))
    except BadInput as refused:
        told, field = [], refused.field
    assert len(told) == 1 or field.split(".")[0] == "body"


# -- signatures


def test_a_signed_request_is_believed() -> None:
    telephony().verify(signed(b"{}"), NOON + timedelta(minutes=4))


def test_the_recipe_in_the_documentation_makes_a_good_signature() -> None:
    # openssl dgst -sha256 -hmac 'sample-signing-key' over '1772452800.{"call_id":"c-1"}'
    wanted = "6403ca95054eb2b8c28f80cf3416d20f31ecc4398c5ca740d32e6db8c33afa37"
    request = signed(b'{"call_id":"c-1"}')
    assert request.headers["X-Telephony-Timestamp"] == "1772452800"
    assert request.headers["X-Telephony-Signature"] == wanted


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_request_whose_time_is_off_is_refused(minutes: int) -> None:
    with pytest.raises(SignatureError) as caught:
        telephony().verify(signed(b"{}", at=NOON + timedelta(minutes=minutes)), NOON)
    assert caught.value.code == "timestamp_old"


def test_a_request_signed_with_another_key_is_refused() -> None:
    with pytest.raises(SignatureError):
        telephony().verify(signed(b"{}", key="other"), NOON)


def test_a_request_whose_body_was_changed_is_refused() -> None:
    with pytest.raises(SignatureError):
        telephony().verify(signed(b"{}").model_copy(update={"body": b"{ }"}), NOON)


def test_a_request_whose_time_was_changed_is_refused() -> None:
    fresh = signed(b"{}", headers={"X-Telephony-Timestamp": str(int(NOON.timestamp()) + 1)})
    with pytest.raises(SignatureError):
        telephony().verify(fresh, NOON)


@pytest.mark.parametrize("header", ["X-Telephony-Timestamp", "X-Telephony-Signature"])
@pytest.mark.parametrize("value", ["", "ключ", "\udcff", "١٧٧٢٤٥٢٨٠٠", "1" * 40])
def test_a_missing_or_odd_header_is_a_signature_error(header: str, value: str) -> None:
    with pytest.raises(SignatureError):
        telephony().verify(signed(b"{}", headers={header: value}), NOON)


# -- the event's own id


def test_a_replayed_event_has_the_same_key_whatever_its_bytes() -> None:
    once = Request(body=json.dumps(event()).encode())
    again = Request(body=json.dumps(event(), indent=2).encode())
    assert once.body != again.body
    assert telephony().event_key(once) == telephony().event_key(again) == facts_of(event())[0].key


@pytest.mark.parametrize("body", [b"not json", b"[]", b'{"call_id": "c"}', b'{"call_id": "c", "event_id": ""}'])
def test_a_body_without_ids_is_known_by_its_hash(body: bytes) -> None:
    key = telephony().event_key(Request(body=body))
    assert key == hashlib.sha256(body).hexdigest()


ids = st.text("ab1:-.@я", min_size=1, max_size=4)


@given(ids, ids, ids, ids)
def test_two_events_never_share_a_key(call: str, event_id: str, other_call: str, other_event: str) -> None:
    one, other = event(call_id=call, event_id=event_id), event(call_id=other_call, event_id=other_event)
    keys = {telephony().event_key(Request(body=json.dumps(each).encode())) for each in (one, other)}
    assert len(keys) == len({(call, event_id), (other_call, other_event)})


# -- settings


def test_a_call_that_nobody_ended_is_logged_after_the_set_time() -> None:
    assert telephony().log_after() == timedelta(hours=2)
    assert telephony(log_stale_calls_after=timedelta(minutes=30)).log_after() == timedelta(minutes=30)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("region", "Ukraine"), ("own_numbers", ["101"]), ("log_stale_calls_after", timedelta(0)), ("secret", "plain")],
)
def test_a_wrong_setting_is_named(setting: str, value: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Telephony(**{"secret": Secret(KEY), setting: value})
    assert caught.value.path == f"Telephony.{setting}"


def test_the_secret_is_shown_nowhere() -> None:
    assert KEY not in repr(telephony()) + str(telephony().model_dump())


def test_a_phone_system_cannot_be_sent_to() -> None:
    assert Telephony.reaches is None
    assert not Telephony.supports("send")
    assert Telephony.supports("verify")
