"""The ledger: every verdict with its reason, so that what happened can be explained afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from cxsdk.store.engine import Store, Transaction
from cxsdk.store.tables import decisions
from cxsdk.store.work import insert_for


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
    until: datetime | None = None,
) -> None:
    """Writes a verdict down, unless the last one about this subject was the same for the same reason."""
    last = select(decisions.c.verdict, decisions.c.reason).where(decisions.c.subject_id == subject_id)
    before = tx.execute(last.order_by(decisions.c.id.desc()).limit(1)).one_or_none()
    if before is None or (before.verdict, before.reason) != (verdict, reason):
        tx.execute(
            insert_for(store)(decisions).values(
                customer_id=customer_id,
                subject=subject,
                subject_id=subject_id,
                rule=rule,
                verdict=verdict,
                reason=reason,
                text=text,
                until=until,
                at=store.clock.now(),
            )
        )


def of_customer(tx: Transaction, customer_id: str) -> Sequence[Row[Any]]:
    """All verdicts about a customer, oldest first."""
    query = select(decisions).where(decisions.c.customer_id == customer_id)
    return tx.execute(query.order_by(decisions.c.at, decisions.c.id)).all()
