"""HTTP as a sender does it: a few connections that stay open, a request on its way over each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import NamedTuple, Self

#: How many requests are on their way at once.
CONNECTIONS = 16
TIMEOUT_S = 60


@dataclass(frozen=True)
class Sending:
    """A request to our side."""

    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes
    location: str

    @property
    def is_taken(self) -> bool:
        """Whether our side has taken responsibility: what is lost after this is our loss."""
        return 200 <= self.status <= 299


class Wire:
    """Connections to one port of this machine; close it at the end."""

    def __init__(self, port: int) -> None:
        self._lines = [HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S) for _ in range(CONNECTIONS)]

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


def _send(line: HTTPConnection, sending: Sending) -> None:
    with suppress(OSError, HTTPException):  # the answer is missed below, and it is sent again
        line.request(sending.method, sending.path, sending.body or None, dict(sending.headers))


def _answer(line: HTTPConnection, sending: Sending) -> Answer:
    try:
        return _read(line)
    except (OSError, HTTPException):  # a connection that lay idle was closed: as any sender does, once more
        line.close()
        line.request(sending.method, sending.path, sending.body or None, dict(sending.headers))
        return _read(line)


def _read(line: HTTPConnection) -> Answer:
    response = line.getresponse()
    return Answer(response.status, response.read(), response.getheader("location", ""))
