"""Against a real Asterisk: what it tells of calls becomes the contacts that took place."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cxsdk import AuthenticationError, CallState, Direction, InteractionFact, Raw, Secret, phone
from cxsdk.domain.clock import SystemClock
from cxsdk.domain.interaction import Interaction, Kind, fold
from cxsdk.testing import opened
from cxsdk_asterisk import Asterisk
from tests.plugins.asterisk.pbx import PBX, PROGRAM

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(PROGRAM is None, reason="there is no Asterisk: install it, or name the program in ASTERISK"),
]

CUSTOMER = phone("+12125550123")


@pytest.fixture(scope="module")
def pbx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PBX]:
    asterisk = PBX(tmp_path_factory.mktemp("pbx"))
    yield asterisk
    asterisk.close()


@pytest.fixture(autouse=True)
def quiet(pbx: PBX) -> None:
    pbx.act(Action="Command", Command="channel request hangup all")
    wait_for(lambda: "ListItems: 0" in pbx.act(Action="CoreShowChannels"))


class Reading:
    """What one process has read."""

    def __init__(self, channel: Asterisk, cursor: str | None = None) -> None:
        self.channel, self.cursor, self.raws = channel, cursor, list[Raw]()
        self.error: Exception | None = None

    def run(self, stop: threading.Event) -> None:
        try:
            for page in self.channel.sources()["ami"](self.cursor, stop):
                self.raws += page.items
                self.cursor = page.cursor
        except AuthenticationError as error:
            self.error = error


@contextmanager
def reading(pbx: PBX, cursor: str | None = None, **settings: object) -> Iterator[Reading]:
    stop = threading.Event()
    with opened(pbx.channel(**settings), clock=SystemClock()) as channel:
        told = Reading(channel, cursor)
        thread = threading.Thread(target=told.run, args=(stop,))
        thread.start()
        wait_for(lambda: told.error or channel._stream._session)
        yield told
        stop.set()
        thread.join(timeout=10)
    if told.error:
        raise told.error


def wait_for(done: Callable[[], object]) -> None:
    for _ in range(150):
        if done():
            return
        time.sleep(0.1)
    raise AssertionError("It did not happen within 15 seconds.")


def calls(*told: Reading) -> list[Interaction]:
    facts: dict[str, list[InteractionFact]] = {}
    for each in told:
        for raw in each.raws:
            for fact in each.channel.parse(raw):
                assert isinstance(fact, InteractionFact)
                facts.setdefault(fact.interaction, []).append(fact)
    return [fold(each, Kind.CALL) for each in facts.values()]


def over(*told: Reading) -> Callable[[], bool]:
    return lambda: any(call.is_over for call in calls(*told))


def the_call(pbx: PBX, extension: str, **how: str) -> Interaction:
    with reading(pbx) as told:
        pbx.call(extension, **how)
        wait_for(over(told))
    [call] = calls(told)
    return call


def test_a_call_that_a_phone_answered(pbx: PBX) -> None:
    call = the_call(pbx, "100")
    assert (call.state, call.direction, call.customer, call.agent) == (
        CallState.ENDED, Direction.INBOUND, (CUSTOMER,), "202",
    )  # fmt: skip
    assert call.talk_seconds in (2, 3)


def test_a_call_that_the_dialplan_answered_and_no_phone_is_missed(pbx: PBX) -> None:
    call = the_call(pbx, "110", customer="brief")
    assert call.is_missed
    assert (call.agent, call.customer) == (None, (CUSTOMER,))


def test_of_a_ring_group_the_phone_that_answered_is_told(pbx: PBX) -> None:
    call = the_call(pbx, "113")
    assert (call.state, call.agent) == (CallState.ENDED, "203")


def test_a_call_that_was_abandoned_in_a_queue_is_missed(pbx: PBX) -> None:
    call = the_call(pbx, "120", customer="brief")
    assert call.is_missed
    assert call.subject == "support"


def test_a_call_that_the_second_of_a_queue_answered_is_theirs(pbx: PBX) -> None:
    call = the_call(pbx, "120", customer="s")
    assert (call.state, call.agent, call.subject) == (CallState.ENDED, "second@example.com", "support")


def test_a_call_that_asterisk_makes_for_an_agent_is_outbound(pbx: PBX) -> None:
    with reading(pbx) as told:
        pbx.dial("12125550123")
        wait_for(over(told))
    [call] = calls(told)
    assert (call.state, call.direction, call.customer, call.agent) == (
        CallState.ENDED, Direction.OUTBOUND, (CUSTOMER,), "101",
    )  # fmt: skip


def test_a_busy_customer_is_missed(pbx: PBX) -> None:
    with reading(pbx) as told:
        pbx.dial("12125550199")
        wait_for(over(told))
    [call] = calls(told)
    assert (call.state, call.is_missed) == (CallState.MISSED, False)


def test_a_call_among_ourselves_is_no_contact(pbx: PBX) -> None:
    with reading(pbx) as told:
        pbx.dial("203")
        wait_for(lambda: any(b"DialStatus: ANSWER" in raw.body and b"203@phones" in raw.body for raw in told.raws))
        pbx.act(Action="Command", Command="channel request hangup all")
        wait_for(lambda: any(b"Event: Hangup" in raw.body for raw in told.raws))
    assert calls(told) == []


def test_a_blind_transfer_names_the_agent_who_took_over(pbx: PBX) -> None:
    with reading(pbx) as told:
        pbx.call("100")
        wait_for(lambda: any(call.state is CallState.ANSWERED for call in calls(told)))
        [channel] = {
            line.removeprefix("DestChannel: ")
            for raw in told.raws
            for line in raw.body.decode().split("\r\n")
            if line.startswith("DestChannel: Local/202@") and line.endswith(";1")
        }
        said = pbx.act(Action="BlindTransfer", Channel=channel, Context="internal", Exten="203")
        assert "Success" in said
        wait_for(over(told))
    [call] = calls(told)
    assert (call.state, call.agent, call.customer) == (CallState.ENDED, "203", (CUSTOMER,))


def test_the_recording_stands_in_the_cdr(pbx: PBX) -> None:
    with reading(pbx, recordings_url="https://pbx.example.com/calls/") as told:
        pbx.call("130", customer="brief")
        wait_for(lambda: any(call.recording_url for call in calls(told)))
    [call] = calls(told)
    assert call.recording_url == "https://pbx.example.com/calls/2026/call.wav"


def test_the_next_process_goes_on_with_a_call_of_the_first(pbx: PBX) -> None:
    with reading(pbx) as first:
        pbx.call("100")
        wait_for(lambda: any(call.state is CallState.ANSWERED for call in calls(first)))
    [call] = calls(first)
    assert not call.is_over
    with reading(pbx, first.cursor) as second:
        wait_for(over(first, second))
    [call] = calls(first, second)
    assert (call.state, call.agent) == (CallState.ENDED, "202")


def test_a_call_that_ended_while_nobody_read_is_over(pbx: PBX) -> None:
    with reading(pbx) as first:
        pbx.call("100")
        wait_for(lambda: any(call.state is CallState.ANSWERED for call in calls(first)))
    pbx.act(Action="Command", Command="channel request hangup all")
    wait_for(lambda: "ListItems: 0" in pbx.act(Action="CoreShowChannels"))
    with reading(pbx, first.cursor) as second:
        wait_for(over(first, second))
    [call] = calls(first, second)
    assert (call.state, call.agent) == (CallState.ENDED, "202")


def test_a_call_that_began_while_nobody_read_is_known(pbx: PBX) -> None:
    with reading(pbx) as first:
        pass
    pbx.call("100")
    wait_for(lambda: "202@phones" in pbx.act(Action="CoreShowChannels"))
    with reading(pbx, first.cursor) as second:
        wait_for(over(second))
    [call] = calls(second)
    assert (call.state, call.agent, call.customer) == (CallState.ENDED, "202", (CUSTOMER,))


@pytest.mark.parametrize("challenge", [True, False])
def test_a_wrong_secret_is_told(pbx: PBX, challenge: bool) -> None:
    with pytest.raises(AuthenticationError), reading(pbx, secret=Secret("wrong"), challenge=challenge):
        pass


def test_the_secret_may_be_sent_on_the_same_machine(pbx: PBX) -> None:
    with reading(pbx, challenge=False) as told:
        pass
    assert told.error is None
