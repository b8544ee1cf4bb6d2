"""Opting out: what is pending is cancelled in the same transaction, and nothing automatic is sent any more."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import update

from cxsdk.domain.facts import OptOut
from cxsdk.domain.ids import stable_id
from cxsdk.domain.interaction import Direction
from cxsdk.errors import BadInput
from cxsdk.journeys.business import skip
from cxsdk.journeys.entries import survey_entry
from cxsdk.journeys.people import owe_people
from cxsdk.journeys.runtime import Runtime
from cxsdk.store import Transaction, customers, decisions, invitations, outbox
from cxsdk.store.customers import Contact
from cxsdk.store.tables import customers as table

#: Whoever writes one of these, and nothing else, wants no more.
STOP_WORDS = frozenset({"stop", "стоп", "unsubscribe", "отписаться", "відписатися", "/stop"})


def is_stop(text: str) -> bool:
    """Whether a message says nothing but that its sender wants no more."""
    return text.strip().strip(".!«»\"'").casefold() in STOP_WORDS


def fold_optouts(runtime: Runtime, tx: Transaction, account: str, facts: Sequence[OptOut]) -> list[str | None]:
    """Notes who wants nothing automatic any more, and cancels what was about to be sent to them."""
    owners = [_who(runtime, tx, account, fact) for fact in facts]
    for owner, fact in zip(owners, facts, strict=True):
        opt_out(runtime, tx, owner, fact.reason or account)
    return list(owners)


def _who(runtime: Runtime, tx: Transaction, account: str, fact: OptOut) -> str:
    if fact.customer is not None:
        return customers.resolve(runtime.store, tx, [Contact((fact.customer,), fact.at, account)])[0]
    invitation = invitations.by_token(tx, fact.invitation or "")
    if invitation is None:
        raise BadInput("There is no such invitation.", field="invitation", code="invitation_unknown")
    customers.locked(runtime.store, tx, [invitation.customer_id])
    return str(invitation.customer_id)


def opt_out(runtime: Runtime, tx: Transaction, customer_id: str, how: str) -> None:
    """Cancels everything automatic for a customer, whose row is locked; the second time changes nothing."""
    first = update(table).where(table.c.id == customer_id, table.c.opted_out_at.is_(None))
    if not tx.execute(first.values(opted_out_at=runtime.clock.now())).rowcount:
        return
    cancelled = outbox.cancel_messages(tx, customer_id, "opted_out")
    pending = {i.id: i for i in invitations.pending(tx, customer_id)} | invitations.by_ids(tx, cancelled)
    for invitation in pending.values():
        skip(runtime, tx, invitation, "opt_out", "opted_out", "The customer wants no surveys.")
    decisions.note(
        runtime.store, tx, customer_id, "customer", customer_id,
        rule="opt_out", verdict="opted_out", reason="opted_out", text=f"They said so over {how}.",
    )  # fmt: skip
    waits = bool(owe_people(runtime.store, tx, runtime.crm.name, [customer_id]))
    text = runtime.policy.say("entry.stopped")
    key = stable_id("opt_out", customer_id)
    outbox.owe(runtime.store, tx, [survey_entry(runtime, key, customer_id, Direction.INBOUND, text, waits=waits)])
