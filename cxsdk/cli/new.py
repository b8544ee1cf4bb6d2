"""``cxsdk new``: begins something of your own."""

from __future__ import annotations

from pathlib import Path

import click

from cxsdk.cli.scaffold import AUTHS, KINDS, Scaffold


@click.group()
def command() -> None:
    """Begins something of your own."""


@command.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(list(KINDS)), required=True, help="What the vendor is to a company.")
@click.option("--auth", type=click.Choice(AUTHS), default="token", show_default=True, help="How its API is opened.")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=".",
    help="The folder in which to make it.  [default: .]",
)
def plugin(name: str, kind: str, auth: str, into: Path) -> None:
    """Makes a plugin that works, in a folder NAME of its own, for you to change.

    It is a distribution for a vendor that does not exist, with tests that pass. Each place to change says CHANGE.
    """
    folder = Scaffold(name, kind, auth).write(into)
    click.echo(f"{folder} is there. Next, in it:")
    click.echo("  pip install -U pip             # --group needs 25.1 or newer")
    click.echo("  pip install -e . --group dev")
    click.echo("  pytest                         # passes as it is")
    click.echo("  grep -rn CHANGE .              # what is to be yours; README.md says in which order")
