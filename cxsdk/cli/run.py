"""``cxsdk run APP``: web, worker and clock in one process."""

from __future__ import annotations

import os

import click

from cxsdk.cli.loading import DEV, app_argument, load_app
from cxsdk.cli.processes import wait_for_signal
from cxsdk.cli.serving import listeners, serving_both
from cxsdk.errors import ConfigurationError
from cxsdk.store import schema


@click.command()
@app_argument
@listeners
@click.option("--threads", default=8, show_default=True, help="How many lanes are worked on at once.")
def command(app: str, host: str, port: int, private_port: int, threads: int) -> None:
    """Runs everything in one process: to try it, and for small installations on SQLite."""
    from cxsdk_workers.clock import ticking
    from cxsdk_workers.process import connected
    from cxsdk_workers.worker import working

    _refuse_development()
    cx = load_app(app)
    schema.upgrade_sqlite(cx.store())
    with (
        connected(cx) as (opened, broker),
        working(opened.runtime, broker, threads),
        ticking(opened.runtime, cx.keep_raw),
        serving_both(opened, host, port, private_port),
    ):
        wait_for_signal()


def _refuse_development() -> None:
    """With the database of ``cxsdk dev``, real vendors would be given what was tried."""
    if os.environ.get(DEV):
        raise ConfigurationError(
            "This shell speaks to an installation in development.",
            path=DEV,
            cure=f"Run: unset {DEV}",
            code="in_development",
        )
