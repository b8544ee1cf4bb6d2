"""A plugin opened outside the system, and its doors: what comes in, what is read, what is sent."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

from cxsdk.capabilities.context import VALUE_LIMIT, KeyValue
from cxsdk.capabilities.inbound import Inbound
from cxsdk.capabilities.plugin import Plugin
from cxsdk.domain.clock import Clock, ManualClock
from cxsdk.domain.facts import Fact
from cxsdk.domain.oauth import OAuth
from cxsdk.domain.raw import Page, Raw, Request
from cxsdk.domain.secret import Secret
from cxsdk.errors import Unsupported
from cxsdk.http import OAuthSession, Session
from cxsdk.http.token_endpoint import TokenEndpoint
from cxsdk.http.tokens import Tokens
from cxsdk.observe import logger
from cxsdk.testing.granting import MemoryVault
from cxsdk.testing.sent import Sent, SentRequest

if TYPE_CHECKING:
    import requests

#: The present of a test that names no other: a Monday noon.
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)

#: Which method of a plugin takes which values.
_METHODS = {"Message": "send", "LogEntry": "log", "Task": "save_tasks", "Person": "create_people"}

P = TypeVar("P", bound=Plugin)


class MemoryState:
    """The small store of an account, kept in memory."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def get(self, key: str) -> str | None:
        """What was put there, or None."""
        return self._values.get(key)

    def put(self, key: str, value: str) -> None:
        """Keeps a value of at most 64 kB."""
        if len(value.encode()) > VALUE_LIMIT:
            raise ValueError(f"A value of the account's state holds at most {VALUE_LIMIT} bytes.")
        self._values[key] = value


class SampleContext:
    """What ``open`` gets in a test. ``base_url``, where given, stands for every provider: a server on loopback.

    ``requests`` are those that the plugin made so far, as they went out. A wait between two tries moves a clock that
    can be moved, and does not take its time.

    An account that is connected by OAuth is connected already, with a token that is good for an hour of its clock;
    ``granted`` is what the provider told with it besides tokens.
    """

    def __init__(
        self,
        plugin: Plugin,
        *,
        clock: Clock | None = None,
        base_url: str | None = None,
        granted: Mapping[str, Any] | None = None,
    ) -> None:
        self._plugin = plugin
        self._base_url = base_url
        self._granted = granted or {}
        self._tokens: Tokens | None = None
        self._sessions: list[Session | OAuthSession] = []
        self.requests: list[SentRequest] = []
        self.clock: Clock = clock or ManualClock(NOW)
        self.log: Any = logger("cxsdk.plugin", account=plugin.name)
        self.state: KeyValue = MemoryState()
        self.webhook_url = webhook_url(plugin)
        _open[id(plugin)] = (plugin, self.requests)

    def http(
        self,
        base_url: str,
        *,
        bearer: Secret | None = None,
        headers: Mapping[str, str | Secret] | None = None,
        basic: tuple[str, Secret] | None = None,
        oauth: OAuth | None = None,
    ) -> Session | OAuthSession:
        """The real session of ``cxsdk.http``, with the plugin's own deadline and classification."""
        url, plugin = self._base_url or base_url, self._plugin
        options: dict[str, Any] = {"clock": self.clock, "watch": self._watch, "sleep": self._sleep, "headers": headers}
        session = (
            OAuthSession(plugin, oauth, url, self._granted_to(oauth), **options)
            if oauth
            else Session.of(plugin, url, bearer=bearer, basic=basic, **options)
        )
        self._sessions.append(session)
        return session

    @property
    def speaks_http(self) -> bool:
        """Whether the plugin asked for a session."""
        return bool(self._sessions)

    def _watch(self, prepared: requests.PreparedRequest) -> None:
        self.requests.append(SentRequest.of(prepared))

    def _granted_to(self, oauth: OAuth) -> Tokens:
        if self._tokens is None:
            endpoint = TokenEndpoint(self._plugin, oauth, self.clock)
            vault = MemoryVault(self.clock, self._granted)
            self._tokens = Tokens(self._plugin.name, endpoint, vault, self.clock, self._plugin.deadline_s)
        return self._tokens

    def survey_link(self, token: str, expires_at: datetime) -> str:
        """An address that shows the token and is signed by nobody."""
        return f"https://cx.example.com/s/{token}"

    def close(self) -> None:
        """Closes the connections of all sessions that were handed out."""
        for session in self._sessions:
            session.close()
        _open.pop(id(self._plugin), None)

    def _sleep(self, seconds: float) -> None:
        if isinstance(self.clock, ManualClock):
            self.clock.advance(timedelta(seconds=seconds))
        else:
            time.sleep(seconds)


#: The plugins that are open, by their ids, and the requests that each has made.
_open: dict[int, tuple[object, list[SentRequest]]] = {}


@contextmanager
def held_open(plugins: Iterable[Plugin]) -> Iterator[None]:
    """Says that somebody else opened these plugins: whoever tests them leaves that to them."""
    held = {id(plugin): (plugin, list[SentRequest]()) for plugin in plugins}
    _open.update(held)
    try:
        yield
    finally:
        for key in held:
            _open.pop(key, None)


def webhook_url(plugin: Plugin) -> str:
    """The address of an account's webhook in tests."""
    return f"https://cx.example.com/webhooks/{plugin.name}"


@contextmanager
def opened(
    plugin: P, *, clock: Clock | None = None, base_url: str | None = None, granted: Mapping[str, Any] | None = None
) -> Iterator[P]:
    """The plugin between ``open`` and ``close``, at 2026-01-05T12:00Z unless another clock is given.

    ``granted`` is what the provider told when it granted access by OAuth: domains, ids.
    """
    context = SampleContext(plugin, clock=clock, base_url=base_url, granted=granted)
    try:
        plugin.open(context)
        yield plugin
    finally:
        plugin.close()
        context.close()


@contextmanager
def _at_hand(plugin: object, now: datetime = NOW) -> Iterator[list[SentRequest]]:
    """The plugin open, by whoever opened it, else for the time being; gives the requests that are made meanwhile."""
    if isinstance(plugin, Plugin) and id(plugin) not in _open:
        with opened(plugin, clock=ManualClock(now)), _at_hand(plugin) as requests:
            yield requests
            return
    _, made = _open.get(id(plugin), (plugin, []))
    before, requests = len(made), list[SentRequest]()
    try:
        yield requests
    finally:
        requests += [request.redacted() for request in made[before:]]


def receive(
    plugin: Inbound,
    *,
    headers: Mapping[str, str],
    body: bytes,
    url: str = "",
    method: str = "POST",
    now: datetime = NOW,
) -> list[Fact]:
    """The facts of one webhook request, after it was verified. Raises SignatureError as the web does.

    ``url`` is the account's webhook address unless told otherwise. A plugin that is not open is opened for it.
    """
    if type(plugin).verify is Inbound.verify:
        raise Unsupported(f"{type(plugin).__name__} has no webhook: it does not override verify.")
    url = url or (webhook_url(plugin) if isinstance(plugin, Plugin) else "")
    request = Request(method=method, url=url, headers=headers, body=body)
    with _at_hand(plugin, now):
        plugin.verify(request, now)
        raw = Raw(id=plugin.event_key(request), body=body, headers=request.kept_headers(), received_at=now)
        return list(plugin.parse(raw))


def read(plugin: Inbound, source: str, cursor: str | None = None, *, pages: int = 100) -> list[Page]:
    """The pages that a source brings after the cursor, until it is up to date or so many were read.

    A plugin that is not open is opened for it.
    """
    with _at_hand(plugin):
        return list(walk(plugin, source, cursor, Event(), pages))


def walk(plugin: Inbound, source: str, cursor: str | None, stop: Event, pages: int) -> Iterator[Page]:
    """The pages one by one; the reader is told to stop when nobody wants more."""
    reader = plugin.sources()[source](cursor, stop)
    try:
        yield from islice(reader, pages)
    finally:
        stop.set()
        if hasattr(reader, "close"):
            reader.close()


def send(plugin: Plugin, values: Sequence[Any]) -> Sent:
    """Gives values to the method that takes them, at most ``batch_size`` at once.

    A Message goes to ``send``, a LogEntry to ``log``, a Task to ``save_tasks``, a Person to ``create_people``. Returns
    all receipts and the requests that were made, without secrets. A plugin that is not open is opened for it.
    """
    with _at_hand(plugin) as requests:
        batches = _batches(values, plugin.batch_size)
        receipts = [receipt for batch in batches for receipt in _method(plugin, batch[0])(batch)]
    return Sent(receipts, requests)


def _batches(values: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (values[start : start + size] for start in range(0, len(values), size))


def _method(plugin: Plugin, value: object) -> Any:
    return getattr(plugin, _METHODS[type(value).__name__])
