"""``cxsdk token``: who may use the ingest API."""

from __future__ import annotations

import re

import click

from cxsdk.cli.loading import app_argument, load_app, store_of
from cxsdk.errors import ConfigurationError
from cxsdk.store import Store, tokens
from cxsdk.store.patience import patient

name_argument = click.argument("name")


@click.group()
def command() -> None:
    """Gives and takes back the bearer tokens of the ingest API."""


@command.command()
@name_argument
@app_argument
def create(name: str, app: str) -> None:
    """Makes a token and shows it, this once. NAME says who uses it."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", name):
        raise _refused("token_name_invalid", f"{name!r} is not a name.", "Use 1 to 40 of a-z, 0-9, - and _.")
    with store_of(load_app(app)) as store:
        token = _create(store, name)
    if token is None:
        raise _refused("token_name_taken", f"There was a token {name!r} before.", "Choose another name.")
    click.echo("Send it as Authorization: Bearer …; it cannot be shown again.", err=True)
    click.echo(token)


@command.command("list")
@app_argument
def list_tokens(app: str) -> None:
    """Lists the tokens by name; what they are, nobody knows any more."""
    with store_of(load_app(app)) as store, store.read() as tx:
        for row in tokens.all_tokens(tx):
            end = f"revoked {row.revoked_at:%Y-%m-%d %H:%M} UTC" if row.revoked_at else "valid"
            click.echo(f"{row.name:40} created {row.created_at:%Y-%m-%d %H:%M} UTC   {end}")


@command.command()
@name_argument
@app_argument
def revoke(name: str, app: str) -> None:
    """Makes a token invalid, everywhere within seconds."""
    with store_of(load_app(app)) as store:
        revoked = _revoke(store, name)
    if not revoked:
        raise _refused("token_unknown", f"No token {name!r} is valid.", "See: cxsdk token list APP")
    click.echo(f"The token {name!r} is revoked.")


@patient
def _create(store: Store, name: str) -> str | None:
    with store.write() as tx:
        return tokens.create(store, tx, name)


@patient
def _revoke(store: Store, name: str) -> bool:
    with store.write() as tx:
        return tokens.revoke(store, tx, name)


def _refused(code: str, message: str, cure: str) -> ConfigurationError:
    return ConfigurationError(message, path="NAME", cure=cure, code=code)
