"""The facts in what Asterisk says of a whole call: a CDR at its end, the list of its channels before. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cxsdk import CallState, Direction
from cxsdk_asterisk.facts import Told
from cxsdk_asterisk.messages import Message, began_at
from cxsdk_asterisk.office import Office, endpoint

_QUARTER = timedelta(minutes=15)
#: A channel tells its beginning to the second only.
_SECOND = timedelta(seconds=1)


def read_cdr(event: Message, office: Office, at: datetime, connected: datetime | None) -> Iterator[Told]:
    """What a CDR adds: the recording; and of a call that began before we were ``connected``, all the rest.

    Its ``AnswerTime`` is when the dialplan answered, be it for music: of a call that was seen from its beginning, the
    events told better.
    """
    channel, uniqueid = event.get("channel", ""), event.get("uniqueid", "")
    inbound = office.is_trunk(channel)
    if not (inbound or office.is_trunk(event.get("destinationchannel", ""))):
        return
    if (event.get("linkedid") or uniqueid) != uniqueid or channel.endswith(";2"):
        return  # a leg within the call
    told: Told = {
        "interaction": uniqueid,
        "recording_url": office.recording_url(event.get("recordingfile") or event.get("userfield", "")),
    }
    began = began_at(uniqueid)
    if connected and began and began + _SECOND < connected:
        yield {"interaction": uniqueid, "at": began, **_parties(event, office, inbound=inbound)}
        yield {**told, **_end(event, office, at, inbound=inbound)}
    elif told["recording_url"]:
        yield told


def _end(event: Message, office: Office, at: datetime, *, inbound: bool) -> Told:
    dialled, end = event.get("destinationchannel", ""), _local(event.get("endtime"))
    answered = _local(event.get("answertime"))
    talked = event.get("disposition") == "ANSWERED" and bool(dialled)
    ours = dialled if inbound else event.get("channel", "")
    zone = round((at - end) / _QUARTER) * _QUARTER if end else timedelta(0)
    return {
        "agent": office.agent(endpoint(ours)) if talked or not inbound else None,
        "state": CallState.ENDED if talked else CallState.MISSED,
        "at": end + zone if end else at,
        "answered_at": answered + zone if talked and answered else None,
    }


def _parties(event: Message, office: Office, *, inbound: bool) -> dict[str, Any]:
    if inbound:
        return {"direction": Direction.INBOUND, "sender": office.customer(event.get("source", ""))}
    recipient = office.dialled(event.get("lastdata", ""), event.get("destination", ""))
    return {"direction": Direction.OUTBOUND, "recipient": recipient}


def _local(written: str | None) -> datetime | None:
    """A time in the zone of the server, which a CDR does not name: taken for UTC, to be moved."""
    try:
        return datetime.strptime(written or "", "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def read_listed(channels: Sequence[Message], office: Office, at: datetime) -> Iterator[Told]:
    """What the channels of one call tell at a moment: that it goes on, between whom, and whether they talk."""
    call = channels[0].get("linkedid", "")
    trunks = [each for each in channels if office.is_trunk(each.get("channel", ""))]
    first = next((each for each in channels if each.get("uniqueid") == call), None)
    if not trunks:
        return
    customers = first if first in trunks else trunks[0]
    began = {"interaction": call, "at": began_at(call) or at, "state": CallState.RINGING}
    yield {**began, **_sides(first, customers, office)}
    if partner := _partner(customers, channels, office):
        agent = office.agent(endpoint(partner.get("channel", "")))
        yield {"interaction": call, "at": at, "state": CallState.ANSWERED, "agent": agent}


def _sides(first: Message | None, customers: Message, office: Office) -> Told:
    customer = office.customer(customers.get("calleridnum", ""))
    if first is customers:
        return {"direction": Direction.INBOUND, "sender": customer}
    if first is None:
        return {"sender": customer, "recipient": customer}
    recipient = office.dialled(first.get("applicationdata", ""), customers.get("calleridnum", ""))
    agent = office.agent(endpoint(first.get("channel", "")))
    return {"direction": Direction.OUTBOUND, "recipient": recipient, "agent": agent}


def _partner(customers: Message, channels: Sequence[Message], office: Office) -> Message | None:
    bridge = customers.get("bridgeid")
    there = (each for each in channels if bridge and each.get("bridgeid") == bridge)
    return next((each for each in there if not office.is_trunk(each.get("channel", ""))), None)
