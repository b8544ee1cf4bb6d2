"""The facts in AMI's events. Pure, and each event for itself: what they add up to, the core decides.

A call concerns us by the channel that leads out of the house, a trunk's: an event that names none speaks of a call
among ourselves, or of a leg within one. https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/AMI_Events/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cxsdk import CallState, Direction
from cxsdk_asterisk.messages import Message
from cxsdk_asterisk.office import Office, endpoint

#: The fields of an InteractionFact that an event tells.
Told = dict[str, Any]

#: ``ChannelState``: somebody calls us, or the channel is answered.
_RING, _UP = "4", "6"
_UNANSWERED = frozenset({"BUSY", "NOANSWER", "CANCEL", "CHANUNAVAIL", "CONGESTION", "ABORT"})


def _newchannel(event: Message, office: Office) -> Told | None:
    """A call comes in; a channel that Asterisk dials begins with another state."""
    if not (office.is_trunk(event.get("channel", "")) and event.get("channelstate") == _RING):
        return None
    return {**_caller(event, office), "direction": Direction.INBOUND}


def _dialbegin(event: Message, office: Office) -> Told | None:
    if _is_customers(event, office):
        return _caller(event, office)
    return _outbound(event, office)


def _dialend(event: Message, office: Office) -> Told | None:
    status = event.get("dialstatus", "")
    if _is_customers(event, office):
        dialled = event.get("destchannel", "")
        agent = None if office.is_trunk(dialled) else office.agent(endpoint(dialled))
        return {**_caller(event, office), "state": CallState.ANSWERED, "agent": agent} if status == "ANSWER" else None
    if not (told := _outbound(event, office)):
        return None
    if status == "ANSWER":
        # Whom Asterisk itself called talks to nobody yet: an agent is dialled next.
        return {**told, "state": CallState.ANSWERED if event.get("channel") else CallState.RINGING}
    return {**told, "state": CallState.MISSED if status in _UNANSWERED else None}


def _queuecallerjoin(event: Message, office: Office) -> Told | None:
    return {**_caller(event, office), "subject": event.get("queue", "")} if _is_customers(event, office) else None


def _agentconnect(event: Message, office: Office) -> Told | None:
    if not _is_customers(event, office):
        return None
    agent = office.agent(event.get("interface", ""), event.get("membername", ""))
    return _of(event, state=CallState.ANSWERED, agent=agent)


def _attendedtransfer(event: Message, office: Office) -> Told | None:
    """One of the two is the customer: the other is who they talk to from now on."""
    for customers, agents in (("transferee", "transfertarget"), ("transfertarget", "transferee")):
        agent = event.get(f"{agents}channel", "")
        if office.is_trunk(event.get(f"{customers}channel", "")) and agent and not office.is_trunk(agent):
            return {"interaction": event.get(f"{customers}linkedid"), "agent": office.agent(endpoint(agent))}
    return None


def _hangup(event: Message, office: Office) -> Told | None:
    """The end: missed, unless somebody answered. A leg to the outside that nobody answered ends no call."""
    if not _is_customers(event, office):
        return None
    if event.get("uniqueid") == event.get("linkedid"):
        return {**_caller(event, office), "state": CallState.MISSED}
    return _of(event, state=CallState.ENDED) if event.get("channelstate") == _UP else None


def _varset(event: Message, office: Office) -> Told | None:
    """MixMonitor names its file."""
    if event.get("variable") != "MIXMONITOR_FILENAME" or not _is_customers(event, office):
        return None
    url = office.recording_url(event.get("value", ""))
    return _of(event, recording_url=url) if url else None


def _callnotlisted(event: Message, _: Office) -> Told | None:
    """Our own word, not Asterisk's: a call that went on when we last looked is over."""
    return _of(event, state=CallState.MISSED)


#: The events that are kept, and what each tells.
READERS: Mapping[str, Callable[[Message, Office], Told | None]] = {
    "newchannel": _newchannel,
    "dialbegin": _dialbegin,
    "dialend": _dialend,
    "queuecallerjoin": _queuecallerjoin,
    "agentconnect": _agentconnect,
    "attendedtransfer": _attendedtransfer,
    "hangup": _hangup,
    "varset": _varset,
    "callnotlisted": _callnotlisted,
}


def _is_customers(event: Message, office: Office) -> bool:
    return office.is_trunk(event.get("channel", ""))


def _caller(event: Message, office: Office) -> Told:
    """Who is at the trunk's channel: of a call that we made, the core takes the recipient."""
    return _of(event, sender=office.customer(event.get("calleridnum", "")), state=CallState.RINGING)


def _of(event: Message, **told: Any) -> Told:
    """What an event tells of its call: all its channels share the ``Linkedid``, the id of the first of them."""
    return {"interaction": event.get("linkedid"), **told}


def _outbound(event: Message, office: Office) -> Told | None:
    """A customer is dialled by whoever began the call: an agent's phone, or Asterisk itself (Originate)."""
    caller, dialled = event.get("channel", ""), event.get("destchannel", "")
    first = event.get("uniqueid") if caller else event.get("destuniqueid")
    call = event.get("linkedid") or event.get("destlinkedid")
    if first != call or not office.is_trunk(dialled) or (not caller and dialled.startswith("Local/")):
        return None
    dial_string = event.get("dialstring")  # only the beginning tells it
    return {
        "interaction": call,
        "direction": Direction.OUTBOUND,
        "recipient": office.dialled(dial_string, event.get("destcalleridnum", "")) if dial_string else None,
        "agent": office.agent(endpoint(caller)) if caller else None,
        "state": CallState.RINGING,
    }
