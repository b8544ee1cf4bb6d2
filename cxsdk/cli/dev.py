"""``cxsdk dev APP``: the whole installation in one process, with nothing behind it, for whoever writes a plugin."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click

from cxsdk.app import CX
from cxsdk.capabilities import Inbound, Plugin
from cxsdk.cli import vendors
from cxsdk.cli.abilities import has_webhook
from cxsdk.cli.loading import DEV, DEV_DATABASE, app_argument, in_development, load_app
from cxsdk.cli.processes import catching
from cxsdk.cli.serving import listeners, serving_both
from cxsdk.cli.watching import CAN_WATCH, folders_of_modules, wait_for_change
from cxsdk.domain.clock import SystemClock
from cxsdk.errors import BadInput, CxsdkError
from cxsdk.store import schema

#: Where a process that was reloaded finds what to watch, should the new code not even load.
WATCHED = "CXSDK_DEV_WATCHED"
#: SQLite has one writer: more threads would only wait for each other.
THREADS = 4

#: Given folders, waits for a change of their files, and returns these; none where it is to end.
Wait = Callable[[Sequence[str]], Sequence[Path]]
#: A host, its public port, and the private one.
Places = tuple[str, int, int]


@click.command()
@app_argument
@listeners
@click.option("--live", metavar="ACCOUNT", multiple=True, help="Lets this account out to its real provider.")
@click.option("--public-url", metavar="URL", help="Where the world reaches it, such as the address of a tunnel.")
def command(app: str, host: str, port: int, private_port: int, live: tuple[str, ...], public_url: str | None) -> None:
    """Runs everything in one process, with fake vendors, and again whenever the code changes.

    Nothing leaves this machine. An account's requests are answered by the stand-in that its plugin offers; where it
    offers none, what the account is given is shown, taken and forgotten. Each call is one line. The database is
    cxsdk-dev.db in the current folder, whatever APP says.

    Needs cxsdk[dev] to see changes of files.
    """
    url = public_url or f"http://{host}:{port}"
    wait = partial(wait_for_change, since=time.time())
    with catching() as caught:
        if changed := _run(app, url, (host, port, private_port), live, partial(wait, caught=caught)):
            click.echo(f"Changed: {', '.join(path.name for path in changed)}. Starting again.\n")
            _start_again()


def _run(app: str, url: str, places: Places, live: Sequence[str], wait: Wait) -> Sequence[Path]:
    """Runs until the code changes; returns the files, or none where it is to end."""
    try:
        cx = in_development(load_app(app), url)
        accounts = _put_in_place(cx, live)
        with _at_work(cx, places):
            click.echo("\n".join(_lines(cx, app, accounts)))
            folders = [str(folder) for folder in folders_of_modules()]
            os.environ[WATCHED] = os.pathsep.join(folders)
            return wait(folders)
    except CxsdkError as error:
        if WATCHED not in os.environ:
            raise
        click.echo(f"{error.code}: {error}\nWaiting for a change.", err=True)
        return wait(os.environ[WATCHED].split(os.pathsep))


def _put_in_place(cx: CX, live: Sequence[str]) -> dict[str, str]:
    """What becomes of each account's calls, in words."""
    accounts = {account.name: account for account in cx.accounts()}
    for name in live:
        if name not in accounts:
            raise BadInput(
                f"--live {name}: there is no such account; known: {', '.join(accounts)}.", code="account_unknown"
            )
    return {
        name: (vendors.let_out if name in live else vendors.put_in_place)(account, click.echo)
        for name, account in accounts.items()
    }


@contextmanager
def _at_work(cx: CX, places: Places) -> Iterator[None]:
    from cxsdk_workers.clock import ticking
    from cxsdk_workers.process import connected
    from cxsdk_workers.worker import working

    schema.upgrade_sqlite(cx.store())
    with (
        connected(cx) as (opened, broker),
        working(opened.runtime, broker, THREADS),
        ticking(opened.runtime, cx.keep_raw),
        serving_both(opened, *places),
    ):
        yield


def _start_again() -> None:
    """The same program anew, in this process: whatever was imported is forgotten."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - the very command that was given


def _lines(cx: CX, app: str, accounts: dict[str, str]) -> Iterator[str]:
    """Where everything is, and how to try it."""
    yield f"Database: {DEV_DATABASE.removeprefix('sqlite:///')}, and no other. Accounts:"
    for account in cx.accounts():
        yield f"  {account.name:<16} {accounts[account.name]}"
        if has_webhook(account):
            yield f"  {'':<16} {cx.public_url}/webhooks/{account.name}"
    yield "To try it from another shell in this folder:"
    yield f"  export {DEV}={cx.public_url} CXSDK_APP={app}"
    for account in cx.accounts():
        if events := _samples(cx, account):
            others = f"  # or: {', '.join(events[1:])}" if events[1:] else ""
            yield f"  cxsdk webhook send {account.name} {events[0]}{others}"
    yield "  cxsdk explain +12125550123"
    yield (
        "Reloads when the code changes; Ctrl-C ends it."
        if CAN_WATCH
        else "To reload on changes: pip install 'cxsdk[dev]'"
    )


def _samples(cx: CX, account: Plugin) -> list[str]:
    """The events of which a signed sample can be sent."""
    if not isinstance(account, Inbound) or not has_webhook(account):
        return []
    return list(account.samples(f"{cx.public_url}/webhooks/{account.name}", SystemClock().now()))
