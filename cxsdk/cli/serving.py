"""Servers in threads, and the two listeners of an installation."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
import uvicorn

from cxsdk.app import Opened

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


def listeners(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that serves."""
    options = (
        click.option("--host", default="127.0.0.1", show_default=True, help="Where webhooks and surveys are served."),
        click.option("--port", default=8000, show_default=True),
        click.option(
            "--private-port", default=8001, show_default=True, help=f"Pages without a sign-in, on {PRIVATE_HOST} only."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@contextmanager
def serving_both(opened: Opened, host: str, port: int, private_port: int) -> Iterator[None]:
    """Serves what the world may call, and what only this machine may; says where."""
    from cxsdk.web import private_app, public_app

    with (
        serving(public_app(opened), host, port) as public,
        serving(private_app(opened), PRIVATE_HOST, private_port) as private,
    ):
        click.echo(f"Webhooks and surveys: http://{host}:{public}   pages: http://{PRIVATE_HOST}:{private}")
        yield
