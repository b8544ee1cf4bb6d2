"""The socket: HTTP/1.1 with connections that stay open, a thread each, a packet an answer."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cxsdk.testing.botapi.account import Json

#: What a path and parameters are answered with: status and body, or None for a connection closed without a word.
Respond = Callable[[str, Json], tuple[int, Json] | None]

#: A form's fields that are text; the others are JSON.
_TEXTS = ("text", "url", "secret_token", "callback_query_id")


class Server(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def keep(self, connection: socket.socket) -> None:
        """Notes an open connection."""
        with self._lock:
            self._open.add(connection)

    def forget(self, connection: socket.socket) -> None:
        """Notes that it is closed."""
        with self._lock:
            self._open.discard(connection)

    def server_close(self) -> None:
        """Closes the listener and all connections: their threads end."""
        super().server_close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):  # the client was quicker
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: clients that hang up are a part of what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65_536  # head and body leave together
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.keep(self.connection)

    def finish(self) -> None:
        self.server.forget(self.connection)
        super().finish()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the path holds the token."""

    def _answer(self) -> None:
        address = urlsplit(self.path)
        found = self.server.respond(address.path, self._params(address.query))
        if found is None:
            self.close_connection = True
            return
        status, answer = found
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _params(self, query: str) -> Json:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get_content_type() == "application/json":
            return dict(json.loads(body or b"{}"))
        form = parse_qsl(f"{query}&{body.decode()}", keep_blank_values=True)
        return {name: value if name in _TEXTS else json.loads(value) for name, value in form}
