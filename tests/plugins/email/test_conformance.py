"""The e-mail account passes the conformance kit, over two servers on loopback."""

from __future__ import annotations

import email
from collections.abc import Iterator
from datetime import UTC, datetime
from email.policy import default
from typing import Any

from cxsdk import Secret
from cxsdk.testing import Answer, CannotPlay, ChannelConformance, Fault, StandIn
from cxsdk.testing.imap import ImapServer
from cxsdk.testing.smtp import SmtpServer
from cxsdk_email import Email
from tests.plugins.email.letters import CUSTOMER, SUPPORT, mail

PASSWORD = "mail-password-1"
AT = datetime(2026, 1, 5, 11, tzinfo=UTC)


class Post(StandIn):
    """A mail server: what is handed in, and two folders that are read."""

    def start(self) -> None:
        self.smtp = SmtpServer(user=SUPPORT, password=PASSWORD).__enter__()
        self.imap = ImapServer(user=SUPPORT, password=PASSWORD).__enter__()
        for number in (1, 2, 3):
            self.imap.deliver("INBOX", mail(f"Letter {number}", message_id=f"<{number}@example.net>"), at=AT)
        self.imap.deliver("Sent", mail("Thank you", from_=SUPPORT, to=CUSTOMER, message_id="<9@example.com>"), at=AT)

    def stop(self) -> None:
        self.smtp.__exit__(None, None, None)
        self.imap.__exit__(None, None, None)

    def records(self) -> Iterator[tuple[str, Any]]:
        for received in self.smtp.received:
            letter = email.message_from_bytes(received.data, policy=default)
            body = letter.get_body(("plain",))
            yield letter["message-id"], [letter["subject"], body.get_content() if body else ""]

    def refuse(self, text: str) -> None:
        self.smtp.refuse(text)

    def suffer(self, fault: Fault, answer: Answer | None = None, *, after: int = 0) -> None:
        match fault:
            case Fault.UNAUTHORIZED:
                self.smtp.password = self.imap.password = "changed"
            case Fault.DOWN:
                self.smtp.answer(SUPPORT, *["451 4.3.0 Out of order"] * 9, at="mail")
            case Fault.LOST:
                self.smtp.drop(CUSTOMER, at="end")
            case _:
                raise CannotPlay(fault)  # SMTP has no word for an account's limit


class TestEmail(ChannelConformance):
    stand_in = Post
    recipient = CUSTOMER
    payloads = (mail("Where is my order?"), mail("<p>Де моє?</p>", html="<p>Де моє?</p>", message_id="<2@example.net>"))

    def plugin(self) -> Email:
        ports = {"smtp_port": self.provider.smtp.port, "imap_port": self.provider.imap.port}
        plain = {"smtp_security": "plain", "imap_security": "plain", "idle": False}
        return Email(address=SUPPORT, host="127.0.0.1", password=Secret(PASSWORD), **plain, **ports)
