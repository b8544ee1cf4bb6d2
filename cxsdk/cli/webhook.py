"""``cxsdk webhook``: sends a sample to a running installation; records what really came in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cxsdk.app import CX
from cxsdk.capabilities import Inbound
from cxsdk.cli.loading import app_argument, load_app, store_of
from cxsdk.cli.recording import record_files
from cxsdk.domain.clock import SystemClock
from cxsdk.domain.raw import Request
from cxsdk.errors import BadInput, CxsdkError
from cxsdk.observe import redact, register_secrets
from cxsdk.web.webhooks import PATH

if TYPE_CHECKING:
    import requests

#: How long the installation may take to answer, in seconds.
PATIENCE_S = 10.0

account_argument = click.argument("account", metavar="ACCOUNT")


class NotTaken(CxsdkError):
    """The installation did not take the sample. The answer says why."""

    code = "sample_not_taken"


@click.group()
def command() -> None:
    """Sends a sample to the webhook of an account; records what really came in."""


@command.command()
@account_argument
@click.argument("event", metavar="EVENT")
@app_argument
@click.option("--to", metavar="URL", help="Where the installation listens, if not at CX.public_url.")
def send(account: str, event: str, app: str, to: str | None) -> None:
    """Sends a sample EVENT to the running installation, signed as ACCOUNT's provider signs it.

    It is taken for real: a contact of the sample customer +12125550123 goes to the CRM. An EVENT that the account does
    not know is answered with those that it does. APP may stand in CXSDK_APP.
    """
    cx = load_app(app)
    request = _sample(cx, account, event)
    place = request.url.replace(cx.public_url, to.rstrip("/"), 1) if to else request.url
    answer = _posted(place, request)
    if not answer.ok:
        raise NotTaken(f"{place} answered {answer.status_code}. {redact(answer.text[:500])}".rstrip())
    click.echo(f"{place} answered {answer.status_code}: {event} is taken.")


@command.command()
@account_argument
@app_argument
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), required=True, help="The folder for the files."
)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many, the latest.")
def record(account: str, app: str, into: Path, limit: int) -> None:
    """Writes what came in for ACCOUNT into files, one a record, for the tests of its plugin.

    Each file is called by the day on which it came. Secrets, and what the plugin understood of customers, are replaced
    by samples: read the files before you give them away. What is neither JSON nor a form is left out.
    """
    cx = load_app(app)
    plugin = _inbound(cx, account)
    with store_of(cx) as store:
        written, left = record_files(store, plugin, into, limit)
    for path in written:
        click.echo(path)
    for why, number in left.items():
        click.echo(f"{number} left out: {why}", err=True)
    if not written and not left:
        click.echo("Nothing has come in for this account yet.", err=True)


def _inbound(cx: CX, account: str) -> Inbound:
    known = {plugin.name: plugin for plugin in cx.accounts() if isinstance(plugin, Inbound)}
    if account not in known:
        raise BadInput(
            f"{account!r} is no account to which anything comes; known: {', '.join(sorted(known))}.",
            code="account_unknown",
        )
    register_secrets(known[account])
    return known[account]


def _sample(cx: CX, account: str, event: str) -> Request:
    url = f"{cx.public_url}{PATH}/{account}"
    samples = _inbound(cx, account).samples(url, SystemClock().now())
    if not samples:
        raise BadInput(
            f"The plugin of {account!r} offers no samples, or has no webhook with these settings.",
            code="samples_missing",
        )
    if event not in samples:
        raise BadInput(
            f"{event!r} is no sample of {account!r}; known: {', '.join(sorted(samples))}.", code="sample_unknown"
        )
    return samples[event] if samples[event].url else samples[event].model_copy(update={"url": url})


def _posted(place: str, request: Request) -> requests.Response:
    import requests as library

    headers = {"Content-Type": "application/json", **request.headers}
    try:
        return library.request(request.method, place, data=request.body, headers=headers, timeout=PATIENCE_S)
    except library.RequestException as error:
        raise NotTaken(
            f"Nobody answers at {place}. Start it (cxsdk run APP, or cxsdk dev APP), or say where it listens: --to http://127.0.0.1:8000",
            code="installation_unreachable",
        ) from error
