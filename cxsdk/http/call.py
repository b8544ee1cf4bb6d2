"""One request as it was asked for, and where its credentials may go."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
from requests.auth import AuthBase
from requests.utils import guess_filename

from cxsdk.domain.secret import Secret
from cxsdk.observe import register

#: Verbs that change nothing.
READS = frozenset({"GET", "HEAD", "OPTIONS"})

#: Verbs that go wherever a redirect leads.
_FOLLOWED = frozenset({"GET", "HEAD"})

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, repr=False)
class Call:
    """What a plugin asks for.

    ``reads`` says of a POST that it only reads, as many searches do: then it may be repeated like a GET.
    ``deadline_s`` replaces the session's own, and with it the patience for a slow answer: for long polling.
    Files are read when the call is made, so that a repetition sends them whole again.
    """

    method: str
    url: str
    params: Mapping[str, Any] | None = None
    json: Any = None
    data: Any = None
    files: Any = None
    headers: Mapping[str, str | Secret] | None = None
    reads: bool | None = None
    deadline_s: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", _read(self.data))
        object.__setattr__(self, "files", _read_each(self.files))

    @property
    def is_read(self) -> bool:
        """Whether it may be repeated without harm."""
        return self.method in READS if self.reads is None else self.reads

    @property
    def what(self) -> str:
        """The request in an error's words: without its query, which may hold anything."""
        return f"{self.method} {urlsplit(self.url).path or '/'}"

    def onward(self, answer: requests.Response, home: Origin) -> Call | None:
        """The call that a redirect asks for, or None. A call that leaves home takes no headers along.

        A write goes on where the server says that it must be repeated as it is (307, 308), and only at the home of the
        credentials: 301 and 302 turn a POST into a GET in most clients, which answers 200 and has written nothing.
        """
        if answer.status_code not in (301, 302, 303, 307, 308) or "Location" not in answer.headers:
            return None
        url = urljoin(self.url, answer.headers["Location"])
        if home.holds(url) and (self.method in _FOLLOWED or answer.status_code in (307, 308)):
            return replace(self, url=url, params=None)
        return Call(self.method, url, deadline_s=self.deadline_s) if self.method in _FOLLOWED else None


class Origin:
    """The scheme, host and port that the credentials are for."""

    def __init__(self, url: str) -> None:
        self._parts = _origin(urlsplit(url))

    def holds(self, url: str) -> bool:
        """Whether a URL leads there, or to the same host by https on the usual ports."""
        scheme, host, port = self._parts
        found = _origin(urlsplit(url))
        return found == self._parts or ((scheme, port) == ("http", 80) and found == ("https", host, 443))


class Credentials(AuthBase):
    """Reveals secrets while a request is written, and only there.

    It is given to each request, also when it holds nothing: otherwise requests looks for a password in ~/.netrc.
    """

    def __init__(self, headers: Mapping[str, str | Secret]) -> None:
        self._headers = headers

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        """Writes the headers."""
        for name, value in self._headers.items():
            prepared.headers[name] = value.reveal() if isinstance(value, Secret) else value
        return prepared


def authorization(bearer: Secret | None, basic: tuple[str, Secret] | None) -> dict[str, str | Secret]:
    """The Authorization header of a session, itself a secret."""
    if bearer is not None:
        return {"Authorization": Secret(f"Bearer {bearer.reveal()}")}
    if basic is not None:
        pair = base64.b64encode(f"{basic[0]}:{basic[1].reveal()}".encode()).decode()
        register(pair)
        return {"Authorization": Secret(f"Basic {pair}")}
    return {}


def _read(body: Any) -> Any:
    """A body that can be sent again: what can be read but once is read here."""
    if isinstance(body, Iterator):  # files among them
        return b"".join(part if isinstance(part, bytes) else part.encode() for part in body)
    return body.read() if hasattr(body, "read") else body


def _read_each(files: Any) -> Any:
    """The files of a form, each with its name and what is in it."""
    pairs = files.items() if isinstance(files, Mapping) else files or ()
    return [(field, _read_file(field, file)) for field, file in pairs] or None


def _read_file(field: str, file: Any) -> tuple[Any, ...]:
    own = guess_filename(file) or field  # type: ignore[no-untyped-call]
    name, content, *rest = file if isinstance(file, tuple | list) else (own, file)
    return name, _read(content), *rest


def _origin(parts: SplitResult) -> tuple[str, str, int | None]:
    return parts.scheme.lower(), (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme.lower())
