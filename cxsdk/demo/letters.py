"""Letters as mail programs write them, to the byte: plain, both plain and HTML, with what they answer quoted."""

from __future__ import annotations

import html
from base64 import encodebytes
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from random import Random

#: The shop's mailbox, and the domain of everybody who works there.
SHOP = "support@example.com"

_WROTE = {"en": "On {day}, {who} wrote:", "uk": "{day} {who} пише:", "ru": "{day} {who} пишет:"}


@dataclass(frozen=True)
class Letter:
    """A letter that is to be written."""

    id: str
    at: datetime
    sender: str
    recipient: str
    subject: str
    text: str
    language: str = "en"
    answers: str = ""  #: the id of the letter that this one answers
    quoted: str = ""
    automatic: bool = False


def write_letter(letter: Letter, rng: Random) -> bytes:
    """The letter's bytes, in one of the ways in which mail programs write them."""
    text = "\n".join([letter.text, *_quotation(letter)])
    kind, body = rng.choices((_plain, _both), (5, 1))[0](text)
    head = {
        "Message-ID": f"<{letter.id}>",
        "Date": format_datetime(letter.at),
        "From": letter.sender,
        "To": letter.recipient,
        "Subject": Header(letter.subject, "us-ascii" if letter.subject.isascii() else "utf-8").encode(linesep="\r\n"),
        "In-Reply-To": letter.answers and f"<{letter.answers}>",
        "Auto-Submitted": "auto-replied" if letter.automatic else "",
        "MIME-Version": "1.0",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items() if value)
    return (lines + kind).encode() + body


def _quotation(letter: Letter) -> list[str]:
    if not letter.quoted:
        return []
    wrote = _WROTE[letter.language].format(day=f"{letter.at:%Y-%m-%d %H:%M}", who=f"<{letter.recipient}>")
    return ["", wrote, *(f"> {line}" for line in letter.quoted.split("\n"))]


def _plain(text: str) -> tuple[str, bytes]:
    if text.isascii():
        return "Content-Type: text/plain; charset=us-ascii\r\n\r\n", _lines(text)
    return 'Content-Type: text/plain; charset="utf-8"\r\nContent-Transfer-Encoding: base64\r\n\r\n', encodebytes(
        _lines(text)
    )


def _both(text: str) -> tuple[str, bytes]:
    pages = ((text, "plain"), ("<p>" + html.escape(text).replace("\n", "<br>\n") + "</p>", "html"))
    parts = [
        f"--part\r\nContent-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n".encode()
        + _lines(page)
        for page, kind in pages
    ]
    return 'Content-Type: multipart/alternative; boundary="part"\r\n\r\n', b"".join(parts) + b"--part--\r\n"


def _lines(text: str) -> bytes:
    return (text.replace("\n", "\r\n") + "\r\n").encode()


def bounce(at: datetime, recipient: str, message_id: str) -> bytes:
    """A mail server's report that a mailbox does not exist (RFC 3464)."""
    return _lines(
        f"""Message-ID: <bounce-{message_id.strip("<>")}>
Date: {format_datetime(at)}
From: MAILER-DAEMON@example.org
To: {SHOP}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="report"

--report
Content-Type: text/plain

There is no such mailbox.
--report
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.org

Final-Recipient: rfc822; {recipient}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 No such mailbox
--report
Content-Type: text/rfc822-headers

Message-ID: {message_id}
--report--"""
    )
