"""Rows that were set aside, as they are shown: without secrets, and without what would command a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import Row

from cxsdk.domain.raw import KEPT_HEADERS
from cxsdk.journeys.reasons import answer_in, why
from cxsdk.observe.redaction import MASK, hide, redact
from cxsdk.store import Transaction, aside, customers
from cxsdk.store.aside import Aside, AsideKind

#: So much of a request is shown at once, in characters; ``--json`` shows all of it.
SHOWN = 4_000
#: So much of a reason is shown in a list.
GLIMPSE = 200
#: How wide a list is that is not shown on a terminal.
PIPED = 160


def summary(one: Aside) -> dict[str, Any]:
    """What a row is, why it was set aside and when, as JSON knows it."""
    row, reason = one.row, redact(one.row.reason or "")
    return {
        "id": str(one.ref),
        "state": row.state,
        "account": one.account,
        "kind": one.kind.value,
        "key": redact(one.key),
        "customer_id": getattr(row, "customer_id", None),
        "came_at": _iso(one.came_at),
        "set_aside_at": _iso(one.set_aside_at),
        "called_at": _iso(getattr(row, "marked_at", None)),
        "tries": one.tries,
        "reason": why(reason),
    }


def whole(tx: Transaction, one: Aside) -> dict[str, Any]:
    """The same, with the provider's answer as far as it was kept, and the request."""
    answer = answer_in(redact(one.row.reason or "")) or None
    return {**summary(one), "answer": answer, "request": _without_secrets(_request(tx, one))}


def _request(tx: Transaction, one: Aside) -> dict[str, Any]:
    """What came in; or what would be sent, in our own words, before a plugin puts it into the provider's."""
    if one.kind is AsideKind.RECORD:
        return _received(one.row, aside.body_of(tx, one))
    if one.kind is AsideKind.LOOK:
        return {"lane": one.row.lane, "looks_at": one.key}
    if one.kind is AsideKind.PERSON:
        return {"key": one.key, **_person(tx, one)}
    owed = {"key": one.key, "revision": one.row.wanted, "provider_id": one.row.provider_id}
    known = {name: value for name, value in owed.items() if value is not None}
    if one.kind in (AsideKind.ENTRY, AsideKind.TASK):
        known["person_id"] = customers.person_ids(tx, [one.row.customer_id]).get(one.row.customer_id)
    return {**known, **one.row.body}


def _received(row: Row[Any], body: bytes) -> dict[str, Any]:
    headers = {name: value if name.lower() in KEPT_HEADERS else MASK for name, value in row.headers.items()}
    return {"event_id": row.event_key, "source": row.source, "headers": headers, "body": _read(body)}


def _read(body: bytes) -> Any:
    """The values of a body in JSON, so that secrets are found by their names; else its text."""
    text = body.decode("utf-8", "replace")
    try:
        return _without_secrets({"body": json.loads(text)})["body"]
    except (ValueError, RecursionError):
        return text


def _person(tx: Transaction, one: Aside) -> dict[str, Any]:
    about = customers.current(tx, one.row.customer_id)
    known = customers.identities_of(tx, [one.row.customer_id]).get(one.row.customer_id, [])
    return {"name": about.name if about is not None else "", "identities": [str(identity) for identity in known]}


def _without_secrets(value: Mapping[str, Any]) -> dict[str, Any]:
    return dict(hide(None, "", dict(value)).items())


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


def print_table(rows: Sequence[Aside], total: int) -> None:
    """Prints some of the rows that were set aside, one a line, and how many there are."""
    if not rows:
        click.echo("Nothing is set aside.")
        return
    table = Table("Id", "State", "Account", "Kind", "Set aside (UTC)", "Tries", "Why", box=SIMPLE_HEAD)
    for one in rows:
        said = storable(" ".join(plain(summary(one)["reason"]).split()))[:GLIMPSE]
        told = [str(one.ref), one.row.state, one.account or "", one.kind.value, f"{one.set_aside_at:%Y-%m-%d %H:%M}"]
        table.add_row(*map(Text, [*told, str(one.tries), said]))
    console = Console()
    # What is piped is not for a window's width
    (console if console.is_terminal else Console(width=PIPED)).print(table)
    more = f", {len(rows)} of them here" if total > len(rows) else ""
    click.echo(f"{total} set aside{more}. All about one: cxsdk dead show ID APP")


def print_whole(told: Mapping[str, Any]) -> None:
    """Prints all about one row."""
    click.echo(storable(plain("\n".join(_lines(told)))))


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"{told['id']} is {told['state']}."
    for name, key in _FACTS:
        if told[key] is not None:
            yield f"  {name:<12}{told[key]}"
    yield from _block("Why", told["reason"] or "No reason was kept.")
    yield from _block("Request", json.dumps(told["request"], ensure_ascii=False, indent=2))
    if told["answer"]:
        yield from _block("Answer", told["answer"])


_FACTS = (
    ("account", "account"), ("kind", "kind"), ("key", "key"), ("customer", "customer_id"), ("came", "came_at"),
    ("called", "called_at"), ("set aside", "set_aside_at"), ("tries", "tries"),
)  # fmt: skip


def _block(title: str, text: str) -> Iterator[str]:
    yield f"\n{title}"
    yield from (f"  {line}" for line in text[:SHOWN].splitlines())
    if len(text) > SHOWN:
        yield f"  … {len(text) - SHOWN:,} more characters: --json shows them."


def line(value: Mapping[str, Any]) -> str:
    """A value as one line of JSON, in ASCII: what else some programs take for the end of a line is written out."""
    return json.dumps(value)


def storable(text: str) -> str:
    """Text that can be written: half a character, as clients that cut text make them, becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def plain(text: str) -> str:
    """Text from outside, fit for a terminal: what is neither seen nor a line break becomes a question mark."""
    return "".join(map(_plain, text))


def _plain(char: str) -> str:
    if char.isprintable() or char == "\n":
        return char
    return " " if char == "\t" else "\N{REPLACEMENT CHARACTER}"
