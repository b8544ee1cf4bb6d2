"""``cxsdk demo``: a real shop's purchases through the real code, with a fast clock."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from cxsdk.cli.processes import wait_for_signal
from cxsdk.web.serving import PRIVATE_HOST, serving

if TYPE_CHECKING:
    from cxsdk.demo.stage import Stage


@click.command()
@click.option("--no-serve", is_flag=True, help="Ends after the table instead of serving the pages.")
@click.option("--json", "as_json", is_flag=True, help="Prints the table as one JSON object, as the last line.")
@click.option("--purchases", "path", type=click.Path(path_type=Path), help="Another file of the shape of CDNOW's.")
@click.option("--seed", default=1, show_default=True, help="Other sample customers, who do other things.")
@click.option("--customers", type=click.IntRange(1), help="Only the first so many customers of the data.")
@click.option("--port", default=0, help="Where surveys and webhooks are served; a free one unless told.")
@click.option("--private-port", default=0, help="Where the CRM's pages are served; a free one unless told.")
def command(
    no_serve: bool, as_json: bool, path: Path | None, seed: int, customers: int | None, port: int, private_port: int
) -> None:
    """Replays a real shop's purchases through the real code, with simulated contacts around them, and counts."""
    from rich.console import Console

    from cxsdk.demo.purchases import first_customers, load_purchases
    from cxsdk.demo.stage import staged

    purchases = first_customers(load_purchases(path), customers)
    with TemporaryDirectory(prefix="cxsdk-demo-") as folder, staged(Path(folder), purchases, seed, port) as stage:
        report = stage.play(sys.stderr)
        if as_json:
            click.echo(json.dumps(report.as_json()))
        else:
            Console().print(report.as_table())
        if not no_serve:
            _serve(stage, private_port, quietly=as_json)


def _serve(stage: Stage, private_port: int, *, quietly: bool) -> None:
    """Lets the clock go, and everything run like any installation, until somebody ends it."""
    from cxsdk.web import private_app
    from cxsdk_workers.clock import ticking

    stage.clock.let_go()
    stage.doorbell.let_go()
    opened = stage.opened
    with (
        serving(private_app(opened), PRIVATE_HOST, private_port) as private,
        ticking(opened.runtime, opened.cx.keep_raw),
    ):
        places = (
            f"A question that waits for its answer: {opened.cx.public_url}{stage.world.respondents.open_link}",
            f"The CRM, where tasks are done: http://{PRIVATE_HOST}:{private}/accounts/{stage.crm.name}/",
            "Ctrl-C ends it.",
        )
        click.echo("\n".join(places), err=quietly)
        wait_for_signal()
