"""Calls: what their events add up to, in whatever order they are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from cxsdk import BadInput, CallState, ConfigurationError, Direction, phone
from cxsdk.domain.interaction import Kind, fold
from cxsdk_asterisk.messages import write_message
from tests.plugins.asterisk.samples import (
    BEGAN,
    CALL,
    CALLER,
    CUSTOMER,
    LINE,
    PHONE,
    PHONE_2,
    TRUNK,
    TRUNK_2,
    answered,
    asterisk,
    cdr,
    channel,
    dial,
    event,
    facts,
    hangup,
    interaction,
    queue,
    raw,
    rings,
    unanswered,
)  # fmt: skip


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(BEGAN, UTC) + timedelta(seconds=seconds)


# -- inbound

ANSWERED = [rings(), dial("DialBegin", 1), answered(8), hangup(60)]


@pytest.mark.parametrize("order", list(permutations(ANSWERED))[::5])
def test_a_call_that_a_phone_answered(order: list[bytes]) -> None:
    call = interaction(*order)
    assert (call.state, call.direction, call.customer) == (CallState.ENDED, Direction.INBOUND, (phone(CUSTOMER),))
    assert (call.agent, call.at, call.answered_at, call.talk_seconds) == ("101", at(0), at(8), 52)


@pytest.mark.parametrize("status", ["NOANSWER", "BUSY", "CANCEL", "CHANUNAVAIL", "CONGESTION", "ABORT", "NEWS"])
def test_a_call_that_no_phone_answered_is_missed_though_the_dialplan_did(status: str) -> None:
    call = interaction(rings(), dial("DialBegin", 1), unanswered(20, status), hangup(21))
    assert call.is_missed
    assert call.agent is None


def test_a_call_that_reached_nobody_is_missed() -> None:
    assert interaction(rings(), hangup(4, cause="127")).is_missed


def test_a_call_is_not_missed_while_the_next_phone_may_still_ring() -> None:
    call = interaction(rings(), dial("DialBegin", 1), unanswered(20))
    assert (call.state, call.is_over) == (CallState.RINGING, False)


def test_a_ring_group_is_one_call_of_whoever_answered() -> None:
    begins = [dial("DialBegin", 1), dial("DialBegin", 1, PHONE_2)]
    call = interaction(rings(), *begins, answered(6, PHONE_2), unanswered(6, "CANCEL"), hangup(30))
    assert (call.state, call.agent, call.talk_seconds) == (CallState.ENDED, "102", 24)


@pytest.mark.parametrize("number", ["", "<unknown>", "anonymous", "Restricted", "unavailable"])
def test_who_withholds_the_number_is_nobody_known(number: str) -> None:
    caller = channel(TRUNK, number)
    call = interaction(rings(number), unanswered(20, caller=caller), hangup(21, caller))
    assert (call.is_missed, call.customer) == (True, ())


@pytest.mark.parametrize("number", ["12125550123", "2125550123", "0012125550123", "+1 212 555 0123"])
def test_numbers_are_read_however_a_provider_writes_them(number: str) -> None:
    assert interaction(rings(number)).customer == (phone(CUSTOMER),)


def test_a_number_of_another_country_is_read_without_its_plus() -> None:
    assert interaction(rings("380441234567")).customer == (phone("+380441234567"),)


def test_a_call_that_is_put_through_to_a_mobile_phone_is_over_with_the_customers_channel() -> None:
    mobile = channel(TRUNK_2, "2125550177", f"{BEGAN}.48")
    forwarded = [rings(), dial("DialBegin", 1, TRUNK_2), unanswered(15, dialled=TRUNK_2)]
    call = interaction(*forwarded, hangup(15, {**mobile, "ChannelState": "5"}))
    assert (call.is_over, call.customer) == (False, (phone(CUSTOMER),))
    assert interaction(*forwarded, hangup(20)).is_missed


# -- queues


def test_a_call_that_was_abandoned_in_a_queue_is_missed() -> None:
    member = {"Interface": "PJSIP/101", "MemberName": "First"}
    call = interaction(
        rings(),
        queue("QueueCallerJoin", 1, Position="1", Count="1"),
        queue("AgentCalled", 2, **member),
        dial("DialBegin", 2),
        queue("AgentRingNoAnswer", 12, **member, RingTime="10000"),
        unanswered(12),
        queue("QueueCallerAbandon", 14, Position="1", OriginalPosition="1", HoldTime="13"),
        queue("QueueCallerLeave", 14, Position="1", Count="0"),
        hangup(14),
    )
    assert call.is_missed
    assert (call.subject, call.agent) == ("support", None)


@pytest.mark.parametrize(
    ("member", "agents", "agent"),
    [
        ({"Interface": "PJSIP/102", "MemberName": "PJSIP/102"}, {}, "102"),
        ({"Interface": "Local/102@from-queue/n", "MemberName": "Second"}, {}, "102"),
        ({"Interface": "PJSIP/desk-7", "MemberName": "second@example.com"}, {}, "second@example.com"),
        ({"Interface": "PJSIP/desk-7", "MemberName": "Second"}, {"PJSIP/desk-7": "102"}, "102"),
        ({"Interface": "PJSIP/desk-7", "MemberName": "Second"}, {"Second": "102"}, "102"),
    ],
)
def test_a_call_that_the_second_member_of_a_queue_answered_is_theirs(
    member: dict[str, str], agents: dict[str, str], agent: str
) -> None:
    first = [dial("DialBegin", 2), unanswered(12), dial("DialBegin", 13, PHONE_2)]
    talk = [answered(20, PHONE_2), queue("AgentConnect", 20.1, **member, HoldTime="19", RingTime="7")]
    end = [queue("AgentComplete", 50, **member, HoldTime="19", TalkTime="30", Reason="caller"), hangup(50)]
    call = interaction(rings(), queue("QueueCallerJoin", 1), *first, *talk, *end, agents=agents)
    assert (call.state, call.agent, call.talk_seconds) == (CallState.ENDED, agent, 30)


# -- transfers


def test_a_blind_transfer_names_whoever_answered_it() -> None:
    transfer = event("BlindTransfer", 20, Result="Success", TransfererChannel=PHONE, TransfereeChannel=TRUNK)
    second = [dial("DialBegin", 20, PHONE_2), answered(25, PHONE_2)]
    call = interaction(rings(), answered(8), transfer, *second, hangup(60))
    assert (call.agent, call.talk_seconds) == ("102", 52)
    unheard = interaction(rings(), answered(8), transfer, second[0], unanswered(40, dialled=PHONE_2), hangup(60))
    assert (unheard.state, unheard.agent) == (CallState.ENDED, "101")


@pytest.mark.parametrize("customer", ["Transferee", "TransferTarget"])
def test_an_attended_transfer_names_whoever_took_over(customer: str) -> None:
    other = {"Transferee": "TransferTarget", "TransferTarget": "Transferee"}[customer]
    agent = {**channel(PHONE_2, "102", f"{BEGAN}.50", other), f"{other}Linkedid": f"{BEGAN}.49"}
    transfer = event("AttendedTransfer", 30, Result="Success", **channel(TRUNK, CUSTOMER, CALL, customer), **agent)
    consulted = {**channel(PHONE, "101", f"{BEGAN}.49"), "Linkedid": f"{BEGAN}.49"}
    call = interaction(rings(), answered(8), answered(22, PHONE_2, caller=consulted), transfer, hangup(60))
    assert (call.agent, call.state, call.talk_seconds) == ("102", CallState.ENDED, 52)


# -- outbound

AGENT = channel(PHONE, "101", Context="internal", Exten="912125550123")
LEG = channel(TRUNK_2, "912125550123", f"{BEGAN}.48")


@pytest.mark.parametrize(
    "dialled", ["12125550123@provider", "provider/12125550123", "provider/sip:+12125550123@sip.example.com:5060"]
)
def test_a_call_that_an_agent_makes_is_theirs_to_whom_the_trunk_dialled(dialled: str) -> None:
    leg = {"caller": AGENT, "dialled": TRUNK_2, "DialString": dialled}
    ends = {**leg, "DialString": ""}  # as the number is shown, it begins with the digit for the line
    call = interaction(dial("DialBegin", 1, **leg), answered(8, **ends), hangup(60, LEG), hangup(60, AGENT))
    assert (call.state, call.direction, call.customer) == (CallState.ENDED, Direction.OUTBOUND, (phone(CUSTOMER),))
    assert (call.agent, call.talk_seconds) == ("101", 52)


@pytest.mark.parametrize("status", ["NOANSWER", "BUSY", "CANCEL", "CHANUNAVAIL", "CONGESTION"])
def test_a_call_that_the_customer_did_not_take_was_tried(status: str) -> None:
    leg = {"caller": AGENT, "dialled": TRUNK_2, "DialString": "12125550123@provider"}
    call = interaction(dial("DialBegin", 1, **leg), unanswered(20, status, **leg), hangup(20, AGENT))
    assert (call.state, call.direction, call.is_missed) == (CallState.MISSED, Direction.OUTBOUND, False)


def test_a_call_that_asterisk_makes_is_taken_once_an_agent_is_there() -> None:
    called = channel(TRUNK, CUSTOMER, prefix="Dest")
    begins = event("DialBegin", 1, **called, DialString="12125550123@provider")
    takes = event("DialEnd", 9, **called, DialStatus="ANSWER", DialString="12125550123@provider")
    call = interaction(begins, takes, dial("DialBegin", 9), answered(12), hangup(40))
    assert (call.direction, call.agent, call.answered_at) == (Direction.OUTBOUND, "101", at(12))
    assert call.customer == (phone(CUSTOMER),)
    assert interaction(begins, takes, hangup(40)).state is CallState.MISSED


# -- what concerns no customer


def test_a_call_among_ourselves_is_no_contact() -> None:
    internal = {"caller": AGENT, "dialled": PHONE_2}
    begins = event("Newchannel", **{**AGENT, "ChannelState": "4"})
    assert facts(begins, dial("DialBegin", 1, **internal), answered(3, **internal), hangup(60, AGENT)) == []


def test_a_consultation_before_a_transfer_is_no_contact() -> None:
    consulted = {**channel(PHONE, "101", f"{BEGAN}.49"), "Linkedid": f"{BEGAN}.49"}
    assert facts(answered(22, PHONE_2, caller=consulted), hangup(30, consulted)) == []


@pytest.mark.parametrize("name", ["FullyBooted", "PeerStatus", "NewsOfNextYear", "VarSet"])
def test_other_events_tell_nothing(name: str) -> None:
    assert facts(event(name, **CALLER)) == []


def test_our_own_number_is_never_a_customers() -> None:
    assert interaction(rings(LINE)).customer == ()


# -- recordings and CDRs


@pytest.mark.parametrize(
    ("told", "url"),
    [
        ({"UserField": "2026/01/call 1.wav"}, "https://pbx.example.com/calls/2026/01/call%201.wav"),
        ({"RecordingFile": "/var/spool/asterisk/monitor/1.WAV"}, "https://pbx.example.com/calls/1.WAV"),
        ({"UserField": "campaign 7"}, None),
    ],
)
def test_a_recording_is_linked_where_its_file_is_served(told: dict[str, str], url: str | None) -> None:
    call = interaction(*ANSWERED, cdr(60.2, **told), recordings_url="https://pbx.example.com/calls/")
    assert call.recording_url == url
    assert interaction(*ANSWERED, cdr(60.2, **told)).recording_url is None


def test_the_file_that_mixmonitor_writes_is_linked() -> None:
    told = event("VarSet", 8, **CALLER, Variable="MIXMONITOR_FILENAME", Value="/var/spool/asterisk/monitor/a.wav")
    call = interaction(*ANSWERED, told, recordings_url="https://pbx.example.com/calls")
    assert call.recording_url == "https://pbx.example.com/calls/a.wav"


def known_from(seconds: float, *bodies: bytes, **settings: Any) -> list[Any]:
    """The facts of records that were read by a session which began then."""
    headers = {"connected": at(seconds).isoformat()}
    return [fact for body in bodies for fact in asterisk(**settings).parse(raw(body, headers=headers))]


def test_of_a_call_that_was_seen_from_its_beginning_the_events_told_better() -> None:
    assert known_from(-5, cdr(60.2)) == []


@pytest.mark.parametrize("hours", [-5, 0, 5.5, 5.75, 13])
def test_a_cdr_tells_of_a_call_that_began_before_we_listened_in_whatever_zone(hours: float) -> None:
    times = {
        f"{name}Time": f"{at(s) + timedelta(hours=hours):%Y-%m-%d %H:%M:%S}" for name, s in (("Answer", 8), ("End", 60))
    }
    call = fold(known_from(30, cdr(60.2, **times)), Kind.CALL)
    assert (call.state, call.answered_at, call.ended_at, call.agent) == (CallState.ENDED, at(8), at(60), "101")
    assert (call.direction, call.customer) == (Direction.INBOUND, (phone(CUSTOMER),))


def test_a_cdr_of_a_call_that_asterisk_made_leaves_it_outbound() -> None:
    made = event("DialBegin", 1, **channel(TRUNK, CUSTOMER, prefix="Dest"), DialString="12125550123@provider")
    call = fold([*facts(made), *known_from(30, cdr(60.2))], Kind.CALL)
    assert (call.direction, call.customer) == (Direction.OUTBOUND, (phone(CUSTOMER),))


def test_a_call_that_began_in_the_second_of_the_login_was_seen_from_its_beginning() -> None:
    assert known_from(0.9, cdr(60.2)) == []


@pytest.mark.parametrize("told", [{"Disposition": "NO ANSWER"}, {"DestinationChannel": ""}, {"Disposition": "BUSY"}])
def test_a_cdr_of_a_call_that_no_phone_took_says_missed(told: dict[str, str]) -> None:
    assert fold(known_from(30, cdr(60.2, **told)), Kind.CALL).is_missed


def test_a_cdr_of_an_outbound_call_names_the_customer_that_the_trunk_dialled() -> None:
    told = {"Channel": PHONE, "DestinationChannel": TRUNK_2, "Source": "101", "Destination": "912125550123"}
    call = fold(known_from(30, cdr(60.2, **told, LastData="PJSIP/12125550123@provider,60")), Kind.CALL)
    assert (call.direction, call.customer, call.agent) == (Direction.OUTBOUND, (phone(CUSTOMER),), "101")


@pytest.mark.parametrize(
    "told",
    [
        {"Channel": PHONE, "DestinationChannel": PHONE_2},
        {"LinkedID": "1.1"},
        {"Channel": "Local/7@provider-00000001;2"},
    ],
)
def test_a_cdr_of_a_leg_within_a_call_tells_nothing(told: dict[str, str]) -> None:
    assert known_from(30, cdr(60.2, **told), trunks=("PJSIP/provider", "Local/*@provider")) == []


# -- calls that go on when we log in


def listed(**fields: str) -> bytes:
    return write_message(Event="CoreShowChannel", **fields)


def test_a_call_that_is_under_way_is_known_with_whoever_talks() -> None:
    ours = channel(PHONE, "101", f"{BEGAN}.49", BridgeId="b1")
    body = listed(**channel(TRUNK, CUSTOMER, BridgeId="b1")) + listed(**ours)
    call = fold(asterisk().parse(raw(body, received_at=at(30))), Kind.CALL)  # type: ignore[arg-type]
    assert (call.state, call.agent, call.customer) == (CallState.ANSWERED, "101", (phone(CUSTOMER),))
    assert (call.at, call.answered_at) == (at(0), at(30))


def test_a_call_that_waits_is_known_as_ringing() -> None:
    ours = channel(PHONE, "101", f"{BEGAN}.49", BridgeId="")
    body = listed(**ours) + listed(**channel(TRUNK, CUSTOMER, BridgeId=""))
    call = fold(asterisk().parse(raw(body, received_at=at(30))), Kind.CALL)  # type: ignore[arg-type]
    assert (call.state, call.direction, call.agent) == (CallState.RINGING, Direction.INBOUND, None)


def test_an_outbound_call_that_is_under_way_is_the_agents() -> None:
    dials = {"Application": "Dial", "ApplicationData": "PJSIP/12125550123@provider,60,T", "BridgeId": "b1"}
    body = listed(**{**AGENT, **dials}) + listed(**{**LEG, "BridgeId": "b1"})
    call = fold(asterisk().parse(raw(body, received_at=at(30))), Kind.CALL)  # type: ignore[arg-type]
    assert (call.direction, call.agent, call.customer) == (Direction.OUTBOUND, "101", (phone(CUSTOMER),))


def test_a_call_among_ourselves_that_is_under_way_is_no_contact() -> None:
    assert list(asterisk().parse(raw(listed(**AGENT), received_at=at(30)))) == []


# -- what cannot be understood


def test_without_a_time_nothing_is_known() -> None:
    body = write_message(Event="Newchannel", **{**CALLER, "ChannelState": "4"})
    with pytest.raises(BadInput):
        facts(body)
    [fact] = asterisk().parse(raw(body, received_at=at(3)))
    assert fact.at == at(3)


def test_an_absurd_time_is_refused() -> None:
    with pytest.raises(BadInput):
        facts(event("Newchannel", 9e10, **{**CALLER, "ChannelState": "4"}))


def test_all_events_of_a_call_have_keys_of_their_own() -> None:
    assert len({fact.key for fact in facts(*ANSWERED)}) == len(ANSWERED)
    assert {fact.interaction for fact in facts(*ANSWERED)} == {CALL}


# -- settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"trunks": ()},
        {"trunks": ("provider",)},
        {"own_numbers": ("12",)},
        {"challenge": False},
        {"username": "a\r\nAction: Originate"},
        {"port": 0},
    ],
)
def test_a_setting_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        asterisk(**wrong)


def test_the_secret_may_be_sent_where_nobody_else_hears_it() -> None:
    assert asterisk(challenge=False, tls=True).tls
    assert asterisk(challenge=False, host="127.0.0.1").host == "127.0.0.1"
