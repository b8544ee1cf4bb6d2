"""One request on the wire: every step of it ends in time, and what was sent is known.

The libraries' timeouts bound each single wait. An answer that comes byte by byte, a name with many dead addresses or a
silent name server outlast them; here every wait is bounded by what is left of the whole call.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing
from contextvars import ContextVar
from dataclasses import dataclass
from http.client import HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from threading import Thread
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from cxsdk.domain.clock import stopwatch

#: Seconds to find and reach a provider, all its addresses together.
CONNECT_S = 5.0
#: An answer's body may be so many bytes, unpacked.
BODY_LIMIT = 32 * 2**20


@dataclass
class Exchange:
    """The limits of one try, and how far it got."""

    ends_at: float  #: on the stopwatch
    patience_s: float  #: the longest wait for the next bytes of an answer
    touched: bool = False  #: whether a connection was wanted or used
    sent: bool = False  #: whether anything of the request left us

    def begin(self) -> None:
        """Starts anew, for the next step of a redirect: that the last one was answered with it says it did nothing."""
        self.touched = self.sent = False

    def left(self) -> float:
        """The seconds left. Raises TimeoutError where there are none."""
        left = self.ends_at - stopwatch()
        if left <= 0:
            raise TimeoutError("the call's deadline is over")
        return left

    def pace(self) -> float:
        """How long the next read may wait."""
        return min(self.patience_s, self.left())


class AnswerTooLong(requests.RequestException):
    """The body is longer than anything we ask for."""


_current: ContextVar[Exchange] = ContextVar("exchange")


def exchange(http: PacedSession, prepared: requests.PreparedRequest, limits: Exchange) -> requests.Response:
    """Sends a request and reads the whole answer. Raises what requests raises, within the deadline."""
    token = _current.set(limits)
    try:
        environment = http.environment_of(prepared.url or "")
        timeout = (min(CONNECT_S, limits.left()), limits.pace())
        answer = http.send(prepared, timeout=timeout, allow_redirects=False, **environment)
        with closing(answer):
            answer._content = _body(answer)  # noqa: SLF001 - the only way to hand a body over with the answer
        return answer
    finally:
        _current.reset(token)


def open_session() -> PacedSession:
    """A requests session for one thread: without cookies, and without redirects of its own."""
    http = PacedSession()
    http.headers.update({"User-Agent": "cxsdk", "Accept": "application/json, */*;q=0.5"})
    http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        http.mount(scheme, _Adapter(pool_connections=4, pool_maxsize=2))
    return http


def _body(answer: requests.Response) -> bytes:
    found = bytearray()
    try:
        for chunk in answer.iter_content(65_536):
            found += chunk
            if len(found) > BODY_LIMIT:
                raise AnswerTooLong(f"The answer is longer than {BODY_LIMIT} bytes.")
    except (requests.RequestException, HTTPError):
        if answer.status_code < 300:  # of a refusal the status says enough
            raise
    return bytes(found)


class PacedSession(requests.Session):
    """A session of requests for ``exchange``."""

    def __init__(self) -> None:
        super().__init__()
        self._environments: dict[tuple[str, str], Mapping[str, Any]] = {}

    def environment_of(self, url: str) -> Mapping[str, Any]:
        """The proxies and certificates that the process's environment names for this host, read once."""
        host = urlsplit(url)[:2]
        if host not in self._environments:
            self._environments[host] = self.merge_environment_settings(url, {}, True, None, None)
        return self._environments[host]

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Nowhere: our own session follows redirects."""
        # Session.send looks one redirect ahead even when told to follow none, and reads that body without a limit.
        return None


class _PacedReader(io.RawIOBase):
    """A socket's bytes, each wait for them no longer than the exchange allows."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, limits: Exchange) -> None:
        self._raw, self._sock, self._limits = raw, sock, limits

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._limits.pace())
        return cast("int | None", self._raw.readinto(buffer))

    def close(self) -> None:
        self._raw.close()
        super().close()


class _PacedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp: io.BufferedReader = io.BufferedReader(_PacedReader(self.fp.detach(), sock, _current.get()))


class _Paced(HTTPConnection):
    """A connection that is made, written and read within the current exchange."""

    response_class = _PacedResponse

    def connect(self) -> None:
        limits = _current.get()
        limits.touched = True
        try:
            super().connect()
        finally:
            limits.sent = False  # what a proxy was asked on the way is not our request

    def send(self, data: Any) -> None:
        limits = _current.get()
        limits.touched = True
        if self.sock is None:
            self.connect()
        cast(socket.socket, self.sock).settimeout(limits.left())
        super().send(data)
        limits.sent = True  # a first piece that could not be written reached nobody

    def _new_conn(self) -> socket.socket:
        limits = _current.get()
        try:
            return self._reach(limits, min(limits.ends_at, stopwatch() + float(self.timeout or CONNECT_S)))
        except socket.gaierror as problem:
            raise NameResolutionError(self.host, self, problem) from problem
        except TimeoutError as problem:
            raise ConnectTimeoutError(self, f"Connecting to {self.host} took too long.") from problem
        except OSError as problem:
            raise NewConnectionError(self, f"Connecting failed: {problem}") from problem

    def _reach(self, limits: Exchange, until: float) -> socket.socket:
        problem: OSError = TimeoutError("No time was left to connect.")
        for address, seconds in _shares(_addresses(self.host, self.port, until - stopwatch()), until):
            try:
                sock = create_connection((address, self.port), seconds, self.source_address, self.socket_options)
            except OSError as failed:
                problem = failed
            else:
                sock.settimeout(max(until - stopwatch(), 0.001))  # TLS shakes hands within the same time
                return sock
        raise problem


class _PacedHTTPS(_Paced, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _Paced


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _PacedHTTPS


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
        return manager


def _addresses(host: str, port: int, seconds: float) -> list[str]:
    """A name's addresses, in the system's order. The system's resolver takes no timeout: a thread waits for it."""
    found: Future[list[str]] = Future()

    def ask() -> None:
        try:
            entries = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
            found.set_result(list(dict.fromkeys(str(entry[4][0]) for entry in entries)))
        except Exception as problem:  # noqa: BLE001 - raised again where it is waited for
            found.set_exception(problem)

    Thread(target=ask, name="resolver", daemon=True).start()
    return found.result(max(seconds, 0.001))


def _shares(addresses: list[str], until: float) -> Iterator[tuple[str, float]]:
    """Each address with its part of the time that is left: one that swallows packets must not use up all of it."""
    for number, address in enumerate(addresses):
        left = until - stopwatch()
        if left <= 0:
            return
        yield address, left / min(len(addresses) - number, 3)
