"""Asterisk passes the conformance kit, over a manager on loopback."""

from __future__ import annotations

from cxsdk.testing import CannotPlay, ChannelConformance, Fault, StandIn
from cxsdk_asterisk import Asterisk
from tests.plugins.asterisk.ami import CUT, Manager
from tests.plugins.asterisk.samples import (
    CALLER,
    PHONE_2,
    answered,
    asterisk,
    cdr,
    dial,
    event,
    hangup,
    queue,
    rings,
    unanswered,
)  # fmt: skip


class PBX(StandIn):
    """A manager that tells of one call, once."""

    def start(self) -> None:
        self.manager = Manager([rings(), answered(8), hangup(60)]).__enter__()

    def stop(self) -> None:
        self.manager.__exit__(None, None, None)

    def suffer(self, fault: Fault, answer: object = None, *, after: int = 0) -> None:
        match fault:
            case Fault.UNAUTHORIZED:
                self.manager.secret = "changed"
            case Fault.DOWN:
                self.manager.scripts = [[CUT]] * 9
            case _:
                raise CannotPlay(fault)


class TestAsterisk(ChannelConformance):
    stand_in = PBX
    payloads = (
        rings(),
        dial("DialBegin", 1),
        unanswered(5, "BUSY"),
        queue("QueueCallerJoin", 6),
        answered(8, PHONE_2),
        queue("AgentConnect", 8, Interface="PJSIP/102", MemberName="Second"),
        event("VarSet", 9, **CALLER, Variable="MIXMONITOR_FILENAME", Value="a.wav"),
        hangup(60),
        cdr(60.2, UserField="2026/call.wav"),
    )

    def plugin(self) -> Asterisk:
        manager = self.provider.manager
        return asterisk(host=manager.host, port=manager.port, recordings_url="https://pbx.example.com/calls")
