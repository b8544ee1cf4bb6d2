"""``cxsdk web APP``: takes what comes in, and shows the survey pages."""

from __future__ import annotations

import click

from cxsdk.cli.loading import app_argument, load_app
from cxsdk.cli.processes import refuse_in_process_broker, wait_for_signal
from cxsdk.cli.serving import listeners, serving_both


@click.command()
@app_argument
@listeners
def command(app: str, host: str, port: int, private_port: int) -> None:
    """Serves webhooks, survey pages and the ingest API. Any number of these may run."""
    from cxsdk_workers.process import connected

    cx = load_app(app)
    refuse_in_process_broker(cx, "web")
    with connected(cx) as (opened, _), serving_both(opened, host, port, private_port):
        wait_for_signal()
