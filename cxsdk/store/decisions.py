"""The ledger: every verdict with its reason, so that what happened can be explained afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select

from cxsdk.store.among import among
from cxsdk.store.engine import Store, Transaction
from cxsdk.store.prepared import Prepared
from cxsdk.store.rows import insert_new
from cxsdk.store.tables import decisions


@dataclass(frozen=True)
class Verdict:
    """One verdict of one rule about one thing of one customer."""

    customer_id: str
    subject: str
    subject_id: str
    rule: str
    verdict: str
    reason: str
    text: str
    until: datetime | None = None


def note_all(store: Store, tx: Transaction, verdicts: Sequence[Verdict]) -> None:
    """Writes verdicts down, except those that say what was said last of the same subject for the same reason."""
    if not verdicts:
        return
    said = _last(tx, {verdict.subject_id for verdict in verdicts})
    rows = []
    for verdict in verdicts:
        if said.get(verdict.subject_id) != (verdict.verdict, verdict.reason):
            said[verdict.subject_id] = (verdict.verdict, verdict.reason)
            rows.append({**asdict(verdict), "at": store.clock.now()})
    if rows:
        insert_new(tx, decisions, rows)


def _last(tx: Transaction, subjects: set[str]) -> dict[str, tuple[str, str]]:
    return {subject: (verdict, reason) for subject, verdict, reason in tx.execute(_LAST, {"subjects": list(subjects)})}


_NEWEST = (
    select(func.max(decisions.c.id)).where(among(decisions.c.subject_id, "subjects")).group_by(decisions.c.subject_id)
)
_LAST = Prepared(
    select(decisions.c.subject_id, decisions.c.verdict, decisions.c.reason).where(decisions.c.id.in_(_NEWEST))
)


def note(
    store: Store,
    tx: Transaction,
    customer_id: str,
    subject: str,
    subject_id: str,
    *,
    rule: str,
    verdict: str,
    reason: str,
    text: str,
) -> None:
    """Writes one verdict down."""
    note_all(store, tx, [Verdict(customer_id, subject, subject_id, rule, verdict, reason, text)])


def of_customer(tx: Transaction, customer_id: str) -> Sequence[Row[Any]]:
    """All verdicts about a customer, oldest first."""
    query = select(decisions).where(decisions.c.customer_id == customer_id)
    return tx.execute(query.order_by(decisions.c.at, decisions.c.id)).all()
