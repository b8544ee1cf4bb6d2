"""The way in: a webhook, a source that is read on and on, and the pure function that understands both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from cxsdk.domain.facts import Fact
from cxsdk.domain.raw import Page, Raw, Request, body_id


class Stop(Protocol):
    """Tells a reader to end: set when the process stops or another one takes the source over."""

    def is_set(self) -> bool:
        """Whether to end now."""

    def wait(self, timeout: float | None = None) -> bool:
        """Waits for it, at most so many seconds, and tells whether to end."""


#: ``read(cursor, stop)`` yields pages from after the cursor. Nothing of a page is forgotten: the cursor is stored in
#: one transaction with the page's records, before the next page is asked for. A poll ends when it is up to date and is
#: called again after ``poll_every``; a stream goes on until ``stop`` is set.
Reader = Callable[[str | None, Any], Iterator[Page]]


class Inbound(ABC):
    """Mix this in where the provider tells us something."""

    @abstractmethod
    def parse(self, raw: Raw) -> Iterable[Fact]:
        """The facts in one raw record: pure, so that a replay needs no provider.

        Raise BadInput for what cannot be understood: the record is set aside alone, with the reason. A field of an
        unknown kind is no reason: keep what is known of the rest.
        """

    def verify(self, request: Request, now: datetime) -> None:
        """Raises SignatureError unless the request is proven to be the provider's. Not overridden: no webhook."""
        raise NotImplementedError

    def event_key(self, request: Request) -> str:
        """The provider's own id of the event that a webhook brings: a repetition with the same id is the same event.

        Where it is not overridden, a hash of the body serves.
        """
        return body_id(request.body)

    def acknowledge(self, raw: Raw, thanks: str) -> None:
        """Tells whoever waits for it that this record is safe: it is folded and committed, whatever happens here.

        Called at most once for a record, soon after it came, and perhaps never; what it raises is logged and no more.
        ``thanks`` is what to say to a customer who answered a survey, in their language; empty for all else.
        """
        raise NotImplementedError

    def sources(self) -> Mapping[str, Reader]:
        """What is read on and on, by a name that stays: each has a cursor, a lease and a thread of its own."""
        return {}

    def samples(self, url: str, now: datetime) -> Mapping[str, Request]:
        """Requests to our webhook as the provider sends them, by the names of their events, to try an installation.

        ``url`` is the webhook's public address. Each is signed as of ``now``, with the account's own secret, and has an
        id of its own at each moment, so that it is not taken for a repetition. ``cxsdk webhook send`` sends them.
        """
        return {}
