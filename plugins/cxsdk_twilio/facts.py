"""The facts in what Twilio tells. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from cxsdk import BadInput, CallState, Delivery, DeliveryState, Direction, Fact, InteractionFact, Kind, OptOut
from cxsdk_twilio.records import Leg, Recording, Text
from cxsdk_twilio.sides import Sides

#: How a leg ends that nobody answered.
_UNANSWERED = frozenset({"busy", "no-answer", "failed", "canceled"})
#: How a leg ends.
OVER = _UNANSWERED | {"completed"}
_TAKEN = frozenset({"in-progress", "completed"})
_INBOUND = frozenset({"inbound", "trunking-originating", ""})
_RINGING = frozenset({"queued", "initiated", "ringing"})

#: What became of a message. Those that Twilio only holds yet (accepted, scheduled, queued, sending) are no news.
_STATES = {
    "sent": DeliveryState.SENT,
    "delivered": DeliveryState.DELIVERED,
    "read": DeliveryState.READ,
    "undelivered": DeliveryState.FAILED,
    "failed": DeliveryState.FAILED,
    "canceled": DeliveryState.FAILED,
}
_HELD = frozenset({"accepted", "scheduled", "queued", "sending"})

#: Errors that speak of the number itself: it is none, or takes no messages.
_BOUNCES = frozenset({"21211", "21614", "21635", "30005", "30006"})
#: The recipient wrote STOP, and Twilio sends no more from this number.
_OPTED_OUT = "21610"

#: Words alone that Twilio itself obeys; ``YES`` is not among ours: it answers many another question.
_STOP = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"})
_START = frozenset({"start", "unstop"})


def facts_of(
    record: Leg | Recording | Text, received_at: datetime | None, sides: Sides, *, by_leg: bool
) -> Iterator[Fact]:
    """The facts in a record. ``received_at`` dates what Twilio does not; ``by_leg``: see ``answered_by``."""
    at = record.at or received_at
    if at is None:
        raise BadInput("It tells no time.", field="body.Timestamp", code="twilio_record_invalid")
    if isinstance(record, Text):
        yield from _text(record, at, sides)
    elif isinstance(record, Recording):
        yield _recording(record, received_at or at)
    else:
        yield from _leg(record, at, sides, by_leg=by_leg)


# -- calls


def _leg(leg: Leg, at: datetime, sides: Sides, *, by_leg: bool) -> Iterator[InteractionFact]:
    if not leg.parent and _among_us(leg, sides):
        return
    call: dict[str, Any] = {"interaction": leg.parent or leg.sid, "kind": Kind.CALL, "at": at}
    told = _dialled(leg, at, sides) if leg.parent else _first_leg(leg, at, sides, by_leg=by_leg)
    yield InteractionFact(key=f"{leg.sid}:{leg.status}", **call, **told)
    if leg.recording_url:
        yield InteractionFact(key=f"{leg.sid}:recording", **call, recording_url=leg.recording_url)


def _among_us(leg: Leg, sides: Sides) -> bool:
    """Whether no customer is there: employees call one another, a worker is put into a conference, nobody picks up."""
    if leg.direction == "outbound-api":
        rung_first = leg.called.startswith("+") and leg.status in _TAKEN
        return sides.is_ours(leg.called) and not rung_first
    return sides.is_ours(leg.caller) and sides.is_ours(leg.called)


def _first_leg(leg: Leg, at: datetime, sides: Sides, *, by_leg: bool) -> dict[str, Any]:
    """The leg of whoever began: it tells the direction and the customer, and when the call is over."""
    employee = _employee(leg, sides)
    inbound = leg.direction in _INBOUND and employee is None
    waits = employee is not None or (by_leg and leg.direction == "inbound")
    return {
        "direction": Direction.INBOUND if inbound else Direction.OUTBOUND,
        "sender": sides.customer(leg.caller),
        "recipient": sides.customer(leg.called),
        "agent": employee and sides.agent(employee),
        **(_end_alone(leg) if waits else _whole(leg, at)),
    }


def _employee(leg: Leg, sides: Sides) -> str | None:
    """Whose leg it is where an employee's: their client calls Twilio, or Twilio rings them before the customer."""
    address = {"inbound": leg.caller, "outbound-api": leg.called}.get(leg.direction, "")
    return address if sides.is_ours(address) else None


def _dialled(leg: Leg, at: datetime, sides: Sides) -> dict[str, Any]:
    """A leg of a call that goes on beside it: an agent's, or that of the customer whom an agent calls.

    Which of them, the first leg decides by its direction: of an inbound call the recipient counts for nothing. It names
    no sender: a number of the company's may be shown as its caller.
    """
    recipient = sides.customer(leg.called) if sides.is_ours(leg.caller) else None
    agent = sides.agent(leg.called) if leg.status in _TAKEN else None
    return {"recipient": recipient, "agent": agent, **_beside(leg, at)}


def _whole(leg: Leg, at: datetime) -> dict[str, Any]:
    """The state of a leg that is the call."""
    if leg.status in _UNANSWERED or leg.answered_by.startswith(("machine", "fax")):
        return {"state": CallState.MISSED}
    if leg.status == "completed":
        return {"state": CallState.ENDED, "answered_at": _since(leg, at)}
    return {"state": CallState.ANSWERED if leg.status == "in-progress" else _ringing(leg)}


def _end_alone(leg: Leg) -> dict[str, Any]:
    """The state of a leg that Twilio itself answers at once: that it goes on says nothing of people."""
    ends = {"completed": CallState.ENDED, **dict.fromkeys(_UNANSWERED, CallState.MISSED)}
    return {"state": ends.get(leg.status)}


def _beside(leg: Leg, at: datetime) -> dict[str, Any]:
    """The state of a leg that was dialled: its end is not the call's, and the next agent may answer."""
    if leg.status == "completed":
        return {"state": CallState.ANSWERED, "answered_at": _since(leg, at) or at}
    if leg.status in _UNANSWERED:
        return {"state": CallState.RINGING}
    return {"state": CallState.ANSWERED if leg.status == "in-progress" else _ringing(leg)}


def _ringing(leg: Leg) -> CallState | None:
    return CallState.RINGING if leg.status in _RINGING else None


def _since(leg: Leg, at: datetime) -> datetime | None:
    return at - timedelta(seconds=leg.seconds) if leg.seconds else None


def _recording(recording: Recording, at: datetime) -> InteractionFact:
    url = recording.url if recording.status == "completed" else None
    key = f"{recording.sid}:{recording.status}"
    return InteractionFact(key=key, interaction=recording.call, kind=Kind.CALL, at=at, recording_url=url)


# -- messages


def _text(text: Text, at: datetime, sides: Sides) -> Iterator[Fact]:
    if text.is_inbound:
        yield _message(text, at, sides)
        yield from _wish(text, at, sides)
    elif text.status not in _HELD:
        yield _delivery(text, at)
        yield from _refusal(text, at, sides)


def _message(text: Text, at: datetime, sides: Sides) -> InteractionFact:
    return InteractionFact(
        key=text.sid,
        kind=Kind.MESSAGE,
        at=at,
        direction=Direction.INBOUND,
        sender=sides.customer(text.sender),
        text=text.body,
        attachments=text.media,
    )


def _wish(text: Text, at: datetime, sides: Sides) -> Iterator[OptOut]:
    word = (text.opt_out or text.body).strip().casefold()
    customer = sides.customer(text.sender)
    if customer and (word in _STOP or word in _START):
        wishes_out = word in _STOP
        yield OptOut(key=f"{text.sid}:wish", at=at, customer=(customer,), opted_out=wishes_out, reason=f"wrote {word}")


def _delivery(text: Text, at: datetime) -> Delivery:
    state = _STATES.get(text.status, DeliveryState.UNKNOWN)
    if state is DeliveryState.FAILED and text.error_code in _BOUNCES:
        state = DeliveryState.BOUNCED
    return Delivery(key=f"{text.sid}:{text.status}", at=at, message_id=text.sid, state=state, reason=_reason(text))


def _reason(text: Text) -> str:
    if text.error_code:
        return f"Twilio error {text.error_code}" + (f": {text.error}" if text.error else "")
    return "" if text.status in ("sent", "delivered", "read") else text.status


def _refusal(text: Text, at: datetime, sides: Sides) -> Iterator[OptOut]:
    customer = sides.customer(text.recipient)
    if text.error_code == _OPTED_OUT and customer:
        yield OptOut(key=f"{text.sid}:wish", at=at, customer=(customer,), reason="opted out at Twilio (21610)")
