"""``cxsdk erase CUSTOMER APP``: forgets a person."""

from __future__ import annotations

import click

from cxsdk.cli.explain import find
from cxsdk.cli.loading import app_argument, load_app, store_of
from cxsdk.journeys.erasing import forget
from cxsdk.store import Store, customers
from cxsdk.store.patience import patient


@click.command()
@click.argument("customer", metavar="CUSTOMER")
@app_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(customer: str, app: str, yes: bool) -> None:
    """Removes a customer with everything they said and did; anonymous scores stay.

    What stands in the CRM and at providers must be erased there. CUSTOMER as in ``cxsdk explain``.
    """
    cx = load_app(app)
    with store_of(cx) as store:
        with store.read() as tx:
            found = find(tx, customer)
        if not yes:
            click.confirm(f"Forget {found.name or customer} ({found.id}) for good?", abort=True)
        _forget(store, found.id)
    click.echo(f"{found.id} is forgotten here. Erase them in {cx.crm.name} too.")


@patient
def _forget(store: Store, id: str) -> None:
    with store.write() as tx:
        customers.locked(store, tx, [id])
        forget(tx, id)
