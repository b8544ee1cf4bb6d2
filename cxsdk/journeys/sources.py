"""Sources: read on and on, page by page; each page's records and the cursor are stored in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import or_, select, update

from cxsdk.capabilities import Reader, Stop
from cxsdk.domain.raw import Page
from cxsdk.errors import PluginBug
from cxsdk.journeys.runtime import Runtime
from cxsdk.store import Transaction, inbox
from cxsdk.store.inbox import Arrival
from cxsdk.store.tables import cursors
from cxsdk.store.work import insert_for

#: How long a process may be silent before another one takes its sources over.
LEASE = timedelta(seconds=30)


@dataclass(frozen=True)
class Source:
    """One thing to read: an account's source by name, and how long to wait when it is up to date."""

    account: str
    name: str
    read: Reader
    poll_every: timedelta


class TakenOver(Exception):
    """Another process reads this source now."""


def sources_of(runtime: Runtime) -> Sequence[Source]:
    """Everything that is to be read on and on."""
    found = []
    for account, plugin in runtime.accounts.items():
        inbound = runtime.inbound(account)
        if inbound is not None:
            found += [Source(account, name, read, plugin.poll_every) for name, read in inbound.sources().items()]
    return found


def acquire(runtime: Runtime, source: Source, holder: str) -> int | None:
    """The fence under which this process may read a source now, or None while another one reads it."""
    with runtime.store.write() as tx:
        insert = insert_for(runtime.store)(cursors).values(account=source.account, source=source.name)
        tx.execute(insert.on_conflict_do_nothing())
        free = or_(
            cursors.c.lease_until.is_(None), cursors.c.lease_until < runtime.store.now, cursors.c.holder == holder
        )
        taken = update(cursors).where(_is(source), free).values(
            holder=holder, lease_until=runtime.store.after(LEASE), fence=cursors.c.fence + 1
        )  # fmt: skip
        fence: int | None = tx.scalar(taken.returning(cursors.c.fence))
        return fence


def renew(runtime: Runtime, source: Source, fence: int) -> bool:
    """Holds a source for another lease; False where it was taken over."""
    with runtime.store.write() as tx:
        mine = update(cursors).where(_is(source), cursors.c.fence == fence)
        return bool(tx.execute(mine.values(lease_until=runtime.store.after(LEASE))).rowcount)


def release(runtime: Runtime, source: Source, fence: int) -> None:
    """Lets another process read a source at once."""
    with runtime.store.write() as tx:
        mine = update(cursors).where(_is(source), cursors.c.fence == fence)
        tx.execute(mine.values(holder=None, lease_until=None))


def read_to_the_end(runtime: Runtime, source: Source, fence: int, stop: Stop) -> int:
    """Stores page after page until the source is up to date or ``stop`` is set; tells how many records were new to us.

    Raises TakenOver where another process reads it by now, and whatever the plugin raises.
    """
    with runtime.store.read() as tx:
        cursor = tx.scalar(select(cursors.c.cursor).where(_is(source)))
    stored = 0
    for page in source.read(cursor, stop):
        if not isinstance(page, Page):
            raise PluginBug(f"{source.account}.{source.name} yielded {type(page).__name__} where a Page was due.")
        stored += _store(runtime, source, fence, page)
        if stop.is_set():
            break
    return stored


def _store(runtime: Runtime, source: Source, fence: int, page: Page) -> int:
    now = runtime.clock.now()
    arrivals = [
        Arrival(source.account, raw.model_copy(update={"source": source.name, "received_at": raw.received_at or now}))
        for raw in page.items
    ]
    with runtime.store.write() as tx:
        outcomes = inbox.put(runtime.store, tx, arrivals)
        _move_cursor(runtime, tx, source, fence, page.cursor)
    return outcomes.count(inbox.Stored.NEW)


def _move_cursor(runtime: Runtime, tx: Transaction, source: Source, fence: int, cursor: str | None) -> None:
    values: dict[str, Any] = {"lease_until": runtime.store.after(LEASE)}
    if cursor is not None:
        values["cursor"] = cursor
    moved = tx.execute(update(cursors).where(_is(source), cursors.c.fence == fence).values(**values))
    if not moved.rowcount:
        raise TakenOver(f"{source.account}.{source.name}")


def _is(source: Source) -> Any:
    return (cursors.c.account == source.account) & (cursors.c.source == source.name)
