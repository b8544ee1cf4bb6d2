"""Reads AMI on and on: events as they come, and after each login the calls that go on."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from cxsdk import BadInput, Context, CxsdkError, Fact, Page, Raw, Stop, Transient
from cxsdk_asterisk.facts import READERS
from cxsdk_asterisk.messages import END, Message, read_epoch, read_message, write_message
from cxsdk_asterisk.position import Position
from cxsdk_asterisk.session import Server, Session

#: Seconds between two looks at ``stop`` while Asterisk is silent.
_LOOK_EVERY_S = 0.5
#: While calls go on, it is written down at least so often that we saw them.
_SEEN_EVERY = timedelta(seconds=15)
#: Waits before the next login, doubled with each failure; a session that lasted so long was none.
_FIRST_WAIT_S, _LONGEST_WAIT_S, _LASTED_S = 1.0, 30.0, 30.0
#: Our name for the question which channels there are.
_LISTING = "cxsdk-channels"
_KEPT = frozenset(READERS) | {"cdr"}


class Stream:
    """One manager's events.

    A session outlives a reading that our own database broke off, and so does what was not stored: Asterisk tells
    nothing twice.
    """

    def __init__(self, server: Server, parse: Callable[[Raw], Iterable[Fact]], context: Context) -> None:
        self._server, self._parse, self._clock, self._log = server, parse, context.clock, context.log
        self._session: Session | None = None
        self._since: datetime = self._clock.now()
        self._began = 0.0
        self._failures = 0
        self._listed: list[bytes] = []
        self._expected = Position(self._since)
        self._unsaved: tuple[Raw, ...] = ()

    def read(self, cursor: str | None, stop: Stop) -> Iterator[Page]:
        """Pages of what comes, until ``stop`` is set. Raises Transient and AuthenticationError."""
        position = Position.read(cursor, self._clock.now())
        if self._session is None:
            self._connect(position)
        while True:
            now = self._clock.now()
            if self._unsaved or (position.calls and now - position.at >= _SEEN_EVERY):
                at = self._unsaved[-1].received_at if self._unsaved else None
                position = position.after(self._facts(self._unsaved), at or now)
                yield Page(items=self._unsaved, cursor=position.cursor())
            self._unsaved = ()
            if self._session is None:
                return
            self._unsaved = tuple(self._records(self._hear(self._session, stop)))

    def close(self) -> None:
        """Logs off where a reading was broken off."""
        if self._session is not None:
            self._session.log_off()
            self._session = None

    def _connect(self, position: Position) -> None:
        session = None
        try:
            session = Session(self._server)
            session.log_in()
            session.send(Action="CoreShowChannels", ActionID=_LISTING)
        except CxsdkError as error:
            if session is not None:
                session.close()
            raise self._delayed(error) from None
        self._since, self._began, self._expected, self._listed = self._clock.now(), time.monotonic(), position, []
        self._session = session

    def _hear(self, session: Session, stop: Stop) -> list[bytes]:
        if stop.is_set():
            self._session = None
            return session.log_off()
        try:
            return session.receive(_LOOK_EVERY_S)
        except Transient as error:
            session.close()
            self._session = None
            if time.monotonic() - self._began > _LASTED_S:
                self._failures = 0
            raise self._delayed(error) from None

    def _delayed(self, error: CxsdkError) -> CxsdkError:
        """With the time of the next try: the core's own waits would grow with each session that ends."""
        if isinstance(error, Transient):
            error.retry_after = min(_FIRST_WAIT_S * 2**self._failures, _LONGEST_WAIT_S)
            self._failures = min(self._failures + 1, 10)
        return error

    def _facts(self, raws: Sequence[Raw]) -> Iterator[Fact]:
        for raw in raws:
            try:
                yield from self._parse(raw)
            except BadInput:
                continue  # the core sets it aside, and says so

    def _records(self, frames: Sequence[bytes]) -> Iterator[Raw]:
        for frame in frames:
            message = read_message(frame)
            if message.get("actionid") == _LISTING:
                yield from self._list(frame, message)
            elif _is_kept(message):
                yield self._record(frame, message)

    def _record(self, frame: bytes, message: Message) -> Raw:
        """Known by its bytes: with ``timestampevents``, no two events are the same."""
        at, now = read_epoch(message.get("timestamp", "")), self._clock.now()
        apart = "" if at else now.isoformat()
        headers = {"connected": self._since.isoformat()} if message["event"] == "Cdr" else {}
        return _raw(hashlib.sha256(frame + apart.encode()).hexdigest(), frame + END, headers, at or now)

    def _list(self, frame: bytes, message: Message) -> Iterator[Raw]:
        """Once the list is whole: each call that goes on, and each that went on when we last looked and is over."""
        if message.get("response") == "Error":
            self._log.warning("asterisk_list_refused", said=message.get("message"), cure="write = reporting")
        elif message.get("event") == "CoreShowChannel":
            self._listed.append(frame)
        elif message.get("event") == "CoreShowChannelsComplete":
            calls: dict[str, list[bytes]] = {}
            for each in self._listed:
                calls.setdefault(read_message(each).get("linkedid", ""), []).append(each)
            self._listed = []
            for call, channels in calls.items():
                yield self._stated("listed", call, END.join([*channels, b""]))
            for call in sorted(self._expected.calls - calls.keys()):
                seen = f"{self._expected.at.timestamp():.6f}"
                yield self._stated("gone", call, write_message(Event="CallNotListed", Timestamp=seen, Linkedid=call))

    def _stated(self, what: str, call: str, body: bytes) -> Raw:
        return _raw(f"{what}:{call[:100]}:{self._since.isoformat()}", body, {}, self._clock.now())


def _is_kept(message: Message) -> bool:
    kept = message.get("event", "").lower() in _KEPT
    return kept and message.get("variable", "MIXMONITOR_FILENAME") == "MIXMONITOR_FILENAME"


def _raw(id: str, body: bytes, headers: dict[str, Any], at: datetime) -> Raw:
    return Raw(id=id, body=body, headers=headers, received_at=at)
