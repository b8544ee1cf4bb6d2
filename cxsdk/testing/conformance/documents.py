"""Recorded payloads, and what may become of them: other words, other fields, other bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cxsdk.domain.raw import Raw, body_id
from cxsdk.testing.context import NOW

#: Bytes that are no payload of anybody.
POISON = (
    b"", b" ", b"\0", b"\xff\xfe\xfd", b"{", b"[]", b"{}", b"null", b"1e999", b'"text"', b"[[[]]]", b"NaN", b"[1, 2]",
    b'{"\\ud800": "\\udfff"}', b"[" * 5_000, b"a=b", b"%00=%ff&=&&", b"<xml/>", b"\r\n\r\n",
)  # fmt: skip


#: What may stand where a payload has something else.
STRANGE: tuple[Any, ...] = ("", None, [], {}, -1, 1e300, True)

#: What may be given as a recorded payload.
Payload = Raw | Mapping[str, Any] | list[Any] | bytes | str | Path

#: The way to a value: keys and indexes.
Way = tuple[Any, ...]

_FORM = re.compile(rb"[\w.+%-]+=[^\s{}<>]*(&[\w.+%\[\]-]+=[^\s{}<>]*)*")
_WORD = re.compile(r"[A-Za-z][A-Za-z_-]{1,39}")


def raw_of(payload: Payload) -> Raw:
    """The record that a payload becomes when it comes in."""
    if isinstance(payload, Raw):
        return payload if payload.received_at else payload.model_copy(update={"received_at": NOW})
    body = body_of(payload)
    return Raw(id=body_id(body), body=body, headers=_headers(body), received_at=NOW)


def body_of(payload: Payload) -> bytes:
    """A payload's bytes."""
    if isinstance(payload, Raw):
        return payload.body
    if isinstance(payload, Path):
        return payload.read_bytes()
    if isinstance(payload, bytes):
        return payload
    return payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()


def content_type(body: bytes) -> str:
    """What a provider would say that a body is."""
    if _FORM.fullmatch(body):
        return "application/x-www-form-urlencoded"
    return "application/json" if body[:1] in (b"{", b"[") else "application/octet-stream"


def _headers(body: bytes) -> dict[str, str]:
    return {"content-type": content_type(body)}


@dataclass(frozen=True)
class Document:
    """A record whose body is JSON or a form, so that single values can be changed."""

    raw: Raw
    value: Any
    is_form: bool

    @classmethod
    def of(cls, raw: Raw) -> Document | None:
        """The record as a document; None where it is something else: a mail, a line of a protocol."""
        try:
            found = json.loads(raw.body)
        except ValueError:
            is_form = bool(_FORM.fullmatch(raw.body))
            return cls(raw, dict(parse_qsl(raw.body.decode(), keep_blank_values=True)), True) if is_form else None
        return cls(raw, found, False) if isinstance(found, (dict, list)) else None

    def leaves(self) -> Iterator[tuple[Way, Any]]:
        """Each value that holds no others, with the way to it."""
        yield from _leaves(self.value, ())

    def words(self) -> Iterator[Way]:
        """The ways to what may be a word out of a list: a state, a kind, a type."""
        yield from (way for way, value in self.leaves() if isinstance(value, str) and _WORD.fullmatch(value))

    def moments(self) -> Iterator[tuple[Way, datetime]]:
        """The moments that are written with their zone."""
        for way, value in self.leaves():
            moment = _moment(value)
            if moment is not None:
                yield way, moment

    def objects(self) -> Iterator[Way]:
        """The ways to all objects."""
        yield from _objects(self.value, ())

    def with_value(self, way: Way, value: Any) -> Raw:
        """The record with another value there."""
        return self._made(_replaced(self.value, way, value))

    def without(self, way: Way) -> Raw:
        """The record without this value."""
        return self._made(_replaced(self.value, way, _GONE))

    def with_field(self, way: Way, name: str, value: Any) -> Raw:
        """The record with one more field in the object there."""
        return self._made(_replaced(self.value, (*way, name), str(value) if self.is_form else value))

    def _made(self, value: Any) -> Raw:
        body = urlencode(value).encode() if self.is_form else json.dumps(value, ensure_ascii=False).encode()
        return self.raw.model_copy(update={"body": body})


_GONE = object()
_ELSEWHERE = timezone(timedelta(hours=5, minutes=30))


def elsewhere(moment: datetime) -> str:
    """The same moment as a clock at +05:30 shows it."""
    return moment.astimezone(_ELSEWHERE).isoformat()


def damaged(raw: Raw) -> Iterator[tuple[str, Raw]]:
    """The record with a value missing, or of another type."""
    document = Document.of(raw)
    if document is None:
        return
    for way, _ in document.leaves():
        yield f"a payload without {name_of(way)}", document.without(way)
        for strange in STRANGE[:1] if document.is_form else STRANGE:
            yield f"{name_of(way)} being {strange!r}", document.with_value(way, strange)


def name_of(way: Any) -> str:
    """The way to a value, as a person writes it."""
    return ".".join(map(str, way)) or "the payload"


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d", value):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _leaves(value: Any, way: Way) -> Iterator[tuple[Way, Any]]:
    if not isinstance(value, (dict, list)):
        yield way, value
        return
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _leaves(item, (*way, key))


def _objects(value: Any, way: Way) -> Iterator[Way]:
    if isinstance(value, dict):
        yield way
    if isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _objects(item, (*way, key))


def _replaced(value: Any, way: Way, new: Any) -> Any:
    if not way:
        return new
    key, *rest = way
    if isinstance(value, list):
        return [_replaced(item, tuple(rest), new) if at == key else item for at, item in enumerate(value)
                if not (at == key and not rest and new is _GONE)]  # fmt: skip
    if not rest and new is _GONE:
        return {name: item for name, item in value.items() if name != key}
    return {**value, key: _replaced(value.get(key), tuple(rest), new)}
