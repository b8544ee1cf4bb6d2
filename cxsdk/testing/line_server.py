"""What the socket-level stand-ins share: a loopback port, a thread per connection, an end without waiting."""

from __future__ import annotations

import socket
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl


class Gone(Exception):
    """The other side closed the connection."""


class Connection:
    """One client. What is written leaves when more input is needed, so that pipelined commands cost one packet."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._received = bytearray()
        self._pending = bytearray()
        self._sending = threading.Lock()

    def line(self) -> bytes:
        """The next line without its end. Raises Gone."""
        return self.until(b"\n").removesuffix(b"\r")

    def until(self, mark: bytes) -> bytes:
        """All bytes before the next ``mark``, which is swallowed. Raises Gone."""
        start = 0
        while (end := self._received.find(mark, start)) < 0:
            start = max(0, len(self._received) - len(mark))
            self._receive()
        return self._take(end, len(mark))

    def exactly(self, size: int) -> bytes:
        """The next ``size`` bytes. Raises Gone."""
        while len(self._received) < size:
            self._receive()
        return self._take(size)

    def starts_with(self, mark: bytes) -> bool:
        """Whether the next bytes are these; waits for so many. Raises Gone."""
        while len(self._received) < len(mark):
            self._receive()
        return self._received.startswith(mark)

    def write(self, *parts: bytes) -> None:
        """Queues bytes to be sent."""
        for part in parts:
            self._pending += part

    def write_line(self, line: str) -> None:
        """Queues one line to be sent."""
        self.write(line.encode("utf-8", "surrogateescape"), b"\r\n")

    def push(self, line: str) -> None:
        """Sends one line at once; other threads may."""
        with suppress(OSError), self._sending:
            self._sock.sendall(line.encode() + b"\r\n")

    def flush(self) -> None:
        """Sends what is queued. Raises Gone."""
        if self._pending:
            pending, self._pending = self._pending, bytearray()
            try:
                with self._sending:
                    self._sock.sendall(pending)
            except OSError:
                raise Gone from None

    def hang_up(self) -> None:
        """Ends the connection at once, whatever is queued."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Gives the socket back."""
        self._sock.close()

    def _receive(self) -> None:
        self.flush()
        try:
            received = self._sock.recv(65536)
        except OSError:
            received = b""
        if not received:
            raise Gone
        self._received += received

    def _take(self, size: int, skip: int = 0) -> bytes:
        taken = bytes(self._received[:size])
        del self._received[: size + skip]
        return taken


class LineServer(ABC):
    """A server on a free port of the loopback; use it in a ``with`` statement."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host: str
        self.port: int
        self.host, self.port = self._listener.getsockname()
        self._tls = tls
        self._connections: set[Connection] = set()
        self._threads: list[threading.Thread] = []
        self._closing = False

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()
        for thread in self._threads:
            thread.join(timeout=5)

    def hang_up(self) -> None:
        """Ends every open connection; new ones are taken."""
        for connection in tuple(self._connections):
            connection.hang_up()

    @abstractmethod
    def serve(self, connection: Connection) -> None:
        """Talks with one client until it leaves."""

    def _accept(self) -> None:
        while not self._closing:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            self._start(self._talk, sock)

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name=type(self).__name__, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _talk(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            connection = Connection(self._tls.wrap_socket(sock, server_side=True) if self._tls else sock)
        except OSError:  # the client does not trust us, or speaks no TLS
            sock.close()
            return
        self._connections.add(connection)
        if self._closing:
            connection.hang_up()
        with suppress(Gone):
            self.serve(connection)
        with suppress(Gone):
            connection.flush()
        self._connections.discard(connection)
        connection.close()
