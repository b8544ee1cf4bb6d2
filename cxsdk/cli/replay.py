"""``cxsdk replay``: records that were understood are read and folded once more."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from cxsdk.cli.loading import load_app, make_ready
from cxsdk.cli.moments import Since
from cxsdk.errors import BadInput
from cxsdk.journeys import replaying
from cxsdk.journeys.runtime import Runtime


@click.command()
@click.argument("words", metavar="[EVENT] APP", nargs=-1)
@click.option("--account", metavar="NAME", help="Only records of this account.")
@click.option("--since", type=Since(), help="Only records that came since: 2h, 3d, or a date with a zone.")
@click.option(
    "--per-second",
    type=click.IntRange(1, 10_000),
    default=replaying.PER_SECOND,
    show_default=True,
    help="So many become due in a second; fresh records come in between.",
)
@click.option("--json", "as_json", is_flag=True, help="Prints one JSON object.")
def command(
    words: tuple[str, ...], account: str | None, since: datetime | None, per_second: int, as_json: bool
) -> None:
    """Has raw records parsed and folded again: one EVENT, those of an account, or all since a moment.

    EVENT is the provider's id of it, or inbox:45. What was done is found to be done: only what is new in a record, to a
    plugin that reads more of it than before, has consequences. Records are kept for CX.keep_raw, 30 days by default.
    """
    from cxsdk_workers.process import connected

    event, app = _split(words)
    if event is None and account is None and since is None:
        raise click.UsageError("Say what to replay: EVENT, --account NAME or --since MOMENT.")
    if event is not None and since is not None:
        raise click.UsageError("Name an EVENT, or say --since; not both.")
    cx = load_app(app)
    make_ready(cx)
    with connected(cx) as (opened, _):
        accounts = _accounts(opened.runtime, account)
        if event is not None:
            told = {"records": replaying.replay_event(opened.runtime, event, accounts), "due_until": None}
        else:
            told = _replay(opened.runtime, accounts, since, per_second)
    click.echo(json.dumps(told) if as_json else _sentence(told))


def _split(words: tuple[str, ...]) -> tuple[str | None, str]:
    """EVENT, if there is one, and APP, which may stand in the environment: a single word is EVENT then, but no file."""
    stands = os.environ.get("CXSDK_APP")
    if stands and len(words) < 2 and not any(word.endswith(".py") for word in words):
        words = (*words, stands)
    if not words:
        raise click.UsageError("Missing argument 'APP'.")
    if len(words) > 2:
        raise click.UsageError("Name one EVENT, and APP.")
    return (words[0] if len(words) == 2 else None), words[-1]


def _accounts(runtime: Runtime, account: str | None) -> Sequence[str]:
    known = replaying.replayable(runtime)
    if account is None:
        return known
    if account not in known:
        raise BadInput(f"{account!r} is no account with records; known: {', '.join(known)}.", code="account_unknown")
    return [account]


def _replay(runtime: Runtime, accounts: Sequence[str], since: datetime | None, per_second: int) -> dict[str, Any]:
    records, until = 0, None
    for part in replaying.replay(runtime, accounts, since, per_second):
        records, until = records + part.records, part.due_at
    return {"records": records, "due_until": until.isoformat() if until else None}


def _sentence(told: dict[str, Any]) -> str:
    number = told["records"]
    said = "1 record is read again." if number == 1 else f"{number:,} records are read again."
    return said + (f" The last becomes due at {told['due_until']}." if told["due_until"] else "")
