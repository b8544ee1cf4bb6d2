"""A channel between the company and its customers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import ClassVar, Literal

from cxsdk.capabilities.plugin import Plugin
from cxsdk.domain.interaction import Kind
from cxsdk.domain.outward import Message, Receipt


class Channel(Plugin):
    """One channel's account: a mailbox, a bot, a phone system. Nothing is abstract: a PBX only receives."""

    #: The kind of identity it can reach (``phone``, ``email``, ``telegram``), or None where it cannot send.
    reaches: ClassVar[str | None] = None
    #: What a contact over this channel is, where an event does not say.
    kind: ClassVar[Kind] = Kind.MESSAGE
    #: How a message sent twice stays single; see ``CRM.duplicates``.
    duplicates: ClassVar[Literal["upsert", "lookup", "none"]] = "none"
    #: How long after a send ``find_written`` may still not see it.
    lookup_lag: ClassVar[timedelta] = timedelta(0)
    #: Whether a message's ``choices`` are shown as buttons and ``parse`` returns what was tapped as a Response.
    inline_answers: ClassVar[bool] = False
    #: The longest text of one message, in UTF-16 units (a letter is one, most emoji are two), at least 2; None: no
    #: limit worth naming. ``send`` never gets a longer one: that comes in parts, each a message with its own key.
    message_length: ClassVar[int | None] = None

    def send(self, messages: Sequence[Message]) -> Iterable[Receipt]:
        """Sends each message; the receipt brings the provider's id, by which deliveries are matched.

        The parts of a long text are given one by one, the next one when the one before was accepted; the id of the
        last part stands for all of them.
        """
        raise NotImplementedError

    def find_written(self, keys: Sequence[str]) -> Iterable[str | None]:
        """For each of our keys, the provider's id of the message sent under it; for ``duplicates = "lookup"``."""
        raise NotImplementedError

    def log_after(self) -> timedelta:
        """How long after its last event a call that nobody ended is logged all the same."""
        return timedelta(hours=2)
