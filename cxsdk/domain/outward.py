"""What goes out to providers, and what they say to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from cxsdk.domain.interaction import Attachment, CallState, Direction, Kind
from cxsdk.domain.values import Value


class LogEntry(Value):
    """A contact as an entry of a CRM's timeline. ``key`` is our idempotency key for it.

    ``entry_id`` is the CRM's id where the entry is there already: then this updates it. ``revision`` counts what
    has become known of the contact and never goes back.
    """

    key: str
    person_id: str
    entry_id: str | None = None
    revision: int = 1
    kind: Kind
    direction: Direction
    at: datetime
    account: str = ""  #: the channel's account over which it went
    agent_id: str | None = None
    subject: str = ""
    text: str = ""
    comment: str = ""
    state: CallState | None = None
    seconds: int | None = None  #: how long the call lasted, where it was answered
    counterpart: str = ""  #: the customer's number or address that was used
    recording_url: str | None = None
    attachments: tuple[Attachment, ...] = ()
    automatic: bool = False

    def besides(self, *, recording: bool = True) -> Iterator[str]:
        """What belongs to the entry besides its text, a line each, for CRMs that have no fields of their own for it.

        The agent's comment, the link to the recording (unless ``recording`` is False), and each attachment.
        """
        if self.comment:
            yield f"Comment: {self.comment}"
        if self.recording_url and recording:
            yield f"Recording: {self.recording_url}"
        for attachment in self.attachments:
            yield f"Attachment: {attachment.name} {attachment.reference}".strip()


class Choice(Value):
    """One tap that answers. ``data`` (at most 64 bytes) comes back in the provider's event: see ``inline_answers``."""

    label: str
    data: str


class Message(Value):
    """A message to one customer. ``key`` is our idempotency key; ``to`` is the identity's bare value."""

    key: str
    to: str
    text: str
    html: str | None = None
    subject: str = ""
    language: str = "en"
    link: str | None = None  #: the survey's page, also contained in ``text``
    choices: tuple[Choice, ...] = ()
    in_reply_to: str | None = None  #: the provider's id of the message that this answers
    references: tuple[str, ...] = ()  #: the thread so far, oldest first
    automatic: bool = False  #: written by a machine, to be marked as such
    unsubscribe_url: str | None = None  #: takes a one-click POST (RFC 8058)
    agent: str | None = None
    provider_options: Mapping[str, str] = Field(default_factory=dict)


class Outcome(StrEnum):
    """What became of one outward action."""

    ACCEPTED = "accepted"  #: done
    DUPLICATE = "duplicate"  #: it had been done before, under the same key
    REJECTED = "rejected"  #: refused for good
    PERSON_GONE = "person_gone"  #: refused because the CRM has its person no more
    OPTED_OUT = "opted_out"  #: refused because the customer wants none of these
    UNKNOWN = "unknown"  #: perhaps done
    DEFERRED = "deferred"  #: not done, and may be later: a full mailbox, a greylisted address


class Receipt(Value):
    """The outcome of one outward action, with the provider's id of what was made, or the reason."""

    outcome: Outcome
    id: str | None = None
    reason: str = ""

    @classmethod
    def accepted(cls, id: str | int | None = None) -> Receipt:
        """It is done; ``id`` is the provider's id of it."""
        return cls(outcome=Outcome.ACCEPTED, id=None if id is None else str(id))

    @classmethod
    def duplicate(cls, id: str | int | None = None) -> Receipt:
        """It was there already; ``id`` is the provider's id of it."""
        return cls(outcome=Outcome.DUPLICATE, id=None if id is None else str(id))

    @classmethod
    def rejected(cls, reason: str) -> Receipt:
        """The provider refuses this very value; it is set aside with the reason."""
        return cls(outcome=Outcome.REJECTED, reason=reason)

    @classmethod
    def person_gone(cls, reason: str) -> Receipt:
        """The CRM has the person of this entry or task no more: they are looked up again, and it is sent once more."""
        return cls(outcome=Outcome.PERSON_GONE, reason=reason)

    @classmethod
    def opted_out(cls, reason: str) -> Receipt:
        """The provider knows that the customer wants none of these: it is kept as their own word, and holds."""
        return cls(outcome=Outcome.OPTED_OUT, reason=reason)

    @classmethod
    def unknown(cls, reason: str) -> Receipt:
        """It may have happened; it is looked up before it is repeated."""
        return cls(outcome=Outcome.UNKNOWN, reason=reason)

    @classmethod
    def deferred(cls, reason: str) -> Receipt:
        """The provider does not take this very value now; it is tried again later, the others go on."""
        return cls(outcome=Outcome.DEFERRED, reason=reason)

    @property
    def is_done(self) -> bool:
        """Whether the value is there now."""
        return self.outcome in (Outcome.ACCEPTED, Outcome.DUPLICATE)
