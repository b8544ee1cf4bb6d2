"""What a plugin asked a provider for, as a test looks at it; secrets are left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, parse_qsl, urlsplit

from cxsdk.domain.outward import Receipt
from cxsdk.domain.raw import Headers
from cxsdk.observe.redaction import cleaned, redact

if TYPE_CHECKING:
    import requests


@dataclass(frozen=True)
class SentRequest:
    """One HTTP request that a plugin made."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def of(cls, prepared: requests.PreparedRequest) -> SentRequest:
        """The request as it goes out."""
        body = prepared.body or b""
        whole = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else b"[a stream]"
        headers = {name: str(value) for name, value in prepared.headers.items()}
        return cls(str(prepared.method), str(prepared.url), Headers(headers), whole)

    @property
    def path(self) -> str:
        """The URL's path."""
        return urlsplit(self.url).path

    @property
    def query(self) -> dict[str, list[str]]:
        """What stands behind the URL's question mark; each name with all its values."""
        return parse_qs(urlsplit(self.url).query, keep_blank_values=True)

    @property
    def json(self) -> Any:
        """The body read as JSON; None where there is no body."""
        return json.loads(self.body) if self.body else None

    @property
    def form(self) -> dict[str, str]:
        """The body read as a URL-encoded form; of a repeated field, the last value."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    def redacted(self) -> SentRequest:
        """The same without its secrets."""
        headers = Headers({name: _value(name, value) for name, value in self.headers.items()})
        return SentRequest(self.method, redact(self.url), headers, _body(self.body))

    def __str__(self) -> str:
        shown = self.redacted()
        return f"{shown.method} {shown.url} {shown.body[:500].decode('utf-8', 'replace')}".rstrip()


class Sent(NamedTuple):
    """What became of the values that a plugin was given, and what it asked its provider for."""

    #: In the order of the values.
    receipts: list[Receipt]
    #: The HTTP requests in the order in which they were made, without secrets; none where it is not HTTP.
    requests: list[SentRequest]


def _value(name: str, value: str) -> str:
    return redact(f"{name}: {value}")[len(name) + 2 :]


def _body(body: bytes) -> bytes:
    """The body without secrets; JSON stays JSON."""
    text = body.decode("utf-8", "surrogateescape")
    if redact(text) == text:
        return body
    try:
        return json.dumps(cleaned(json.loads(body))).encode()
    except ValueError:
        return redact(text).encode("utf-8", "surrogateescape")
