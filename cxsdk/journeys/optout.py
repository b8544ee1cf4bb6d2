"""Opting out and back in: the latest word holds, in whatever order the words come.

Whoever opts out gets nothing automatic any more, and what is pending is cancelled in the same transaction. Whoever opts
back in may be asked again from then on; what was cancelled stays so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

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
from cxsdk.store.rows import update_each
from cxsdk.store.tables import customers as table

#: Whoever writes one of these, and nothing else, wants no more.
STOP_WORDS = frozenset({"stop", "/stop", "unsubscribe", "стоп", "отписаться", "відписатися", "відписатись"})
#: Whoever writes one of these, and nothing else, wants them again. "/start" is none: Telegram writes it by itself.
START_WORDS = frozenset({"start", "subscribe", "старт", "подписаться", "підписатися", "підписатись"})


def wish_in(text: str) -> bool | None:
    """Whether a message says nothing but that its sender opts out (True) or back in (False); None: something else."""
    word = text.strip().strip(".!«»\"'").casefold()
    return word in STOP_WORDS if word in STOP_WORDS | START_WORDS else None


def fold_optouts(runtime: Runtime, tx: Transaction, account: str, facts: Sequence[OptOut]) -> list[str | None]:
    """Notes who wants nothing automatic any more, and who wants it again."""
    owners = [_who(runtime, tx, account, fact) for fact in facts]
    for owner, fact in zip(owners, facts, strict=True):
        note_wish(runtime, tx, owner, opted_out=fact.opted_out, at=fact.at, how=fact.reason or account)
    return list(owners)


def _who(runtime: Runtime, tx: Transaction, account: str, fact: OptOut) -> str:
    if fact.customer:
        return customers.resolve(runtime.store, tx, [Contact(fact.customer, fact.at, account)])[0]
    invitation = invitations.by_token(tx, fact.invitation or "")
    if invitation is None:
        raise BadInput("There is no such invitation.", field="invitation", code="invitation_unknown")
    customers.locked(runtime.store, tx, [invitation.customer_id])
    return str(invitation.customer_id)


def note_wish(runtime: Runtime, tx: Transaction, customer_id: str, *, opted_out: bool, at: datetime, how: str) -> None:
    """Keeps what a customer, whose row is locked, said last, and does what follows where it is something new.

    Of an opt-out and an opt-in of the same moment, the opt-out holds.
    """
    customer = customers.by_ids(tx, [customer_id])[customer_id]
    at = min(at, runtime.clock.now())  # a clock that runs ahead must not outweigh every later word
    if _said_before(customer, at, opted_out=opted_out):
        return
    update_each(tx, table, [{"id": customer_id, "opted_at": at, "opted_out_at": at if opted_out else None}])
    if opted_out != (customer.opted_out_at is not None):
        (_stop if opted_out else _resume)(runtime, tx, customer_id, at, how)


def _said_before(customer: Row[Any], at: datetime, *, opted_out: bool) -> bool:
    last = customer.opted_at
    return last is not None and (last, customer.opted_out_at is not None) >= (at, opted_out)


def _stop(runtime: Runtime, tx: Transaction, customer_id: str, at: datetime, how: str) -> None:
    """Cancels everything automatic."""
    cancelled = outbox.cancel_messages(tx, customer_id, "opted_out")
    pending = {i.id: i for i in invitations.pending(tx, customer_id)} | invitations.by_ids(tx, cancelled)
    for invitation in pending.values():
        skip(runtime, tx, invitation, "opt_out", "opted_out", "The customer wants no surveys.")
    _tell(runtime, tx, customer_id, at, "opted_out", how)


def _resume(runtime: Runtime, tx: Transaction, customer_id: str, at: datetime, how: str) -> None:
    """Nothing is taken up again: what comes from now on is asked."""
    _tell(runtime, tx, customer_id, at, "opted_in", how)


def _tell(runtime: Runtime, tx: Transaction, customer_id: str, at: datetime, verdict: str, how: str) -> None:
    """Says it in the ledger and on the CRM's timeline."""
    decisions.note(
        runtime.store, tx, customer_id, "customer", customer_id,
        rule="opt_out", verdict=verdict, reason=verdict, text=f"They said so over {how}.",
    )  # fmt: skip
    waits = bool(owe_people(runtime.store, tx, runtime.crm.name, [customer_id]))
    text = runtime.policy.say("entry.stopped" if verdict == "opted_out" else "entry.resumed")
    key = stable_id(verdict, customer_id, at.isoformat())
    outbox.owe(runtime.store, tx, [survey_entry(runtime, key, customer_id, Direction.INBOUND, text, waits=waits)])
