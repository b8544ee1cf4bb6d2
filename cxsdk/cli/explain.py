"""``cxsdk explain CUSTOMER APP``: why somebody was, or was not, asked, called, or given a task."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy import Row

from cxsdk.cli.loading import app_argument, load_app
from cxsdk.errors import BadInput
from cxsdk.store import Transaction, customers, decisions


@click.command()
@click.argument("customer", metavar="CUSTOMER")
@app_argument
def command(customer: str, app: str) -> None:
    """Tells every decision about a customer, with its rule, time and reason.

    CUSTOMER is an id of cxsdk's, a phone (+380…), an e-mail address, or KIND:VALUE.
    """
    with closing(load_app(app).store()) as store, store.read() as tx:
        found = find(tx, customer)
        told = decisions.of_customer(tx, found.id)
        known = customers.identities_of(tx, [found.id]).get(found.id, [])
    console = Console()
    who = ", ".join(f"{identity}{'' if identity.is_known else ' (maybe)'}" for identity in known)
    console.print(f"[bold]{found.name or 'Customer'}[/bold] {found.id}: {who}", highlight=False)
    console.print(_table(told) if told else "Nothing has been decided about them yet.")


def find(tx: Transaction, who: str) -> Row[Any]:
    """A customer by what a person would type. Raises BadInput where nobody, or more than one, is meant."""
    found = customers.find(tx, who)
    if found is None:
        raise BadInput(f"No customer is known as {who!r}; give an id, +380…, a@example.com or kind:value.")
    return found


def _table(told: Sequence[Row[Any]]) -> Table:
    table = Table("Time (UTC)", "About", "Rule", "Verdict", "Why", "Look again", show_edge=False)
    for row in told:
        until = f"{row.until:%Y-%m-%d %H:%M}" if row.until else ""
        about = f"{row.subject} {row.subject_id[:8]}"
        table.add_row(f"{row.at:%Y-%m-%d %H:%M:%S}", about, row.rule, row.verdict, row.text, until)
    return table
