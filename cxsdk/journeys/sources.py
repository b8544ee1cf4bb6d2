"""Sources: read on and on, page by page; each page's records and the cursor are stored in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, func, or_, select, update

from cxsdk.capabilities import Reader, Stop
from cxsdk.domain.raw import Page
from cxsdk.errors import CxsdkError, PluginBug, RateLimited, StoreUnavailable
from cxsdk.journeys.governor import NoPermit
from cxsdk.journeys.health import broke, recovered, trouble_in
from cxsdk.journeys.runtime import Runtime
from cxsdk.observe import logger, redact
from cxsdk.observe.crashing import calling
from cxsdk.observe.guarding import guarded
from cxsdk.policy.health import LONG_WAIT, is_broken
from cxsdk.store import Transaction, inbox
from cxsdk.store.accounts import Mended
from cxsdk.store.engine import NOW, Dialect
from cxsdk.store.inbox import Arrival
from cxsdk.store.prepared import Prepared, prepared
from cxsdk.store.rows import insert_new
from cxsdk.store.tables import cursors
from cxsdk.store.work import reason_of

#: As what the governor knows the requests of a source.
_READING = "source"


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
    return [source for account in runtime.accounts for source in _sources_of(runtime, account)]


def _sources_of(runtime: Runtime, account: str) -> Sequence[Source]:
    inbound, poll_every = runtime.inbound(account), runtime.accounts[account].poll_every
    if inbound is None:
        return ()
    try:
        with guarded():
            return [Source(account, name, read, poll_every) for name, read in inbound.sources().items()]
    except Exception as error:  # noqa: BLE001 - a plugin's code: the sources of the others are read
        logger("cxsdk.sources").error("sources_failed", account=account, error=repr(error), exc_info=error)
        return ()


def acquire(runtime: Runtime, source: Source, holder: str) -> int | None:
    """The fence under which this process may read a source now, or None while another one reads it."""
    with runtime.store.write() as tx:
        insert_new(tx, cursors, [{"account": source.account, "source": source.name}])
        times = runtime.store.times(now=NOW, until=runtime.lease)
        asked = {"account": source.account, "name": source.name, "who": holder}
        fence: int | None = tx.scalar(_acquire(runtime.store.dialect), {**asked, **times})
        return fence


@prepared
def _acquire(sql: Dialect) -> Any:
    is_holder = cursors.c.holder == bindparam("who")
    free = or_(cursors.c.lease_until.is_(None), cursors.c.lease_until < sql.at("now"), is_holder)
    mine = {"holder": bindparam("who"), "lease_until": sql.at("until"), "fence": cursors.c.fence + 1}
    return update(cursors).where(_IS, free).values(mine).returning(cursors.c.fence)


def renew(runtime: Runtime, source: Source, fence: int) -> bool:
    """Holds a source for another lease; False where it was taken over."""
    with runtime.store.write() as tx:
        mine = update(cursors).where(_is(source), cursors.c.fence == fence)
        longer = mine.values(lease_until=runtime.store.dialect.at("until"))
        return bool(tx.execute(longer, runtime.store.times(until=runtime.lease)).rowcount)


def release(runtime: Runtime, source: Source, fence: int) -> None:
    """Lets another process read a source at once."""
    with runtime.store.write() as tx:
        tx.execute(_RELEASE, {"account": source.account, "name": source.name, "under": fence})


_IS = (cursors.c.account == bindparam("account")) & (cursors.c.source == bindparam("name"))
_RELEASE = Prepared(
    update(cursors).where(_IS, cursors.c.fence == bindparam("under")).values(holder=None, lease_until=None)
)


def read_to_the_end(runtime: Runtime, source: Source, fence: int, stop: Stop) -> int:
    """Stores page after page until the source is up to date or ``stop`` is set; tells how many records were new to us.

    Raises TakenOver where another process reads it by now, RateLimited where the account has used up what it may, and
    whatever the plugin raises.
    """
    cursor, permitted, is_failing = _begin(runtime, source)
    stored = 0
    with runtime.governor.counting(source.account, _READING, permitted):
        with guarded():
            pages = iter(source.read(cursor, stop))
        while (page := _next(pages)) is not _END:
            if not isinstance(page, Page):
                raise PluginBug(f"{source.account}.{source.name} yielded {type(page).__name__} where a Page was due.")
            stored += _store(runtime, source, fence, page)
            if is_failing:
                is_failing = _worked(runtime, source)
            if stop.is_set():
                break
    if is_failing:
        _worked(runtime, source)
    return stored


def failed(runtime: Runtime, source: Source, error: Exception, wait: timedelta) -> None:
    """Notes that a source could not be read and is not before the wait is over; where that lasts, its account broke."""
    is_pace = isinstance(error, RateLimited) and error.code == "limit_used_up" and wait <= LONG_WAIT
    if is_pace or isinstance(error, StoreUnavailable):
        return  # ours, not the provider's
    trouble, store = trouble_in(error), runtime.store
    with store.write() as tx:
        known = tx.execute(store.dialect.locked(select(cursors).where(_is(source)))).one_or_none()
        if known is None:
            return
        now = store.moment(tx)
        since = known.failing_since or now
        kind = error.code if isinstance(error, CxsdkError) else type(error).__name__
        why = reason_of(f"{kind}: {redact(str(error))}")[:500]
        values = {"failing_since": since, "problem": why}
        if is_broken(trouble, since, now + wait):
            values["broken"] = trouble
            if known.broken is None:
                broke(runtime, tx, source.account, source.name, trouble, why, since)
        tx.execute(update(cursors).where(_is(source)).values(values))


def _worked(runtime: Runtime, source: Source) -> bool:
    """The source could be read again. Tells whether it still fails: no."""
    with runtime.store.write() as tx:
        known = tx.execute(runtime.store.dialect.locked(select(cursors).where(_is(source)))).one()
        if known.broken is not None:
            recovered(runtime, tx, source.account, source.name, Mended(known.broken, known.failing_since))
        tx.execute(update(cursors).where(_is(source)).values(failing_since=None, problem=None, broken=None))
    return False


#: What comes after the last page.
_END = object()


def _next(pages: Iterator[Page]) -> object:
    with calling(), guarded():
        return next(pages, _END)


def _begin(runtime: Runtime, source: Source) -> tuple[str | None, float, bool]:
    """Where to go on reading, the permits for it, and whether the last try failed.

    Raises RateLimited where there are no permits now.
    """
    with runtime.store.read() as tx:
        found = tx.execute(_PLACE, {"account": source.account, "name": source.name}).one_or_none()
    cursor, since = found or (None, None)
    if not runtime.governor.has_limits(source.account):
        return cursor, 1.0, since is not None
    try:
        with runtime.store.write() as tx:
            return cursor, runtime.governor.permit(tx, source.account, _READING), since is not None
    except NoPermit as refused:
        raise RateLimited(
            f"{source.account} waits: {refused.limit} is used up. It goes on by itself.",
            retry_after=refused.wait_s,
            code="limit_used_up",
        ) from None


_PLACE = Prepared(select(cursors.c.cursor, cursors.c.failing_since).where(_IS))


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
    asked = {"account": source.account, "name": source.name, "under": fence, "place": cursor}
    moved = tx.execute(_move(runtime.store.dialect), {**asked, **runtime.store.times(until=runtime.lease)})
    if moved.first() is None:
        raise TakenOver(f"{source.account}.{source.name}")


@prepared
def _move(sql: Dialect) -> Any:
    place = func.coalesce(bindparam("place", type_=cursors.c.cursor.type), cursors.c.cursor)
    moved = update(cursors).where(_IS, cursors.c.fence == bindparam("under"))
    return moved.values(lease_until=sql.at("until"), cursor=place).returning(cursors.c.fence)


def _is(source: Source) -> Any:
    return (cursors.c.account == source.account) & (cursors.c.source == source.name)
