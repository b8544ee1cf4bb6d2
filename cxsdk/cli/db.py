"""``cxsdk db upgrade APP``."""

from __future__ import annotations

from contextlib import closing

import click

from cxsdk.cli.loading import app_argument, load_app
from cxsdk.store import schema


@click.group()
def command() -> None:
    """Looks after the database's schema."""


@command.command()
@app_argument
def upgrade(app: str) -> None:
    """Brings the database to this version's schema. Old processes may go on running meanwhile."""
    with closing(load_app(app).store()) as store:
        click.echo(f"The database has schema {schema.upgrade(store)}.")
