"""Health and pauses of accounts, one row each, shared by all processes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, case, or_, select, update

from cxsdk.store.engine import Store, Transaction
from cxsdk.store.tables import accounts
from cxsdk.store.work import insert_for

#: The first wait after a failure, doubled with each further one up to the longest: a dead CRM is probed, not hammered.
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=60)
#: No limit is longer than a daily one, whatever a provider's answer says.
LONGEST_LIMIT = timedelta(days=1)


def is_paused(store: Store, tx: Transaction, account: str) -> bool:
    """Whether nothing may be called for an account now."""
    return standing(store, tx, account)[0]


def standing(store: Store, tx: Transaction, account: str) -> tuple[bool, bool]:
    """Whether nothing may be called for an account now, and whether its last call failed."""
    found = select(accounts.c.paused_until > store.now, accounts.c.failures).where(accounts.c.name == account)
    paused, failures = tx.execute(found).one_or_none() or (False, 0)
    return bool(paused), failures > 0


def paused_now(store: Store, tx: Transaction) -> set[str]:
    """The accounts for which nothing may be called now."""
    return set(tx.scalars(select(accounts.c.name).where(accounts.c.paused_until > store.now)))


def next_release(tx: Transaction, after: datetime) -> datetime | None:
    """The earliest end of a pause."""
    found = select(accounts.c.paused_until).where(accounts.c.paused_until > after)
    return tx.scalar(found.order_by(accounts.c.paused_until).limit(1))


def pause(store: Store, tx: Transaction, account: str, problem: str, wait: timedelta | None = None) -> datetime:
    """Calls nothing for an account for so long; without a wait, longer with each failure in a row.

    A pause that lasts longer already stays as it is.
    """
    insert = insert_for(store)(accounts)
    tx.execute(insert.values(name=account).on_conflict_do_nothing())
    query = select(accounts).where(accounts.c.name == account)
    known = tx.execute(query if store.is_sqlite else query.with_for_update()).one()
    growing = min(FIRST_PAUSE * 2 ** min(known.failures, 10), LONGEST_PAUSE)
    until = store.moment(tx) + (growing if wait is None else wait)
    until = max(until, known.paused_until or until)
    values = {"paused_until": until, "failures": known.failures + (wait is None), "problem": problem[:500]}
    tx.execute(update(accounts).where(accounts.c.name == account).values(values))
    return until


def worked(store: Store, tx: Transaction, account: str) -> None:
    """The account answered well: no failures are held against it. Written at most once a second when all is well.

    A pause goes on: the call may have begun before the limit was hit.
    """
    now = store.now
    insert = insert_for(store)(accounts).values(name=account, last_ok_at=now)
    well = {
        "last_ok_at": insert.excluded.last_ok_at,
        "failures": 0,
        "problem": case((accounts.c.paused_until > now, accounts.c.problem)),
    }
    stale = or_(
        accounts.c.last_ok_at.is_(None),
        accounts.c.last_ok_at < store.after(-timedelta(seconds=1)),
        accounts.c.failures > 0,
    )
    tx.execute(insert.on_conflict_do_update(index_elements=[accounts.c.name], set_=well, where=stale))


def health(tx: Transaction, account: str) -> Row[Any] | None:
    """What is known of an account, or None where it has not been used."""
    return tx.execute(select(accounts).where(accounts.c.name == account)).one_or_none()
