"""Health and pauses of accounts, one row each, shared by all processes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, or_, select, update

from cxsdk.store.engine import Store, Transaction
from cxsdk.store.tables import accounts
from cxsdk.store.work import insert_for

#: The first wait after a failure, doubled with each further one up to the longest: a dead CRM is probed, not hammered.
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=60)


def is_paused(store: Store, tx: Transaction, account: str) -> bool:
    """Whether nothing may be called for an account now."""
    paused = select(accounts.c.name).where(accounts.c.name == account, accounts.c.paused_until > store.now)
    return tx.scalar(paused) is not None


def paused_now(store: Store, tx: Transaction) -> set[str]:
    """The accounts for which nothing may be called now."""
    return set(tx.scalars(select(accounts.c.name).where(accounts.c.paused_until > store.now)))


def next_release(tx: Transaction, after: datetime) -> datetime | None:
    """The earliest end of a pause."""
    found = select(accounts.c.paused_until).where(accounts.c.paused_until > after)
    return tx.scalar(found.order_by(accounts.c.paused_until).limit(1))


def pause(store: Store, tx: Transaction, account: str, problem: str, wait: timedelta | None = None) -> datetime:
    """Calls nothing for an account for so long; without a wait, longer with each failure in a row."""
    insert = insert_for(store)(accounts)
    tx.execute(insert.values(name=account).on_conflict_do_nothing())
    failures = tx.scalar(select(accounts.c.failures).where(accounts.c.name == account)) or 0
    growing = min(FIRST_PAUSE * 2 ** min(failures, 10), LONGEST_PAUSE)
    until = store.clock.now() + (growing if wait is None else wait)
    values = {"paused_until": until, "failures": failures + 1, "problem": problem[:500]}
    tx.execute(update(accounts).where(accounts.c.name == account).values(values))
    return until


def worked(store: Store, tx: Transaction, account: str) -> None:
    """The account answered well: no failures are held against it. Written at most once a second when all is well."""
    now = store.clock.now()
    insert = insert_for(store)(accounts).values(name=account, last_ok_at=now)
    well = {"last_ok_at": now, "failures": 0, "problem": None, "paused_until": None}
    stale = or_(
        accounts.c.last_ok_at.is_(None),
        accounts.c.last_ok_at < now - timedelta(seconds=1),
        accounts.c.failures > 0,
    )
    tx.execute(insert.on_conflict_do_update(index_elements=[accounts.c.name], set_=well, where=stale))


def health(tx: Transaction, account: str) -> Row[Any] | None:
    """What is known of an account, or None where it has not been used."""
    return tx.execute(select(accounts).where(accounts.c.name == account)).one_or_none()
