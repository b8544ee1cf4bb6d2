"""``cxsdk clock APP``: finds what is due, and reads the sources."""

from __future__ import annotations

import click

from cxsdk.cli.loading import app_argument, load_app
from cxsdk.cli.processes import refuse_in_process_broker, wait_for_signal


@click.command()
@app_argument
def command(app: str) -> None:
    """Rings for what is due and reads the sources. A second one is the standby."""
    from cxsdk_workers.clock import ticking
    from cxsdk_workers.process import connected

    cx = load_app(app)
    refuse_in_process_broker(cx, "clock")
    with connected(cx) as (opened, _), ticking(opened.runtime, cx.keep_raw):
        click.echo("Ticking.")
        wait_for_signal()
