"""Reads the bytes of a mail: headers, text and attachments, from anything a real mailbox holds."""

from __future__ import annotations

import hashlib
import re
from base64 import b32encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from email.policy import compat32
from email.utils import getaddresses
from typing import Self, TypeVar

from cxsdk_email.charsets import decode, storable
from cxsdk_email.message_id import message_ids

#: What Python's parser raises on input that nobody foresaw.
MALFORMED = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError, MessageError)

#: Headers and address lists are read up to these lengths.
_HEADER_BYTES = 256_000
_VALUE_CHARS = 20_000
_MAX_ADDRESSES = 200
#: Parts of parts of parts: deeper ones are not looked into.
_MAX_DEPTH = 30

Found = TypeVar("Found")


@dataclass(frozen=True)
class Mail:
    """A parsed mail. ``fields`` holds the raw values of each header, by its name in lower case."""

    part: Message
    fields: Mapping[str, tuple[str, ...]]

    @classmethod
    def read(cls, body: bytes) -> Self:
        """The mail in these bytes; anything at all is some mail."""
        return cls.of(BytesParser(policy=compat32).parsebytes(body))

    @classmethod
    def read_headers(cls, body: bytes) -> Self:
        """Only its headers."""
        end = re.search(rb"\r?\n\r?\n", body)
        head = body[: min(end.end() if end else len(body), _HEADER_BYTES)]
        return cls.of(BytesHeaderParser(policy=compat32).parsebytes(head))

    @classmethod
    def of(cls, part: Message) -> Self:
        """The mail whose outermost part this is."""
        fields: dict[str, list[str]] = {}
        for name, value in part.raw_items():
            fields.setdefault(name.lower(), []).append(str(value)[:_VALUE_CHARS])
        return cls(part, {name: tuple(values) for name, values in fields.items()})

    def header(self, name: str) -> str:
        """A header's value, decoded, on one line; empty where there is none."""
        return decoded(self.raw(name))

    def raw(self, name: str) -> str:
        """A header's value as it came."""
        return next(iter(self.fields.get(name.lower(), ())), "")

    def ids(self, name: str) -> list[str]:
        """The Message-IDs in a header."""
        return message_ids(storable(self.raw(name)))

    def addresses(self, *names: str) -> list[tuple[str, str]]:
        """The (name, address) pairs of these headers, groups opened; only what looks like an address."""
        values = [value for name in names for value in self.fields.get(name.lower(), ())]
        found = _pairs(values) or _pairs([decoded(value) for value in values])  # some encode the address too
        return [(decoded(name), storable(address)) for name, address in found[:_MAX_ADDRESSES]]


def record_id(body: bytes) -> str:
    """What names a mail wherever it turns up: another folder, another UID, a copy of the mailbox.

    It is the Message-ID, with a trace of date and sender, as some programs give all their mails the same one; where
    there is none, a hash of the bytes.
    """
    return id_of(attempt(lambda: Mail.read_headers(body), None), body)


def id_of(mail: Mail | None, body: bytes) -> str:
    """The ``record_id`` of a mail that has been read, or could not be."""
    identifier = next(iter(mail.ids("message-id")), "") if mail else ""
    if mail is None or not identifier.isprintable() or not identifier:
        return _digest(body, 16)
    return identifier + "#" + _digest(f"{mail.raw('date')}\n{mail.raw('from')}".encode("utf-8", "replace"), 5)


def _digest(data: bytes, size: int) -> str:
    return b32encode(hashlib.sha256(data).digest()[:size]).decode().rstrip("=").lower()


def attempt(reading: Callable[[], Found], otherwise: Found) -> Found:
    """What was read, or this where the input breaks the reader."""
    try:
        return reading()
    except MALFORMED:
        return otherwise


def decoded(value: str) -> str:
    """A header's raw value as text: unfolded, with RFC 2047 words and bare bytes of any charset decoded."""
    raw = value.encode("utf-8", "surrogateescape")
    plain = raw.decode("ascii") if raw.isascii() else decode(raw, None)
    words = attempt(lambda: decode_header(re.sub(r"\r?\n(?=[ \t])", "", plain)), [(plain, None)])
    text = "".join(word if isinstance(word, str) else _word(word, charset) for word, charset in words)
    return " ".join(storable(text).split())


def _word(word: bytes, charset: str | None) -> str:
    # Where there is no charset, the library hands out text in Python's own escapes.
    return word.decode("raw-unicode-escape", "replace") if charset is None else decode(word, charset)


def _pairs(values: list[str]) -> list[tuple[str, str]]:
    flat = [re.sub(r"[\r\n]+", " ", value) for value in values]
    found: list[tuple[str, str]] = attempt(lambda: getaddresses(flat), [])
    return [(name, address.strip()) for name, address in found if re.fullmatch(r"[^@\s]+@[^@\s]+", address.strip())]


def body_of(part: Message) -> str:
    """The bytes of a part that is no attachment, as text."""
    data = data_of(part)
    charset = attempt(part.get_content_charset, None)
    return "" if data is None else decode(data, charset)


def data_of(part: Message) -> bytes | None:
    """The bytes of a part, without their transfer encoding; None where it wraps other parts."""
    data = attempt(lambda: part.get_payload(decode=True), None)
    return data if isinstance(data, bytes) else None


def children(part: Message) -> list[Message]:
    """The parts of a multipart; none for all else."""
    payload = part.get_payload() if part.get_content_maintype() == "multipart" else None
    return [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else []


def inner_mail(part: Message) -> Mail | None:
    """The mail that is wrapped in this part, or None where it wraps none."""
    payload = part.get_payload() if part.get_content_type() == "message/rfc822" else None
    return Mail.of(payload[0]) if isinstance(payload, list) and payload and isinstance(payload[0], Message) else None


def filename(part: Message) -> str:
    """The name of an attachment, decoded however the sender encoded it (RFC 2231, RFC 2047, bare bytes)."""
    return decoded(attempt(lambda: str(_readable(part).get_filename("")), ""))[:255]


def _readable(part: Message) -> Message:
    """The headers that name a file, with bare bytes decoded: the library would hide them."""
    headers = Message()
    for name, value in part.raw_items():
        if name.lower() in ("content-type", "content-disposition"):
            headers[name] = decode(str(value).encode("utf-8", "surrogateescape"), None)
    return headers


def is_attachment(part: Message) -> bool:
    """Whether a part is a file rather than the text of the mail."""
    if part.get_content_maintype() == "multipart" and not part.is_multipart():
        return False  # its boundary is nowhere: all that there is, is text
    disposition = attempt(part.get_content_disposition, None)
    return (
        disposition == "attachment"
        or part.get_content_type() not in ("text/plain", "text/html")
        or bool(disposition != "inline" and filename(part))
    )


def leaves(part: Message, place: str = "", depth: int = 0) -> Iterator[tuple[str, Message]]:
    """Each part that is no multipart, with its place (``2.1``), as IMAP numbers them."""
    parts = children(part) if depth < _MAX_DEPTH else []
    if not parts:
        yield place or "1", part
    for number, child in enumerate(parts, start=1):
        yield from leaves(child, f"{place}.{number}" if place else str(number), depth + 1)
