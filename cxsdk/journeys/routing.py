"""Over which account to write to a customer, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, select

from cxsdk.domain.identity import Identity
from cxsdk.domain.outward import Receipt
from cxsdk.errors import Rejected
from cxsdk.journeys.business import skip
from cxsdk.journeys.desk import Desk, Finished
from cxsdk.journeys.runtime import Runtime
from cxsdk.store import Transaction, customers, decisions, invitations, outbox
from cxsdk.store.among import among
from cxsdk.store.outbox import OutKind, Owed
from cxsdk.store.prepared import Prepared
from cxsdk.store.tables import interactions

#: The account of messages that can go over several, until plugins were asked over which.
ANY = "any"


def route_to(
    runtime: Runtime, tx: Transaction, customer_id: str, identities: Sequence[Identity]
) -> tuple[str, Identity] | None:
    """The account over which to write to a customer, and where; ANY where plugins must be asked for it first."""
    routes = routes_to(runtime, identities)
    if not routes:
        return None
    account = _best_first(tx, customer_id, routes)[0]
    is_asked = len(routes) > 1 and runtime.hooks.listeners("choose_channel")
    return ANY if is_asked else account, routes[account]


def routes_to(runtime: Runtime, identities: Sequence[Identity]) -> dict[str, Identity]:
    """Each account that can send to one of these identities, and to which. Only what is known is written to."""
    found: dict[str, Identity] = {}
    for account, channel in runtime.channels.items():
        mine = next((i for i in identities if i.is_known and i.kind == channel.reaches), None)
        if mine is not None and channel.supports("send"):
            found[account] = mine
    return found


def _best_first(tx: Transaction, customer_id: str, routes: Mapping[str, Identity]) -> list[str]:
    """The account that the customer used last, then the others as they are configured."""
    if len(routes) == 1:
        return list(routes)
    last = tx.scalar(_LAST, {"whose": customer_id, "accounts": routes})
    return sorted(routes, key=lambda account: account != last)


_LAST = Prepared(
    select(interactions.c.account)
    .where(
        interactions.c.customer_id == bindparam("whose"),
        interactions.c.direction == "inbound",
        among(interactions.c.account, "accounts"),
    )
    .order_by(interactions.c.at.desc())
    .limit(1)
)


class RoutingDesk(Desk):
    """Asks plugins over which account a message goes, and owes it there: no transaction waits for their answer."""

    batch_size = 50

    def build(self, tx: Transaction, rows: Sequence[Row[Any]]) -> Mapping[int, tuple[str, list[str]] | Rejected]:
        """Each message's customer, and the accounts that lead to them, best first."""
        return {row.id: self._choice(tx, row) for row in rows}

    def _choice(self, tx: Transaction, row: Row[Any]) -> tuple[str, list[str]] | Rejected:
        routes = self._routes(tx, row, row.customer_id)
        if not routes:
            return Rejected("No channel leads to the customer any more.", code="unreachable")
        return row.customer_id, _best_first(tx, row.customer_id, routes)

    def _routes(self, tx: Transaction, row: Row[Any], customer_id: str) -> dict[str, Identity]:
        wanted = [Identity(kind=row.body["kind"], value=row.body["to"])] if "kind" in row.body else []
        return routes_to(self.runtime, [*wanted, *customers.identities_of(tx, [customer_id]).get(customer_id, [])])

    def call(self, values: Sequence[tuple[str, list[str]]]) -> Iterator[Receipt]:
        """Receipts that bear the chosen account."""
        for customer_id, accounts in values:
            chosen = self.runtime.hooks.choose_channel(customer_id, accounts) if len(accounts) > 1 else None
            yield Receipt.accepted(chosen or accounts[0])

    def done(self, tx: Transaction, finished: Finished) -> None:
        """Owes each message over its account."""
        for row, receipt in finished:
            self._send_on(tx, row, str(receipt.id))

    def _send_on(self, tx: Transaction, row: Row[Any], chosen: str) -> None:
        customer = customers.current(tx, row.customer_id)  # while plugins were asked, much can happen
        routes = self._routes(tx, row, customer.id) if customer is not None else {}
        if customer is None or not routes:
            self.given_up(tx, row, "unreachable")
        elif row.automatic and customer.opted_out_at is not None:
            self._skip(tx, row, "opt_out", "opted_out", "The customer wants no surveys.")
        else:
            best = _best_first(tx, customer.id, routes)[0]
            account = chosen if chosen in routes else best
            if account != best:
                self._explain(tx, row, customer.id, f"A plugin chose {account} over {best}.")
            self._owe(tx, row, customer.id, account, routes[account])

    def _owe(self, tx: Transaction, row: Row[Any], customer_id: str, account: str, to: Identity) -> None:
        body = {**row.body, "to": to.value, "kind": to.kind}
        message = Owed(account, OutKind.MESSAGE, row.key, body, customer_id, row.subject_id, automatic=row.automatic)
        outbox.owe(self.runtime.store, tx, [message])
        if row.subject_id is not None:
            invitations.change(tx, [row.subject_id], account=account)

    def _explain(self, tx: Transaction, row: Row[Any], customer_id: str, text: str) -> None:
        about = ("invitation", row.subject_id) if row.subject_id is not None else ("message", row.key)
        decisions.note(
            self.runtime.store, tx, customer_id, *about, rule="channel", verdict="choose", reason="chosen", text=text
        )

    def given_up(self, tx: Transaction, row: Row[Any], reason: str) -> None:
        """An invitation that leads to nobody any more is skipped."""
        self._skip(tx, row, "reach", "unreachable", "No channel leads to the customer any more.")

    def _skip(self, tx: Transaction, row: Row[Any], rule: str, reason: str, text: str) -> None:
        for invitation in invitations.by_ids(tx, [row.subject_id] if row.subject_id else []).values():
            skip(self.runtime, tx, invitation, rule, reason, text)
