"""Calls: what the callbacks of their legs add up to, and who talked to whom."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from cxsdk import BadInput, CallState, Direction, InteractionFact, Raw, phone
from cxsdk.domain.interaction import Kind, fold
from cxsdk.testing import NOW
from cxsdk_twilio.facts import facts_of
from cxsdk_twilio.records import read_record
from cxsdk_twilio.sides import WITHHELD, Sides
from tests.plugins.twilio.samples import (
    API,
    BEGAN,
    CALL,
    CUSTOMER,
    LEG,
    LINE,
    MOBILE,
    NEXT_LEG,
    RECORDING,
    call,
    interaction,
    leg,
    listed,
    posted,
    recording,
    twilio,
)  # fmt: skip


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def test_a_callback_is_one_fact_of_its_call() -> None:
    [fact] = posted(call("completed", 60, CallDuration="42"))
    assert isinstance(fact, InteractionFact)
    assert (fact.key, fact.interaction, fact.kind, fact.at) == (f"{CALL}:completed", CALL, Kind.CALL, at(60))
    assert (fact.direction, fact.sender, fact.state) == (Direction.INBOUND, phone(CUSTOMER), CallState.ENDED)


# -- inbound, put through to agents


def test_a_call_that_an_agent_took_was_answered_when_the_agent_did() -> None:
    talk = interaction(call("completed", 60, CallDuration="58"), leg("completed", 60, CallDuration="40"))
    assert (talk.state, talk.answered_at, talk.ended_at) == (CallState.ENDED, at(20), at(60))
    assert (talk.agent, talk.talk_seconds, talk.customer) == ("alice", 40, (phone(CUSTOMER),))


@pytest.mark.parametrize("end", ["no-answer", "busy", "failed", "canceled"])
def test_a_call_that_no_agent_took_was_missed_though_twilio_answered_it(end: str) -> None:
    missed = interaction(call("completed", 60, CallDuration="58"), leg(end, 55))
    assert missed.is_missed
    assert missed.agent is None


@pytest.mark.parametrize("end", ["no-answer", "busy", "failed", "canceled"])
def test_a_call_that_ended_before_twilio_took_it_was_missed(end: str) -> None:
    assert interaction(call(end, 5)).is_missed


def test_a_call_is_not_missed_while_the_next_agent_may_still_take_it() -> None:
    rings = interaction(call("in-progress"), leg("no-answer", 20))
    assert (rings.state, rings.is_over) == (CallState.RINGING, False)


TWO_AGENTS = [
    call("completed", 90, CallDuration="89"),
    leg("no-answer", 20),
    leg("in-progress", 30, CallSid=NEXT_LEG, To="sip:bob@sample.sip.example.com"),
    leg("completed", 88, CallSid=NEXT_LEG, To="sip:bob@sample.sip.example.com", CallDuration="58"),
]


@pytest.mark.parametrize("order", list(permutations(TWO_AGENTS))[::5])
def test_the_second_agent_took_it_in_whatever_order_that_is_told(order: list[dict[str, str]]) -> None:
    talk = interaction(*order)
    assert (talk.state, talk.agent, talk.answered_at, talk.ended_at) == (CallState.ENDED, "bob", at(30), at(90))


def test_where_no_leg_is_told_of_a_call_that_ended_was_answered() -> None:
    call_alone = interaction(call("completed", 60, CallDuration="42"))
    assert (call_alone.state, call_alone.talk_seconds) == (CallState.ENDED, None)


def test_a_call_may_speak_for_itself() -> None:
    talk = interaction(call("completed", 60, CallDuration="42"), answered_by="call")
    assert (talk.state, talk.answered_at, talk.talk_seconds) == (CallState.ENDED, at(18), 42)


def test_an_agents_mobile_phone_is_an_agent_where_it_is_known_as_ours() -> None:
    numbers = {"own_numbers": [LINE, MOBILE]}
    talk = interaction(call("completed", 60), leg("completed", 60, To=MOBILE, CallDuration="9"), **numbers)
    assert (talk.agent, talk.customer) == (MOBILE, (phone(CUSTOMER),))


@pytest.mark.parametrize("own", [[], [LINE], [LINE, MOBILE]])
@pytest.mark.parametrize("caller", [LINE, CUSTOMER])
def test_a_number_that_is_dialled_for_a_customer_is_never_taken_for_theirs(own: list[str], caller: str) -> None:
    talk = interaction(call("completed", 60), leg("completed", 61, From=caller, To=MOBILE), own_numbers=own)
    assert (talk.direction, talk.customer) == (Direction.INBOUND, (phone(CUSTOMER),))
    assert talk.agent == (MOBILE if MOBILE in own else None)


# -- outbound


def test_a_call_by_the_api_speaks_for_itself() -> None:
    out = {"Direction": "outbound-api", "From": LINE, "To": CUSTOMER}
    told = [call("ringing", 1, **out), call("in-progress", 9, **out), call("completed", 30, **out, CallDuration="21")]
    talk = interaction(*told)
    assert (talk.direction, talk.customer, talk.state) == (Direction.OUTBOUND, (phone(CUSTOMER),), CallState.ENDED)
    assert (talk.answered_at, talk.talk_seconds) == (at(9), 21)


def test_a_machine_is_nobody_who_answered() -> None:
    out = {"Direction": "outbound-api", "From": LINE, "To": CUSTOMER, "AnsweredBy": "machine_start"}
    assert interaction(call("completed", 30, **out, CallDuration="21")).state is CallState.MISSED


def test_an_agents_client_calls_a_customer() -> None:
    began = call("completed", 60, From="client:alice", To="", CallDuration="58")
    dialled = leg("completed", 60, From=LINE, To=CUSTOMER, CallDuration="40")
    talk = interaction(began, dialled, own_numbers=[LINE])
    assert (talk.direction, talk.agent, talk.customer) == (Direction.OUTBOUND, "alice", (phone(CUSTOMER),))
    assert (talk.state, talk.talk_seconds) == (CallState.ENDED, 40)


def test_an_agent_who_is_rung_first_calls_a_customer() -> None:
    first = call("completed", 60, Direction="outbound-api", From=LINE, To=MOBILE, CallDuration="58")
    dialled = leg("completed", 60, From=LINE, To=CUSTOMER, CallDuration="40")
    talk = interaction(first, dialled, own_numbers=[LINE, MOBILE])
    assert (talk.direction, talk.agent, talk.customer) == (Direction.OUTBOUND, MOBILE, (phone(CUSTOMER),))
    assert (talk.state, talk.talk_seconds) == (CallState.ENDED, 40)


def test_a_customer_who_did_not_pick_up_was_not_talked_to() -> None:
    began = call("completed", 60, From="client:alice", To="")
    tried = interaction(began, leg("no-answer", 59, From=LINE, To=CUSTOMER), own_numbers=[LINE])
    assert (tried.state, tried.is_missed) == (CallState.MISSED, False)


@pytest.mark.parametrize(
    "fields",
    [
        {"From": "client:alice", "To": "client:bob"},
        {"From": LINE, "To": MOBILE, "Direction": "outbound-api", "CallStatus": "no-answer"},
        {"From": MOBILE, "To": LINE},
        {"From": CUSTOMER, "To": "client:alice", "Direction": "outbound-api"},
    ],
    ids=["two clients", "an employee who does not pick up", "an employee's call", "a worker's leg of a conference"],
)
def test_what_goes_on_among_ourselves_is_no_contact(fields: dict[str, str]) -> None:
    assert posted(call("completed", 9, **fields), own_numbers=[LINE, MOBILE]) == []


@pytest.mark.parametrize(
    ("direction", "expected"),
    [("trunking-originating", Direction.INBOUND), ("trunking-terminating", Direction.OUTBOUND)],
)
def test_a_trunks_calls_have_one_leg_that_tells_all(direction: str, expected: Direction) -> None:
    [fact] = twilio().parse(Raw.of(listed(direction=direction)))
    assert isinstance(fact, InteractionFact)
    assert (fact.direction, fact.state, fact.answered_at) == (expected, CallState.ENDED, at(20))


# -- what is odd


@pytest.mark.parametrize("number", [*sorted(WITHHELD), "anonymous", "", "Restricted", "12345"])
def test_a_caller_without_a_number_is_nobody_known(number: str) -> None:
    [fact] = posted(call("completed", 9, From=number))
    assert isinstance(fact, InteractionFact)
    assert fact.sender is None


def test_a_status_of_the_future_says_nothing_of_the_state() -> None:
    [fact] = posted(call("parked", 9))
    assert isinstance(fact, InteractionFact)
    assert fact.state is None


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"CallDuration": "long"}, "body.CallDuration"),
        ({"Timestamp": "yesterday"}, "body.Timestamp"),
        ({"Timestamp": "Mon, 05 Jan 1926 11:59:00 +0000"}, "body.at"),
        ({"CallSid": "x" * 65}, "body.CallSid"),
    ],
)
def test_a_malformed_field_is_named(fields: dict[str, str], field: str) -> None:
    with pytest.raises(BadInput) as error:
        posted(call("completed", **fields))
    assert (error.value.code, error.value.field) == ("twilio_record_invalid", field)


def test_a_callback_without_a_time_is_dated_by_its_arrival() -> None:
    [fact] = posted(call("completed", Timestamp=""))
    assert fact.at == NOW


def test_without_any_time_it_is_set_aside() -> None:
    record = read_record(Raw(id="-", body=f"CallSid={CALL}&CallStatus=completed".encode()))
    assert record is not None
    with pytest.raises(BadInput):
        list(facts_of(record, None, Sides(()), by_leg=True))


@pytest.mark.parametrize("body", [b"", b"[]", b"[{}]", b"{}", b"AccountSid=AC1&Level=ERROR", b'{"specversion": "1.0"}'])
def test_what_is_neither_call_nor_message_is_nothing(body: bytes) -> None:
    assert list(twilio().parse(Raw(id="-", body=body))) == []


def test_json_that_is_none_is_set_aside() -> None:
    with pytest.raises(BadInput):
        list(twilio().parse(Raw(id="-", body=b'{"CallSid": ')))


# -- recordings


def test_a_recording_is_a_link_of_its_call() -> None:
    [fact] = posted(recording())
    assert isinstance(fact, InteractionFact)
    assert (fact.interaction, fact.recording_url) == (CALL, f"{API}/Recordings/{RECORDING}")
    assert fact.state is None


@pytest.mark.parametrize("status", ["in-progress", "absent", "failed"])
def test_a_recording_that_is_not_there_has_no_link(status: str) -> None:
    [fact] = posted(recording(status))
    assert isinstance(fact, InteractionFact)
    assert fact.recording_url is None


def test_a_recording_changes_nothing_of_the_call_but_its_link() -> None:
    told = [call("completed", 60), leg("completed", 60, CallDuration="40")]
    without, with_it = interaction(*told), interaction(*told, recording())
    assert with_it == without.model_copy(update={"recording_url": f"{API}/Recordings/{RECORDING}"})


def test_a_recording_that_comes_with_the_end_is_kept() -> None:
    ended = call(
        "completed", 60, CallDuration="42", RecordingUrl=f"{API}/Recordings/{RECORDING}", RecordingSid=RECORDING
    )
    facts = posted(ended)
    assert [fact.key for fact in facts] == [f"{CALL}:completed", f"{CALL}:recording"]
    assert fold([f for f in facts if isinstance(f, InteractionFact)], Kind.CALL).recording_url


# -- the list tells the same


def test_the_list_tells_the_same_as_the_callbacks() -> None:
    dialled = {"sid": LEG, "parent_call_sid": CALL, "direction": "outbound-dial", "to": "client:alice"}
    from_list: list[dict[str, Any]] = [listed(), listed(**dialled)]
    from_callbacks = [call("completed", 60, CallDuration="40"), leg("completed", 60, CallDuration="40")]
    assert interaction(*from_list) == interaction(*from_callbacks) == interaction(*from_list, *from_callbacks)
