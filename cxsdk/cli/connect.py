"""``cxsdk connect ACCOUNT APP``: a person grants access to an account, once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from cxsdk.app import CX
from cxsdk.capabilities import Plugin
from cxsdk.cli.loading import app_argument, load_app, store_of
from cxsdk.cli.redirect import PATH, Said, code_of, listening, read_pasted
from cxsdk.cli.shown import plain
from cxsdk.context import AccountContext
from cxsdk.domain.oauth import Grant, OAuth, told_by
from cxsdk.errors import AuthenticationError, ConfigurationError
from cxsdk.observe.redaction import MASK, hide
from cxsdk.store import Store
from cxsdk.store.oauth_tokens import TokenVault
from cxsdk.store.sealing import Sealer
from cxsdk.webhooks.links import LinkSigner

#: The port of the address that is registered at providers, unless told otherwise.
PORT = 8765


@click.command()
@click.argument("account", metavar="ACCOUNT")
@app_argument
@click.option("--port", default=PORT, show_default=True, help="Where to wait for the browser; 0 is any free port.")
@click.option("--redirect-uri", default="", help="As registered at the provider; else http://localhost:PORT/callback.")
@click.option("--code", "by_hand", is_flag=True, help="Wait for no browser: ask for the address it was sent to.")
@click.option("--open", "opens", is_flag=True, help="Open the address in a browser of this machine.")
@click.option("--timeout", default=300.0, show_default=True, help="How long to wait for the browser, in seconds.")
def command(account: str, app: str, port: int, redirect_uri: str, by_hand: bool, opens: bool, timeout: float) -> None:
    """Connects an account by OAuth: a person agrees at the provider, and the tokens are kept, encrypted.

    Run it again when the account needs to be reconnected. Processes at work go on with the new grant within a minute.
    """
    cx = load_app(app)
    with store_of(cx) as store, _declared(cx, _account(cx, account), store) as (context, oauth):
        vault = TokenVault(store, Sealer(cx.secrets_keys), account)
        asking = _Asking(oauth, opens)
        if by_hand:
            said = asking.by_hand(redirect_uri or f"http://localhost:{port or PORT}{PATH}")
        else:
            said = asking.by_browser(port, redirect_uri, timeout)
        grant = context.token_endpoint(oauth).exchange(
            code_of(said, asking.state, is_pasted=by_hand),
            redirect_uri=asking.redirect_uri,
            verifier=asking.verifier,
            fields=told_by(said),
            asked_at=vault.now(),
        )
        vault.connect(grant)
    _tell(account, grant)


class _Asking:
    """One attempt: what binds the answer to it, and how the person comes back."""

    def __init__(self, oauth: OAuth, opens: bool) -> None:
        self.state = secrets.token_urlsafe(24)
        self.verifier = secrets.token_urlsafe(48)
        self.redirect_uri = ""
        self._oauth = oauth
        self._opens = opens

    def by_browser(self, port: int, redirect_uri: str, timeout: float) -> Said:
        """The browser comes back to this machine."""
        with listening(port) as listener:
            self._show(redirect_uri or f"http://localhost:{listener.port}{PATH}")
            click.echo(f"Waiting on 127.0.0.1:{listener.port} for {timeout:g} s…", err=True)
            return listener.wait(timeout)

    def by_hand(self, redirect_uri: str) -> Said:
        """The person pastes where the browser was sent."""
        self._show(redirect_uri)
        pasted: str = click.prompt("Then paste the address to which the browser was sent, or the code", err=True)
        return read_pasted(pasted)

    def _show(self, redirect_uri: str) -> None:
        self.redirect_uri = redirect_uri
        address = self._oauth.authorize_at(redirect_uri, self.state, self.verifier)
        click.echo("Open this address, and agree:", err=True)
        click.echo(address)
        if self._opens:
            click.launch(address)


def _account(cx: CX, name: str) -> Plugin:
    for account in cx.accounts():
        if account.name == name:
            return account
    raise ConfigurationError(
        f"There is no account {name!r}.",
        path="ACCOUNT",
        cure=f"Choose one of {', '.join(account.name for account in cx.accounts())}.",
        code="account_unknown",
    )


@contextmanager
def _declared(cx: CX, account: Plugin, store: Store) -> Iterator[tuple[AccountContext, OAuth]]:
    """The account's context, and how its plugin says that it is connected."""
    signer = LinkSigner(secrets.token_bytes(32))  # signs nothing here
    context = AccountContext(account, store, store.clock, signer, cx.public_url, Sealer(cx.secrets_keys))
    try:
        with suppress(AuthenticationError):  # one that asks its provider at once: it has said by then how
            account.open(context)
        if context.oauth is None:
            raise ConfigurationError(
                f"{account.name} is not connected by OAuth.",
                path="ACCOUNT",
                cure="Its credentials are among its settings.",
                code="not_oauth",
            )
        yield context, context.oauth
    finally:
        account.close()
        context.close()


def _tell(account: str, grant: Grant) -> None:
    fields = hide(None, "", dict(grant.fields))  # there may be further tokens among them
    told = ", ".join(f"{name} {plain(str(value)[:100])}" for name, value in fields.items() if _is_plain(value))
    click.echo(f"{account} is connected." + (f" The provider says: {told}." if told else ""))
    if grant.refresh_token is None and grant.expires_at is not None:
        click.echo(
            f"The provider gave nothing to renew it with: connect it again by {grant.expires_at:%Y-%m-%d %H:%M} UTC.",
            err=True,
        )


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int) and value not in ("", MASK)
