"""Grants of accounts: encrypted rows, each with the lease under which one process at a time renews it.

A grant is stored as the successor of the one that it came from (``generation``), not under the lease: a process whose
lease has ended, but whose answer is the only successor there is, must not throw it away.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update

from cxsdk.domain.oauth import Grant
from cxsdk.errors import StoreUnavailable, Transient
from cxsdk.http.vault import Kept, Lease
from cxsdk.store import accounts
from cxsdk.store.engine import NOW, LostRace, Store, Transaction
from cxsdk.store.patience import patient
from cxsdk.store.rows import insert_for
from cxsdk.store.sealing import Sealer
from cxsdk.store.tables import oauth_tokens as table

#: How long an account rests that must be connected again: what is kept says so, and its provider is not asked.
REST = timedelta(minutes=5)
#: What an account rested for that works again once it is connected.
MENDED = ("reconnect_needed", "not_connected", "oauth_refused", "secrets_key_wrong", "authentication_failed")


class TokenVault:
    """Implements ``Vault`` for one account. Where the database does not answer, nothing happened: Transient."""

    def __init__(self, store: Store, sealer: Sealer, account: str) -> None:
        self._store = store
        self._sealer = sealer
        self._account = account
        self._mine = table.c.account == account

    def load(self) -> Kept | None:
        """What is kept, or None where the account was never connected."""
        with _transiently(), self._store.read() as tx:
            row = tx.execute(select(table).where(self._mine)).one_or_none()
            now = self._store.moment(tx)
        if row is None:
            return None
        grant = Grant.from_kept(self._sealer.unseal(self._account, row.sealed))
        return Kept(grant, row.generation, now, row.problem or "")

    def begin(self, generation: int, lease: timedelta) -> Lease | None:
        """The lease, or None while somebody else has it, or where the grant is another by now."""
        at = self._store.dialect.at
        is_free = or_(table.c.lease_until.is_(None), table.c.lease_until <= at("now"))
        take = update(table).where(self._is(generation), table.c.problem.is_(None), is_free)
        taken = take.values(lease_until=at("until"), fence=table.c.fence + 1).returning(table.c.fence)
        with _transiently(), self._store.write() as tx:
            fence = tx.scalar(taken, self._store.times(now=NOW, until=lease))
            return None if fence is None else Lease(fence, self._store.moment(tx))

    def keep(self, grant: Grant, generation: int) -> bool:
        """Stores the successor of a generation, and ends the lease; False where there is one already."""
        sealed = self._sealer.seal(self._account, grant.kept())
        after = {"sealed": sealed, "generation": generation + 1, "lease_until": None, "problem": None}
        with _transiently(), self._store.write() as tx:
            change = update(table).where(self._is(generation)).values(**after, renewed_at=self._store.moment(tx))
            is_kept = tx.execute(change).rowcount > 0
            if is_kept:
                accounts.forgive(tx, self._account, ("reconnect_needed",))  # it was given up too soon
        return is_kept

    def give_up(self, generation: int, problem: str) -> bool:
        """Says that a generation is good no more, and has the account rest; False where it has a successor."""
        with _transiently(), self._store.write() as tx:
            over = update(table).where(self._is(generation)).values(problem=problem[:500], lease_until=None)
            is_over = tx.execute(over).rowcount > 0
            if is_over:
                accounts.pause(self._store, tx, self._account, f"reconnect_needed: {problem}", REST)
        return is_over

    def release(self, lease: Lease, wait: timedelta) -> None:
        """Gives a lease back: nobody tries before so long."""
        mine = update(table).where(self._mine, table.c.fence == lease.fence)
        with _transiently(), self._store.write() as tx:
            tx.execute(mine.values(lease_until=self._store.dialect.at("until")), self._store.times(until=wait))

    def connect(self, grant: Grant) -> None:
        """Stores what was granted just now, whatever was there; the account works again."""
        sealed = self._sealer.seal(self._account, grant.kept())
        with _transiently(), self._store.write() as tx:
            new = {"sealed": sealed, "connected_at": self._store.moment(tx)}
            insert = insert_for(self._store)(table).values(account=self._account, **new)
            after = {**new, "generation": table.c.generation + 1, "lease_until": None, "problem": None}
            tx.execute(insert.on_conflict_do_update(index_elements=[table.c.account], set_=after))
            accounts.forgive(tx, self._account, MENDED)

    def now(self) -> datetime:
        """The store's time."""
        with _transiently(), self._store.read() as tx:
            return self._store.moment(tx)

    def _is(self, generation: int) -> Any:
        return self._mine & (table.c.generation == generation)


def sealed_rows(tx: Transaction) -> list[tuple[str, str]]:
    """Each account that was connected, and its grant as it is sealed."""
    return [(row.account, row.sealed) for row in tx.execute(select(table).order_by(table.c.account))]


@patient
def seal_again(store: Store, sealer: Sealer) -> int:
    """Seals every grant with the first key; tells how many.

    One that is renewed meanwhile is sealed by whoever renews it: all processes should have the new key by now.
    """
    with store.read() as tx:
        rows = sealed_rows(tx)
    again = [(account, sealed, sealer.seal_again(account, sealed)) for account, sealed in rows]
    with store.write() as tx:
        for account, before, after in again:
            tx.execute(update(table).where(table.c.account == account, table.c.sealed == before).values(sealed=after))
    return len(again)


@contextmanager
def _transiently() -> Iterator[None]:
    """An account's request waits like any other while its token cannot be read: it did not happen."""
    try:
        yield
    except StoreUnavailable as error:
        raise Transient(f"The account's token cannot be read: {error}", retry_after=error.retry_after) from error
    except LostRace as error:
        raise Transient("Another process changed the account's token at the same moment.") from error
