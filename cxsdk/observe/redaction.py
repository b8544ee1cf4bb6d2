"""Secrets kept out of whatever is written down: known values, and the shapes in which secrets usually appear."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, MutableMapping
from datetime import date
from threading import Lock
from typing import Any
from urllib.parse import quote, quote_plus

#: What stands where a secret stood.
MASK = "**********"

#: Shorter values are not looked for: hiding every "abc" would make logs unreadable and protect nothing.
_SHORTEST = 4

_KEY = r"(?:token|secret|password|passwd|api[_-]?key|authorization)"
_SECRET_KEY = re.compile(_KEY + r"$", re.IGNORECASE)
_SHAPES = [
    # a URL's password; outside http(s) up to the last @, as unquoted passwords of databases and brokers may hold a /
    (re.compile(r"(?<=://)([^\s/:@]*):[^\s/?#\"'<>]*@"), rf"\1:{MASK}@"),
    (re.compile(r"(?<!http)(?<!https)(://[^\s/:@]*):[^\s\"'<>]*@"), rf"\1:{MASK}@"),
    (re.compile(r"\b(Bearer|Basic)\s+(?=\S*[\d=])[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {MASK}"),
    (
        re.compile(
            rf"({_KEY}\\?[\"']?\s*[=:]\s*)"
            rf"(?!(?:Bearer|Basic)\s)(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\\?[\"']?[^\s&,;\"']+)",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
]


class _Known:
    """The values that are hidden wherever they stand."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._spellings: set[str] = set()
        self._pattern = re.compile(r"(?!)")

    def add(self, values: Iterable[str]) -> None:
        spellings = {spelling for value in values if len(value) >= _SHORTEST for spelling in _spellings(value)}
        with self._lock:
            if not spellings <= self._spellings:
                self._spellings |= spellings
                self._compile()

    def forget(self, values: Iterable[str]) -> None:
        with self._lock:
            self._spellings -= {spelling for value in values for spelling in _spellings(value)}
            self._compile()

    def _compile(self) -> None:
        longest_first = sorted(self._spellings, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def hide(self, text: str) -> str:
        return self._pattern.sub(MASK, text)


_known = _Known()


def register(*values: str) -> None:
    """Hides these values from now on, also the way they are written in URLs and in JSON."""
    _known.add(values)


def forget(*values: str) -> None:
    """Looks for these values no more: they have ended, and a list that only grows makes every line slower."""
    _known.forget(values)


def register_secrets(settings: object) -> None:
    """Hides the secrets among the fields of a plugin or other settings, however deep they stand."""
    _known.add(secret.reveal() for secret in secrets_in(settings))


def redact(text: str) -> str:
    """The text without known secrets, passwords in URLs, Authorization headers, and values named like secrets."""
    text = _known.hide(text)
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    return text


def redact_url(url: str) -> str:
    """A database's, broker's or provider's URL fit to be shown."""
    return redact(url)


def hide(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The structlog processor that redacts every value of an event."""
    for key, value in event.items():
        if not key.startswith("_"):
            event[key] = MASK if _SECRET_KEY.search(key) else cleaned(value)
    return event


def _spellings(value: str) -> Iterable[str]:
    return value, quote(value), quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1]


def secrets_in(value: object) -> Iterable[Any]:
    """The secrets among a plugin's fields or in another value, however deep they stand."""
    if hasattr(value, "reveal"):
        yield value
    elif isinstance(value, Mapping):
        yield from (secret for item in value.values() for secret in secrets_in(item))
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from (secret for item in value for secret in secrets_in(item))
    elif fields := getattr(type(value), "model_fields", None):
        yield from (secret for name in fields for secret in secrets_in(getattr(value, name)))


def cleaned(value: Any) -> Any:
    """A value as it may be logged: no text in it holds a secret, and nothing is shown that is named like one."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(key): MASK if _SECRET_KEY.search(str(key)) else cleaned(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [cleaned(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    return redact(value if isinstance(value, str) else repr(value))
