"""``cxsdk dead``: what was set aside, and what becomes of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any

import click

from cxsdk.app import API_ACCOUNT, CX
from cxsdk.cli import shown
from cxsdk.cli.loading import app_argument, load_app, make_ready, store_of
from cxsdk.cli.moments import Since
from cxsdk.errors import BadInput
from cxsdk.journeys import dead_letters
from cxsdk.journeys.dead_letters import Changed
from cxsdk.journeys.runtime import Runtime
from cxsdk.store import Transaction, aside
from cxsdk.store.aside import AsideKind, Ref, Wanted

as_json = click.option("--json", "as_json", is_flag=True, help="Prints one JSON object a line.")
rows_argument = click.argument("rows", metavar="[ID]...", nargs=-1)
all_option = click.option("--all", "all_rows", is_flag=True, help="Everything that was set aside.")


def described(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say which rows are meant."""
    kinds = click.Choice([kind.value for kind in AsideKind])
    options = (
        click.option("--account", metavar="NAME", help="Only of this account."),
        click.option("--kind", "kinds", type=kinds, multiple=True, help="Only of this kind; may be repeated."),
        click.option("--state", type=click.Choice(aside.STATES), help="Only what failed, or what may have been done."),
        click.option("--since", type=Since(), help="Only what was set aside since: 2h, 3d, or a date with a zone."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def command() -> None:
    """Lists what was set aside, shows why, tries it again, or drops it."""


@command.command("list")
@app_argument
@described
@click.option("--limit", type=click.IntRange(1), help="At most so many rows.  [default: 100, with --json all]")
@as_json
def list_rows(
    app: str,
    account: str | None,
    kinds: Sequence[str],
    state: str | None,
    since: datetime | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """Lists records that could not be understood, and outward work that failed or may have been done."""
    cx = load_app(app)
    with store_of(cx) as store, store.read() as tx:
        wanted = Wanted(account, frozenset(kinds), state, since)
        _check_account(cx, tx, account)
        rows = islice(aside.latest(tx, wanted), limit if as_json or limit else 100)
        if as_json:
            for one in rows:
                click.echo(shown.line(shown.summary(one)))
        else:
            shown.print_table(list(rows), aside.count(tx, wanted))


@command.command()
@click.argument("row", metavar="ID")
@app_argument
@as_json
def show(row: str, app: str, as_json: bool) -> None:
    """Shows one row: where it belongs, why it was set aside, the request, and the provider's answer.

    ID as ``cxsdk dead list`` shows it. Secrets are left out.
    """
    with store_of(load_app(app)) as store, store.read() as tx:
        [one] = aside.named(tx, [Ref.read(row)])
        told = shown.whole(tx, one)
    if as_json:
        click.echo(shown.line(told))
    else:
        shown.print_whole(told)


@command.command()
@rows_argument
@app_argument
@described
@all_option
@click.option("--even-if-doubled", is_flag=True, help="Also messages that may have arrived: they may arrive twice.")
@as_json
def retry(rows: tuple[str, ...], app: str, even_if_doubled: bool, as_json: bool, **which: Any) -> None:
    """Owes rows again, now and with fresh tries. Name them, or say --account or --all.

    What the CRM or channel can look up is looked up first, so that nothing doubles. A message that may have arrived
    over a channel that cannot tell stays as it is, unless --even-if-doubled is given: the customer may get it twice.
    An invitation keeps to the rules: it does not go to who has opted out, at night, or after its time.
    """
    names, app = _split(rows, app)
    wanted = _wanted(names, **which)
    with _opened(app) as runtime:
        changed = (
            _some(runtime, wanted, dead_letters.retry_all(runtime, wanted, even_if_doubled=even_if_doubled))
            if wanted
            else [dead_letters.retry(runtime, names, even_if_doubled=even_if_doubled)]
        )
        _tell(changed, "retried", "owed again", as_json)


@command.command()
@rows_argument
@app_argument
@described
@all_option
@click.option("--note", default="", help="Why; it stays with the rows and in the customers' ledger.")
@click.option("--was-done", is_flag=True, help="What dropped tasks ask for was done in another way: cases go on.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def drop(rows: tuple[str, ...], app: str, note: str, was_done: bool, yes: bool, as_json: bool, **which: Any) -> None:
    """Ends rows for good: they are not tried again. Name them, or say --account or --all.

    A task that is owed to a customer is dropped only with --was-done: then its case goes on as if the CRM had said so,
    and the customer is asked whether it is solved.
    """
    names, app = _split(rows, app)
    wanted = _wanted(names, **which)
    with _opened(app) as runtime:
        if wanted is None:
            _tell([dead_letters.drop(runtime, names, note, was_done=was_done)], "dropped", "dropped", as_json)
            return
        changed = _some(runtime, wanted, dead_letters.drop_all(runtime, wanted, note, was_done=was_done))
        if not yes:
            with runtime.store.read() as tx:
                number = aside.count(tx, wanted)
            click.confirm(f"Drop {number} {'row' if number == 1 else 'rows'} for good?", abort=True, err=True)
        _tell(changed, "dropped", "dropped", as_json)


def _split(rows: tuple[str, ...], app: str) -> tuple[list[Ref], str]:
    """The rows' names and APP, which may stand in the environment instead of after them."""
    if aside.is_name(app):
        rows, app = (*rows, app), os.environ.get("CXSDK_APP", "")
        if not app:
            raise click.UsageError("Missing argument 'APP'.")
    return [Ref.read(row) for row in rows], app


def _wanted(
    names: Sequence[Ref],
    account: str | None,
    kinds: Sequence[str],
    state: str | None,
    since: datetime | None,
    all_rows: bool,
) -> Wanted | None:
    """Which rows are described, or None where they are named."""
    is_described = bool(account or kinds or state or since or all_rows)
    if names and is_described:
        raise click.UsageError("Name rows, or describe them by options; not both.")
    if names:
        return None
    if not (account or all_rows):
        raise click.UsageError("Name rows, or say --account NAME or --all.")
    return Wanted(account, frozenset(kinds), state, since)


def _some(runtime: Runtime, wanted: Wanted, changed: Iterable[Changed]) -> Iterable[Changed]:
    """Changes nothing before the account is found to be known."""
    with runtime.store.read() as tx:
        _check_account_name(set(runtime.accounts), tx, wanted.account)
    return changed


def _tell(changed: Iterable[Changed], verb: str, what: str, as_json: bool) -> None:
    done = left = 0
    for some in changed:
        done, left = done + len(some.done), left + len(some.left)
        for ref in some.done if as_json else ():
            click.echo(shown.line({"id": str(ref), verb: True}))
        for one in some.left:
            told = {"id": str(one.ref), verb: False, "code": one.code, "why": one.why}
            click.echo(shown.line(told) if as_json else f"{one.code}: {one.why}", err=not as_json)
    if not as_json:
        click.echo(f"{done} {what}{f', {left} left as they were' if left else ''}.")


@contextmanager
def _opened(app: str) -> Iterator[Runtime]:
    from cxsdk_workers.process import connected

    cx = load_app(app)
    make_ready(cx)
    with connected(cx) as (opened, _):
        yield opened.runtime


def _check_account(cx: CX, tx: Transaction, account: str | None) -> None:
    _check_account_name({API_ACCOUNT, *(plugin.name for plugin in cx.accounts())}, tx, account)


def _check_account_name(configured: set[str], tx: Transaction, account: str | None) -> None:
    if account is not None and account not in configured:
        known = configured | aside.accounts_with_some(tx)
        if account not in known:
            raise BadInput(
                f"There is no account {account!r}; known: {', '.join(sorted(known))}.", code="account_unknown"
            )
