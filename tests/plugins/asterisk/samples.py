"""Events of Asterisk's manager, of the shapes that Asterisk 16 and 22 were seen to send."""

from __future__ import annotations

import hashlib
from typing import Any

from cxsdk import InteractionFact, Raw, Secret
from cxsdk.domain.interaction import Interaction, Kind, fold
from cxsdk_asterisk import Asterisk
from cxsdk_asterisk.messages import write_message

BEGAN = 1_767_614_400  # 2026-01-05T12:00Z, when the clock of tests stands
CALL = f"{BEGAN}.17"
CUSTOMER, LINE = "+12125550123", "+12125550100"
SECRET = "sample-manager-secret"

TRUNK, TRUNK_2 = "PJSIP/provider-0000002f", "PJSIP/provider-00000030"
PHONE, PHONE_2 = "PJSIP/101-00000031", "PJSIP/102-00000032"


def asterisk(**settings: Any) -> Asterisk:
    given = {"host": "pbx.example.com", "username": "cxsdk", "secret": Secret(SECRET), "trunks": ("PJSIP/provider",)}
    return Asterisk(**{**given, "region": "US", "own_numbers": (LINE,), **settings})


def event(name: str, after_s: float = 0.0, **fields: str) -> bytes:
    """An event of the call, so many seconds after it began."""
    return write_message(Event=name, Privilege="call,all", Timestamp=f"{BEGAN + after_s:.6f}", **fields)


def channel(name: str, number: str, uniqueid: str = CALL, prefix: str = "", **fields: str) -> dict[str, str]:
    """The fields of one channel, as all events of channels have them."""
    told = {
        "Channel": name, "ChannelState": "6", "ChannelStateDesc": "Up", "CallerIDNum": number,
        "CallerIDName": "<unknown>", "ConnectedLineNum": "<unknown>", "Context": "from-provider", "Exten": "100",
        "Uniqueid": uniqueid, "Linkedid": CALL, **fields,
    }  # fmt: skip
    return {f"{prefix}{name}": value for name, value in told.items()}


CALLER = channel(TRUNK, CUSTOMER)


def rings(number: str = CUSTOMER, **fields: str) -> bytes:
    return event("Newchannel", **channel(TRUNK, number, ChannelState="4", ChannelStateDesc="Ring", **fields))


def dial(name: str, after_s: float, dialled: str = PHONE, caller: dict[str, str] = CALLER, **fields: str) -> bytes:
    """``DialBegin`` or ``DialEnd``, from the caller to a phone."""
    uniqueid = f"{BEGAN}.{int(dialled[-8:], 16)}"
    return event(name, after_s, **caller, **channel(dialled, "100", uniqueid, "Dest"), **fields)


def answered(after_s: float, dialled: str = PHONE, **fields: Any) -> bytes:
    return dial("DialEnd", after_s, dialled, DialStatus="ANSWER", **fields)


def unanswered(after_s: float, status: str = "NOANSWER", dialled: str = PHONE, **fields: Any) -> bytes:
    return dial("DialEnd", after_s, dialled, DialStatus=status, **fields)


def hangup(after_s: float, ended: dict[str, str] = CALLER, cause: str = "16") -> bytes:
    return event("Hangup", after_s, **ended, Cause=cause, **{"Cause-txt": "Normal Clearing"})


def queue(name: str, after_s: float, **fields: str) -> bytes:
    return event(name, after_s, **CALLER, Queue="support", **fields)


def cdr(after_s: float, **fields: str) -> bytes:
    """A CDR as cdr_manager tells it, with times of a server in New York."""
    told = {
        "Source": CUSTOMER, "Destination": "100", "DestinationContext": "from-provider", "Channel": TRUNK,
        "DestinationChannel": PHONE, "LastApplication": "Dial", "LastData": "PJSIP/101,20",
        "StartTime": "2026-01-05 07:00:00", "AnswerTime": "2026-01-05 07:00:08", "EndTime": "2026-01-05 07:01:00",
        "Duration": "60", "BillableSeconds": "52", "Disposition": "ANSWERED", "UniqueID": CALL, "UserField": "",
        "LinkedID": CALL, **fields,
    }  # fmt: skip
    return event("Cdr", after_s, **told)


def raw(body: bytes, id: str = "", **fields: Any) -> Raw:
    return Raw(id=id or hashlib.sha256(body).hexdigest(), body=body, **fields)


def facts(*bodies: bytes, **settings: Any) -> list[InteractionFact]:
    plugin = asterisk(**settings)
    told = [fact for body in bodies for fact in plugin.parse(raw(body))]
    assert all(isinstance(fact, InteractionFact) for fact in told)
    return told  # type: ignore[return-value]


def interaction(*bodies: bytes, **settings: Any) -> Interaction:
    """What the events of one call add up to."""
    told = facts(*bodies, **settings)
    assert {fact.interaction for fact in told} == {CALL}
    return fold(told, Kind.CALL)
