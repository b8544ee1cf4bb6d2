"""``cxsdk explain CUSTOMER APP``: why somebody was, or was not, asked, called, or given a task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import Row

from cxsdk.cli.explained import Line, lines_about, unsent
from cxsdk.cli.loading import app_argument, load_app, store_of
from cxsdk.cli.shown import plain, storable
from cxsdk.domain.identity import Identity
from cxsdk.errors import BadInput
from cxsdk.store import Transaction, customers


@click.command()
@click.argument("customer", metavar="CUSTOMER")
@app_argument
def command(customer: str, app: str) -> None:
    """Tells every decision about a customer, with its rule, time and reason; what is to come, and what was set aside.

    CUSTOMER is an id of cxsdk's, a phone (+380…), an e-mail address, or KIND:VALUE.
    """
    with store_of(load_app(app)) as store, store.read() as tx:
        found = customers.find(tx, customer)
        if found is None:
            who, told = Text(f"{customer} is no customer yet."), unsent(tx, _read(customer))
            if not told:
                raise _nobody(customer)
        else:
            known = customers.identities_of(tx, [found.id]).get(found.id, [])
            who, told = _who(found, known), lines_about(tx, found.id, known)
    console = Console()
    console.print(who)
    console.print(_table(told) if told else "Nothing has been decided about them yet.")


def _who(found: Row[Any], known: Sequence[Identity]) -> Text:
    named = ", ".join(f"{identity}{'' if identity.is_known else ' (maybe)'}" for identity in known)
    return Text.assemble((plain(found.name) or "Customer", "bold"), plain(f" {found.id}: {named}"))


def _read(who: str) -> list[Identity]:
    """The identity that is meant by what a person would type: its kind, or else what it looks like, tells which."""
    kind, _, value = who.rpartition(":")
    looks_like = "phone" if who.startswith("+") else "email" if "@" in who else ""
    return [Identity(kind=kind or looks_like, value=value.lower())] if value and (kind or looks_like) else []


def find(tx: Transaction, who: str) -> Row[Any]:
    """A customer by what a person would type. Raises BadInput where nobody, or more than one, is meant."""
    found = customers.find(tx, who)
    if found is None:
        raise _nobody(who)
    return found


def _nobody(who: str) -> BadInput:
    return BadInput(f"No customer is known as {who!r}; give an id, +380…, a@example.com or kind:value.")


def _table(told: Sequence[Line]) -> Table:
    table = Table("Time (UTC)", "About", "Rule", "Verdict", "Why", "Look again", show_edge=False)
    for row in told:
        at = f"{row.at:%Y-%m-%d %H:%M:%S}" if row.at else ""
        until = f"{row.until:%Y-%m-%d %H:%M}" if row.until else ""
        table.add_row(*map(Text, (at, row.about, row.rule, row.verdict, storable(plain(row.text)), until)))
    return table
