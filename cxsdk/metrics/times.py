"""How long customers wait for a person."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import median

from cxsdk.domain.interaction import CallState, Direction, Interaction, Kind

#: Entries that are nobody's contact: our invitations and their answers, and notes on what happened before.
_NOT_A_CONTACT = frozenset({Kind.SURVEY, Kind.NOTE})


def first_response(conversation: Iterable[Interaction]) -> timedelta | None:
    """How long the customer waited for the first answer of a person; None while they wait, or never asked.

    From the first inbound contact to the first outbound one at or after it, or to the moment a call of theirs was
    answered. What machines write never counts, on neither side, and nor does a call that nobody took.
    """
    contacts = [one for one in conversation if not one.automatic and one.kind not in _NOT_A_CONTACT]
    asked = min((one.at for one in contacts if one.direction is Direction.INBOUND), default=None)
    if asked is None:
        return None
    answers = (answer for one in contacts if (answer := _answered_at(one)) is not None and answer >= asked)
    answered = min(answers, default=None)
    return None if answered is None else answered - asked


def _answered_at(contact: Interaction) -> datetime | None:
    """When a person of the company spoke or wrote, if anybody did."""
    if contact.kind is Kind.CALL:
        return contact.answered_at or _talk_began(contact)
    return contact.at if contact.direction is Direction.OUTBOUND else None


def _talk_began(call: Interaction) -> datetime | None:
    # Some PBXs tell of a call only that it took place.
    return call.at if call.state in (CallState.ANSWERED, CallState.ENDED) else None


def median_time(times: Iterable[timedelta]) -> timedelta | None:
    """The time that half of them keep below: one forgotten letter does not spoil it, as it would the mean."""
    seconds = [time.total_seconds() for time in times]
    return timedelta(seconds=median(seconds)) if seconds else None
