"""``cxsdk worker APP``: parses, decides, calls."""

from __future__ import annotations

import click

from cxsdk.cli.loading import app_argument, load_app
from cxsdk.cli.processes import refuse_in_process_broker, wait_for_signal


@click.command()
@app_argument
@click.option("--threads", default=8, show_default=True, help="How many lanes are worked on at once.")
def command(app: str, threads: int) -> None:
    """Works off what is owed. Any number of these may run; more processes are more units of your supervisor."""
    from cxsdk_workers.process import connected
    from cxsdk_workers.worker import working

    cx = load_app(app)
    refuse_in_process_broker(cx, "worker")
    with connected(cx) as (opened, broker), working(opened.runtime, broker, threads):
        click.echo(f"Working with {threads} threads.")
        wait_for_signal()
