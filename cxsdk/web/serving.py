"""ASGI applications served by a thread of this process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

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

    Raises OSError where the port is taken.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=20,
    )
    listening = config.bind_socket()
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


def _run(server: _Server, listening: socket.socket) -> None:
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(server.serve([listening]))
