"""Over which account to write to a customer, and where."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from cxsdk.domain.identity import Identity
from cxsdk.journeys.runtime import Runtime
from cxsdk.store import Transaction
from cxsdk.store.tables import interactions


def route_to(
    runtime: Runtime, tx: Transaction, customer_id: str, identities: Sequence[Identity]
) -> tuple[str, Identity] | None:
    """The account over which to write to a customer, and where: the one they used last, else the first configured."""
    routes = routes_to(runtime, identities)
    if not routes:
        return None
    accounts = list(routes)
    if len(accounts) > 1:
        accounts = _last_used_first(tx, customer_id, accounts)
        chosen = runtime.hooks.choose_channel(customer_id, accounts)
        accounts = [chosen, *accounts] if chosen else accounts
    return accounts[0], routes[accounts[0]]


def routes_to(runtime: Runtime, identities: Sequence[Identity]) -> dict[str, Identity]:
    """Each account that can send to one of these identities, and to which. Only what is known is written to."""
    found: dict[str, Identity] = {}
    for account, channel in runtime.channels.items():
        mine = next((i for i in identities if i.is_known and i.kind == channel.reaches), None)
        if mine is not None and channel.supports("send"):
            found[account] = mine
    return found


def _last_used_first(tx: Transaction, customer_id: str, accounts: list[str]) -> list[str]:
    inbound = select(interactions.c.account).where(
        interactions.c.customer_id == customer_id,
        interactions.c.direction == "inbound",
        interactions.c.account.in_(accounts),
    )
    last = tx.scalar(inbound.order_by(interactions.c.at.desc()).limit(1))
    return sorted(accounts, key=lambda account: account != last)
