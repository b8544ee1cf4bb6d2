"""ASGI applications served by a thread of this process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from cxsdk.errors import ConfigurationError

#: Where pages without a sign-in are served, and only there.
PRIVATE_HOST = "127.0.0.1"


class _Server(uvicorn.Server):
    """A server in a thread: signals belong to the main thread."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def serving(app: Any, host: str, port: int) -> Iterator[int]:
    """Serves an ASGI application until the end of the block; tells the port, which 0 leaves to the system.

    Raises ConfigurationError where the port is taken, or the host is none of this machine's.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # addresses are the public_url's, and nobody asks who the client is
        timeout_graceful_shutdown=20,
    )
    listening = _bound(host, port)
    server = _Server(config)
    thread = threading.Thread(target=_run, args=(server, listening), name=f"serve:{port}")
    thread.start()
    while not server.started and thread.is_alive():
        threading.Event().wait(0.01)
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listening.close()


def _bound(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        why = getattr(error, "strerror", None) or "that is no port"
        raise ConfigurationError(
            f"{host}:{port} cannot be served: {why}.",
            cure="End what serves there, or name another place with --port, --private-port or --host.",
            code="port_unusable",
        ) from None
    return listening


def _run(server: _Server, listening: socket.socket) -> None:
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(server.serve([listening]))
