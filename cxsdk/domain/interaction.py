"""One contact over a channel, computed from the set of facts that providers told of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from cxsdk.domain.identity import Identity
from cxsdk.domain.values import Moment, Value

#: Longer texts are cut: no CRM's field takes them, and the raw record keeps the whole.
TEXT_LIMIT = 60_000


class Kind(StrEnum):
    """What sort of contact it was."""

    CALL = "call"  #: spoken
    EMAIL = "email"  #: a letter by e-mail
    MESSAGE = "message"  #: SMS or messenger
    CHAT = "chat"  #: a web chat
    REVIEW = "review"  #: said in public
    VISIT = "visit"  #: in person
    SURVEY = "survey"  #: our own invitation, or the answer to it
    NOTE = "note"  #: what became known later, where a CRM cannot change an entry


class Direction(StrEnum):
    """Who turned to whom."""

    INBOUND = "inbound"  #: the customer to the company
    OUTBOUND = "outbound"  #: the company to the customer


class CallState(StrEnum):
    """How far a call got."""

    RINGING = "ringing"  #: nobody has answered yet
    ANSWERED = "answered"  #: two people talk
    ENDED = "ended"  #: hung up after talking
    MISSED = "missed"  #: ended without an answer

    @property
    def is_final(self) -> bool:
        """Whether nothing more can happen to the call itself."""
        return self in (CallState.ENDED, CallState.MISSED)


class Attachment(Value):
    """A file that came along: what it is and where it lies, never its bytes."""

    name: str = ""
    content_type: str = "application/octet-stream"
    size: int | None = None  #: bytes
    reference: str = ""  #: where to find it: a URL, or a part of the stored message


class InteractionFact(Value):
    """A piece of a contact, as one event of a provider tells it.

    Events that tell of the same contact share ``interaction`` (a call's id); a message is whole in one event, and
    ``interaction`` is then its ``key``. Facts may come in any order and any number of times: what they add up to
    depends on the set alone.
    """

    key: str = Field(min_length=1, max_length=200)
    at: Moment
    interaction: str = ""
    kind: Kind | None = None  #: the channel's own kind where not said
    direction: Direction | None = None
    sender: Identity | None = None
    recipient: Identity | None = None
    also: tuple[Identity, ...] = ()  #: other ways to recognise the same customer
    name: str = ""  #: the customer's name
    language: str | None = None
    agent: str | None = None  #: the agent's e-mail, extension or CRM id
    subject: str = ""
    text: str = ""
    comment: str = ""  #: the agent's comment
    state: CallState | None = None
    answered_at: Moment | None = None
    recording_url: str | None = None
    attachments: tuple[Attachment, ...] = ()
    thread: str | None = None  #: the provider's id of the conversation
    in_reply_to: str | None = None  #: the provider's id of the message that this answers
    automatic: bool = False  #: written by a machine: never counts as an answer
    provider_options: Mapping[str, str] = Field(default_factory=dict)


class Interaction(Value):
    """One contact, as its facts add up. ``ended_at`` is None while a call goes on."""

    kind: Kind
    direction: Direction
    at: datetime
    customer: tuple[Identity, ...]
    name: str = ""
    language: str | None = None
    agent: str | None = None
    subject: str = ""
    text: str = ""
    comment: str = ""
    state: CallState | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    recording_url: str | None = None
    attachments: tuple[Attachment, ...] = ()
    thread: str | None = None
    in_reply_to: str | None = None
    automatic: bool = False

    @property
    def is_over(self) -> bool:
        """Whether the contact can be logged: all but a call that may still go on."""
        return self.kind is not Kind.CALL or self.ended_at is not None

    @property
    def is_missed(self) -> bool:
        """Whether a customer called and nobody answered."""
        return self.state is CallState.MISSED and self.direction is Direction.INBOUND

    @property
    def talk_seconds(self) -> int | None:
        """How long two people talked, where both ends are known."""
        if self.answered_at is None or self.ended_at is None:
            return None
        return max(0, round((self.ended_at - self.answered_at).total_seconds()))


def fold(facts: Iterable[InteractionFact], default_kind: Kind) -> Interaction:
    """What a set of facts about one contact adds up to; the same for any order and any repetition of them.

    Of a field that several facts tell, the latest one's word holds (by time, then by key).
    """
    ordered = sorted({fact.key: fact for fact in facts}.values(), key=lambda fact: (fact.at, fact.key))
    first = ordered[0]
    said: dict[str, Any] = {}
    for fact in ordered:
        said |= {name: word for name in _LAST_WORD if (word := getattr(fact, name))}
    kind, direction = said.pop("kind", default_kind), said.pop("direction", Direction.INBOUND)
    side = "sender" if direction is Direction.INBOUND else "recipient"
    state, answered_at, ended_at = _call_state(ordered)
    return Interaction(
        kind=kind,
        direction=direction,
        at=first.at,
        customer=_identities(ordered, side),
        attachments=tuple(dict.fromkeys(a for fact in ordered for a in fact.attachments)),
        automatic=any(fact.automatic for fact in ordered),
        state=state,
        answered_at=answered_at,
        ended_at=ended_at,
        **said,
    )


_LAST_WORD = (
    "kind", "direction", "name", "language", "agent", "subject", "text", "comment",
    "recording_url", "thread", "in_reply_to",
)  # fmt: skip


def _identities(ordered: list[InteractionFact], side: str) -> tuple[Identity, ...]:
    found = [getattr(fact, side) for fact in ordered]
    found += [identity for fact in ordered for identity in fact.also]
    return tuple(dict.fromkeys(identity for identity in found if identity is not None))


def _call_state(ordered: list[InteractionFact]) -> tuple[CallState | None, datetime | None, datetime | None]:
    states = {fact.state for fact in ordered if fact.state is not None}
    if not states:
        return None, None, None
    answers = [fact.answered_at or fact.at for fact in ordered if fact.state is CallState.ANSWERED or fact.answered_at]
    answered_at = min(answers, default=None)
    ends = [fact.at for fact in ordered if fact.state is not None and fact.state.is_final]
    if not ends:
        return (CallState.ANSWERED if answers else CallState.RINGING), answered_at, None
    # "Missed" on one phone of a group and "answered" on another means answered. A call that rang and was hung up
    # without an answer was missed, whatever its last event was called.
    talked = bool(answers) or not states & {CallState.MISSED, CallState.RINGING}
    return (CallState.ENDED if talked else CallState.MISSED), answered_at, max(ends)
