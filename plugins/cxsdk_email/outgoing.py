"""Writes a message as an e-mail: pure, from the message and the time to the bytes that go over the wire."""

from __future__ import annotations

import re
from base64 import encodebytes
from binascii import b2a_qp
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from html import escape

from cxsdk import Message
from cxsdk_email.addresses import ascii_address
from cxsdk_email.message_id import message_id, message_ids

#: Neither base64 nor quoted-printable can contain it.
_BOUNDARY = "=_cxsdk"

#: Longer subjects and names are cut.
_SUBJECT_CHARS, _NAME_CHARS = 400, 100
#: So many ancestors of a mail are named; longer threads keep their root and the last ones.
_REFERENCES = 20


@dataclass(frozen=True)
class Letter:
    """A mail ready to be handed in, or the reason why it cannot be."""

    id: str
    recipient: str = ""
    data: bytes = b""
    refusal: str = ""


def write(message: Message, sender: str, sender_name: str, now: datetime) -> Letter:
    """The mail for a message. Nothing that the message holds can add a header or a recipient."""
    identifier = message_id(message.key, sender)
    recipient = ascii_address(message.to)
    if recipient is None:
        return Letter(identifier, refusal="The address cannot receive mail: correct it at the customer.")
    headers = [("To", recipient), *_headers(message, identifier, sender, sender_name, now)]
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    body = _alternatives(message.text, message.html or _as_html(message.text, message.link))
    return Letter(identifier, recipient, head.encode("ascii", "replace") + body)


def _alternatives(plain: str, rich: str) -> bytes:
    """The body: the same said twice, in ASCII and short lines, so that it passes any server."""
    parts = [("plain", _storable(plain)), ("html", _storable(rich))]
    return b"".join(
        [
            f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="{_BOUNDARY}"\r\n\r\n'.encode(),
            *(_part(subtype, "\n".join(text.splitlines()) + "\n") for subtype, text in parts),
            f"--{_BOUNDARY}--\r\n".encode(),
        ]
    )


def _part(subtype: str, text: str) -> bytes:
    encoding, data = ("quoted-printable", b2a_qp(text.encode())) if text.isascii() else ("base64", _base64(text))
    head = (
        f"--{_BOUNDARY}\r\nContent-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    )
    return head.encode() + data.replace(b"\n", b"\r\n") + b"\r\n"


def _base64(text: str) -> bytes:
    return encodebytes(text.replace("\n", "\r\n").encode())


def _headers(
    message: Message, identifier: str, sender: str, sender_name: str, now: datetime
) -> Iterator[tuple[str, str]]:
    """The headers, encoded here.

    The library would break long ones, and read RFC 2047 words, with line breaks in them, out of what it is given.
    """
    us = f"{_phrase(sender_name)} <{sender}>".strip()
    yield "Message-ID", identifier
    yield "Date", format_datetime(now)
    yield "From", us
    yield "Reply-To", us
    yield "Subject", _encoded(message.subject, _SUBJECT_CHARS)
    yield from _threading(message)
    if message.automatic:
        yield "Auto-Submitted", "auto-generated"
        yield "X-Auto-Response-Suppress", "OOF, AutoReply"
    if message.unsubscribe_url and re.fullmatch(r"https?://[!-;=?-~]{1,900}", message.unsubscribe_url):
        yield "List-Unsubscribe", f"<{message.unsubscribe_url}>"
        yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"


def _threading(message: Message) -> Iterator[tuple[str, str]]:
    parents = message_ids(message.in_reply_to or "")[:1]
    ancestors = list(dict.fromkeys([*message_ids(" ".join(message.references)), *parents]))
    if parents:
        yield "In-Reply-To", parents[0]
    if ancestors:
        yield "References", "\r\n ".join([*ancestors[:1], *ancestors[1:][-_REFERENCES:]])


def _phrase(name: str) -> str:
    """A name as it stands before an address."""
    encoded = _encoded(name, _NAME_CHARS)
    return encoded if encoded.startswith("=?") or not encoded else '"' + re.sub(r'(["\\])', r"\\\1", encoded) + '"'


def _encoded(text: str, limit: int) -> str:
    text = _one_line(text)[:limit].strip()
    charset = "us-ascii" if text.isascii() and "=?" not in text else "utf-8"
    return Header(text, charset, maxlinelen=76, header_name="Reply-To").encode(linesep="\r\n")


def _one_line(text: str) -> str:
    """Line breaks and other control characters become spaces: a header ends where its line ends."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", _storable(text)).split())


def _storable(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _as_html(text: str, link: str | None) -> str:
    body = escape(text)
    if link:
        url = escape(link)
        body = body.replace(url, f'<a href="{url}">{url}</a>')
    return f"<!DOCTYPE html>\n<html><body>\n{_with_breaks(body)}\n</body></html>\n"


def _with_breaks(body: str) -> str:
    return "<br>\n".join(body.splitlines())
