"""An SMTP server for tests and replays: it takes what is sent, on a real socket, and can be told to refuse it."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cxsdk.testing.line_server import Connection, LineServer

if TYPE_CHECKING:
    import ssl

#: Where in the talk about one mail an answer can be scripted; ``end`` is the one to the final dot.
Stage = Literal["mail", "rcpt", "data", "end"]


@dataclass(frozen=True)
class Received:
    """A mail that the server accepted: its envelope, and its bytes with CRLF line ends."""

    sender: str
    recipients: tuple[str, ...]
    data: bytes


class SmtpServer(LineServer):
    """Collects mails in ``received`` and hands each to ``on_message`` before it is acknowledged.

    With ``user`` it wants a login. It knows PIPELINING, 8BITMIME and, with ``tls``, TLS from the first byte.
    """

    def __init__(
        self,
        *,
        user: str = "",
        password: str = "",
        on_message: Callable[[Received], None] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls=tls)
        self.user = user
        self.password = password
        self.on_message = on_message
        self.received: list[Received] = []
        self._scripted: dict[tuple[Stage, str], list[str]] = {}
        self._refused: list[bytes] = []

    def answer(self, address: str, *replies: str, at: Stage = "rcpt") -> None:
        """Answers the next mails of this address (the sender's at ``mail``) so: ``"550 5.1.1 No such user"``."""
        self._scripted.setdefault((at, address.lower()), []).extend(replies)

    def drop(self, address: str, *, at: Stage) -> None:
        """Hangs up instead of the next answer; at ``end`` the mail has been accepted and only the answer is lost."""
        self.answer(address, "", at=at)

    def refuse(self, text: str) -> None:
        """From now on, a mail with this text in its bytes is refused."""
        self._refused.append(text.encode())

    def verdict(self, mail: Received) -> str | None:
        """What is said to the end of a mail instead of taking it; see ``scripted``."""
        is_refused = any(text in mail.data for text in self._refused)
        return "554 5.7.1 Refused" if is_refused else self.scripted("end", mail.recipients)

    def scripted(self, stage: Stage, addresses: tuple[str, ...]) -> str | None:
        """The reply scripted for one of these addresses, once; empty to hang up; None where nothing is scripted."""
        for address in addresses:
            if replies := self._scripted.get((stage, address.lower())):
                return replies.pop(0)
        return None

    def accept(self, mail: Received) -> None:
        """Takes a mail in."""
        if self.on_message is not None:
            self.on_message(mail)
        self.received.append(mail)

    def serve(self, connection: Connection) -> None:
        """Talks with one client until it leaves."""
        connection.write_line("220 localhost ESMTP stand-in")
        session = _Session(self, connection)
        while not session.over:
            session.obey(connection.line().decode("utf-8", "replace"))


_VERBS = {"ehlo", "helo", "auth", "mail", "rcpt", "data", "rset", "noop", "quit"}


class _Session:
    def __init__(self, server: SmtpServer, connection: Connection) -> None:
        self.server = server
        self.connection = connection
        self.over = False
        self._welcome = not server.user
        self._sender: str | None = None
        self._recipients: tuple[str, ...] = ()

    def obey(self, line: str) -> None:
        verb, _, argument = line.partition(" ")
        if verb.lower() in _VERBS:
            getattr(self, f"_{verb.lower()}")(argument.strip())
        else:
            self._say("500 5.5.2 Unknown command")

    def _say(self, *lines: str) -> None:
        for line in lines:
            self.connection.write_line(line)

    def _ehlo(self, _: str) -> None:
        self._reset()
        auth = ["250-AUTH PLAIN LOGIN"] if self.server.user else []
        self._say("250-localhost", "250-PIPELINING", *auth, "250-ENHANCEDSTATUSCODES", "250 8BITMIME")

    def _helo(self, _: str) -> None:
        self._reset()
        self._say("250 localhost")

    def _auth(self, argument: str) -> None:
        mechanism, _, initial = argument.partition(" ")
        if mechanism.upper() == "PLAIN":
            user, password = _plain(initial or self._ask(""))
        elif mechanism.upper() == "LOGIN":
            user, password = _text(initial or self._ask("VXNlcm5hbWU6")), _text(self._ask("UGFzc3dvcmQ6"))
        else:
            return self._say("504 5.5.4 Unknown mechanism")
        self._welcome = (user, password) == (self.server.user, self.server.password)
        self._say("235 2.7.0 Welcome" if self._welcome else "535 5.7.8 Wrong user or password")

    def _ask(self, challenge: str) -> str:
        self._say(f"334 {challenge}")
        return self.connection.line().decode("ascii", "replace")

    def _mail(self, argument: str) -> None:
        if not self._welcome:
            return self._say("530 5.7.0 Authentication required")
        if self._sender is not None:
            return self._say("503 5.5.1 A mail is begun already")
        sender = _address(argument)
        if self._goes_on("mail", (sender,)):
            self._sender = sender
            self._say("250 2.1.0 Ok")

    def _rcpt(self, argument: str) -> None:
        if self._sender is None:
            return self._say("503 5.5.1 MAIL first")
        recipient = _address(argument)
        if self._goes_on("rcpt", (recipient,)):
            self._recipients += (recipient,)
            self._say("250 2.1.5 Ok")

    def _data(self, _: str) -> None:
        if not self._recipients:
            return self._say("554 5.5.1 No valid recipients")
        if not self._goes_on("data", self._recipients):
            return None
        self._say("354 End data with a dot on a line of its own")
        mail = Received(self._sender or "", self._recipients, self._content())
        self._reset()
        reply = self.server.verdict(mail)
        if not reply:
            self.server.accept(mail)
        return self._hang_up() if reply == "" else self._say(reply or "250 2.0.0 Ok")

    def _content(self) -> bytes:
        if self.connection.starts_with(b".\r\n"):
            self.connection.exactly(3)
            return b""
        content = self.connection.until(b"\r\n.\r\n") + b"\r\n"
        return re.sub(rb"(?m)^\.", b"", content)

    def _rset(self, _: str) -> None:
        self._reset()
        self._say("250 2.0.0 Ok")

    def _noop(self, _: str) -> None:
        self._say("250 2.0.0 Ok")

    def _quit(self, _: str) -> None:
        self._say("221 2.0.0 Bye")
        self.over = True

    def _reset(self) -> None:
        self._sender, self._recipients = None, ()

    def _goes_on(self, stage: Stage, addresses: tuple[str, ...]) -> bool:
        reply = self.server.scripted(stage, addresses)
        if reply:
            self._say(reply)
        elif reply == "":
            self._hang_up()
        return reply is None

    def _hang_up(self) -> None:
        self.connection.hang_up()
        self.over = True


def _address(argument: str) -> str:
    found = re.search(r"<([^>]*)>", argument)
    return found.group(1) if found else argument.partition(":")[2].strip()


def _text(encoded: str) -> str:
    try:
        return b64decode(encoded).decode("utf-8", "replace")
    except ValueError:
        return ""


def _plain(encoded: str) -> tuple[str, str]:
    _, user, password = [*_text(encoded).split("\0"), "", "", ""][:3]
    return user, password
