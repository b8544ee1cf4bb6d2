"""``cxsdk key``: the keys that encrypt what is kept of accounts that are connected by OAuth."""

from __future__ import annotations

import click

from cxsdk.cli.loading import app_argument, load_app, store_of
from cxsdk.store import oauth_tokens
from cxsdk.store.sealing import Sealer, new_key


@click.group()
def command() -> None:
    """Makes the keys of CX(secrets_keys=[…]), and changes to a new one."""


@command.command()
def create() -> None:
    """Makes a key and shows it. Keep it where your other secrets are: without it, accounts must be connected again."""
    click.echo('Give it to CX as secrets_keys=[Secret.env("…")], a new one before the older ones.', err=True)
    click.echo(new_key())


@command.command()
@app_argument
def rotate(app: str) -> None:
    """Encrypts everything with the first key. After it, the older keys can be taken out of the list.

    Put the new key first and restart all processes before.
    """
    cx = load_app(app)
    sealer = Sealer(cx.secrets_keys)
    sealer.check("There is nothing to encrypt with")
    with store_of(cx) as store:
        number = oauth_tokens.seal_again(store, sealer)
    click.echo(f"{number} account{'' if number == 1 else 's'} encrypted with the first key.")
