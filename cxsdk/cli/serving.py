"""The two listeners of an installation, and the options that place them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from starlette.routing import Mount

from cxsdk.app import Opened
from cxsdk.web.serving import PRIVATE_HOST, serving


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

    pages = private_app(opened)
    with (
        serving(public_app(opened), host, port) as public,
        serving(pages, PRIVATE_HOST, private_port) as private,
    ):
        click.echo(f"Webhooks and surveys: http://{host}:{public}")
        for mount in pages.routes:
            if isinstance(mount, Mount):
                click.echo(f"Pages for this machine only: http://{PRIVATE_HOST}:{private}{mount.path}/")
        yield
