"""Who sends the webhooks: a process of its own, with few instructions for each, so that it is not what is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import httptools
import uvloop

from tests.benchmarks.contacts import Contacts, signed

#: Where the sample phone system posts to.
PATH = "/webhooks/pbx"


@dataclass(frozen=True)
class Sent:
    """When the first was sent and the last acknowledged, by the machine's monotonic clock; and the sender's work."""

    began: float
    ended: float
    cpu_s: float


def send(url: str, contacts: Contacts, connections: int = 64, per_second: float | None = None) -> Sent:
    """Posts each contact once and has all of them acknowledged.

    Each connection posts when its last one was answered; with ``per_second``, no sooner than its turn has come.
    """
    return uvloop.run(_send(url, contacts, connections, per_second))


async def _send(url: str, contacts: Contacts, connections: int, per_second: float | None) -> Sent:
    loop = asyncio.get_running_loop()
    address = urlsplit(url)
    host, port = str(address.hostname), int(address.port or 80)
    requests = iter([_request(address.netloc, contacts.body(number)) for number in contacts])
    opened = [(await loop.create_connection(_Connection, host, port))[1] for _ in range(connections)]
    began, worked = time.monotonic(), time.process_time()
    due = _turns(began, per_second)
    await asyncio.gather(*(_post_each(one, requests, due) for one in opened))
    sent = Sent(began, time.monotonic(), time.process_time() - worked)
    for one in opened:
        one.close()
    return sent


def _request(host: str, body: bytes) -> bytes:
    fields = {"Host": host, "Content-Type": "application/json", "Content-Length": str(len(body)), **signed(body)}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {PATH} HTTP/1.1\r\n{head}\r\n".encode() + body


def _turns(began: float, per_second: float | None) -> Iterator[float]:
    """When each request's turn comes."""
    number = 0
    while True:
        yield began + number / per_second if per_second else began
        number += 1


async def _post_each(connection: _Connection, requests: Iterator[bytes], due: Iterator[float]) -> None:
    for request in requests:
        wait = next(due) - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        status = await connection.post(request)
        if status != 202:
            raise RuntimeError(f"A webhook was answered {status} instead of 202.")


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._answer.set_result(self._parser.get_status_code())

    def connection_lost(self, error: Exception | None) -> None:
        if hasattr(self, "_answer") and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("The server closed the connection."))

    def post(self, request: bytes) -> asyncio.Future[int]:
        """The status of the answer."""
        self._answer: asyncio.Future[int] = self._loop.create_future()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        self._transport.close()
