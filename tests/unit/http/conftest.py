"""A server on loopback that answers byte by byte as a test tells it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Event, Thread

import pytest

Handler = Callable[[socket.socket, Event], None]


class Server:
    """Accepts one connection after another and hands each to the next handler, the last one for all that follow."""

    def __init__(self, handlers: list[Handler]) -> None:
        self.requests: list[bytes] = []
        self._handlers = handlers
        self._connections: list[socket.socket] = []
        self._over = Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._threads = [Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        self._over.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(2)

    def _accept(self) -> None:
        number = 0
        while not self._over.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            handler = self._handlers[min(number, len(self._handlers) - 1)]
            number += 1
            self._connections.append(connection)
            self._threads.append(Thread(target=self._serve, args=(connection, handler), daemon=True))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket, handler: Handler) -> None:
        with connection, suppress(OSError):
            while request := _read_request(connection):
                self.requests.append(request)
                handler(connection, self._over)


def _read_request(connection: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(65_536)
        if not more:
            return b""
        head += more
    head, _, body = head.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0]):
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*handlers: Handler) -> Server:
        servers.append(Server(list(handlers)))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
