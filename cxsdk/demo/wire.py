"""HTTP as a sender does it: a few connections that stay open, a request on its way over each."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from httptools import HttpParserError, HttpResponseParser

#: How many requests are on their way at once.
CONNECTIONS = 16
TIMEOUT_S = 60
_CHUNK = 65_536


@dataclass(frozen=True)
class Sending:
    """A request to our side."""

    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"

    @property
    def as_bytes(self) -> bytes:
        """The request as it goes over the wire."""
        named = {"Host": "127.0.0.1", "Content-Length": str(len(self.body)), **self.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        return f"{self.method} {self.path} HTTP/1.1\r\n{head}\r\n".encode() + self.body


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes
    location: str

    @property
    def is_taken(self) -> bool:
        """Whether our side has taken responsibility: what is lost after this is our loss."""
        return 200 <= self.status <= 299


class _Reading:
    """One answer, as the parser tells of it."""

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self._body: list[bytes] = []
        self._location = ""
        self.answer: Answer | None = None

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"location":
            self._location = value.decode()

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self.answer = Answer(self._parser.get_status_code(), b"".join(self._body), self._location)


class _Line:
    """One connection, made when it is needed. Raises OSError where it breaks."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def send(self, sending: Sending) -> None:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=TIMEOUT_S)
        self._socket.sendall(sending.as_bytes)

    def read(self) -> Answer:
        if self._socket is None:
            raise ConnectionResetError
        reading = _Reading()
        while reading.answer is None:
            data = self._socket.recv(_CHUNK)
            if not data:
                raise ConnectionResetError
            reading.feed(data)
        return reading.answer

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Wire:
    """Connections to one port of this machine; close it at the end."""

    def __init__(self, port: int) -> None:
        self._lines = [_Line(port) for _ in range(CONNECTIONS)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for line in self._lines:
            line.close()

    def send_all(self, sendings: Iterable[Sending]) -> list[Answer]:
        """Sends all of these, some at once, and returns their answers in the same order."""
        waiting, width = list(sendings), len(self._lines)
        answers: list[Answer] = []
        for start in range(0, len(waiting), width):
            some = list(zip(self._lines, waiting[start : start + width], strict=False))
            for line, sending in some:
                _send(line, sending)
            answers += [_answer(line, sending) for line, sending in some]
        return answers

    def send(self, sending: Sending) -> Answer:
        """Sends one request."""
        return self.send_all([sending])[0]


def _send(line: _Line, sending: Sending) -> None:
    with suppress(OSError):  # the answer is missed below, and it is sent again
        line.send(sending)


def _answer(line: _Line, sending: Sending) -> Answer:
    try:
        return line.read()
    except (OSError, HttpParserError):  # a connection that lay idle was closed: as any sender does, once more
        line.close()
        line.send(sending)
        return line.read()
