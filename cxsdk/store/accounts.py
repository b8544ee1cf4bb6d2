"""Health and pauses of accounts, one row each, shared by all processes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row, bindparam, case, or_, select, update

from cxsdk.domain.limits import Meter, Meters
from cxsdk.store.engine import NOW, Dialect, Store, Transaction
from cxsdk.store.prepared import Prepared, prepared
from cxsdk.store.rows import insert_for, insert_new
from cxsdk.store.tables import accounts

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
    asked = {"account": account, **store.times(now=NOW)}
    paused, failures = tx.execute(_standing(store.dialect), asked).one_or_none() or (False, 0)
    return bool(paused), failures > 0


@prepared
def _standing(sql: Dialect) -> Any:
    is_paused = accounts.c.paused_until > sql.at("now")
    return select(is_paused, accounts.c.failures).where(accounts.c.name == bindparam("account"))


def paused_now(store: Store, tx: Transaction) -> set[str]:
    """The accounts for which nothing may be called now."""
    return set(tx.scalars(_paused_now(store.dialect), store.times(now=NOW)))


@prepared
def _paused_now(sql: Dialect) -> Any:
    return select(accounts.c.name).where(accounts.c.paused_until > sql.at("now"))


def next_release(tx: Transaction, after: datetime) -> datetime | None:
    """The earliest end of a pause."""
    release: datetime | None = tx.scalar(_NEXT_RELEASE, {"after": after})
    return release


_NEXT_RELEASE = Prepared(
    select(accounts.c.paused_until)
    .where(accounts.c.paused_until > bindparam("after"))
    .order_by(accounts.c.paused_until)
    .limit(1)
)


class Paused(NamedTuple):
    """Until when nothing is called for an account, since when no call succeeded, and as what it was broken before."""

    until: datetime
    since: datetime
    broken: str | None


def pause(store: Store, tx: Transaction, account: str, problem: str, wait: timedelta | None = None) -> Paused:
    """Calls nothing for an account for so long; without a wait, longer with each failure in a row.

    A pause that lasts longer already stays as it is.
    """
    insert_new(tx, accounts, [{"name": account}])
    known = tx.execute(_known(store.dialect), {"account": account}).one()
    growing = min(FIRST_PAUSE * 2 ** min(known.failures, 10), LONGEST_PAUSE)
    now = store.moment(tx)
    until = now + (growing if wait is None else wait)
    until = max(until, known.paused_until or until)
    since = known.failing_since or now
    values = {"paused_until": until, "failures": known.failures + (wait is None), "problem": problem[:500]}
    _change(tx, account, failing_since=since, **values)
    return Paused(until, since, known.broken)


@prepared
def _known(sql: Dialect) -> Any:
    return sql.locked(select(accounts).where(accounts.c.name == bindparam("account")))


def _change(tx: Transaction, account: str, **values: Any) -> None:
    tx.execute(_changing(tuple(values)), {"account": account, **{f"new_{name}": v for name, v in values.items()}})


@prepared
def _changing(names: tuple[str, ...]) -> Any:
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    return update(accounts).where(accounts.c.name == bindparam("account")).values(values)


def breaks(tx: Transaction, account: str, trouble: str) -> None:
    """Counts an account as broken, as this."""
    _change(tx, account, broken=trouble)


class Mended(NamedTuple):
    """As what an account, or a source, was broken that works again, and since when."""

    broken: str
    since: datetime


def worked(store: Store, tx: Transaction, account: str) -> Mended | None:
    """The account answered well: no failures are held against it. Written at most once a second when all is well.

    A pause goes on: the call may have begun before the limit was hit. Tells of a breakage that ended with it.
    """
    times = store.times(now=NOW, lately=-timedelta(seconds=1))
    known = tx.execute(_worked(store.dialect, insert_for(store)), {"account": account, **times}).first()
    if known is None or known.broken is None:
        return None
    _change(tx, account, broken=None, failing_since=None)
    return Mended(known.broken, known.failing_since)


@prepared
def _worked(sql: Dialect, insert_into: Any) -> Any:
    insert = insert_into(accounts).values(name=bindparam("account"), last_ok_at=sql.at("now"))
    well = {
        "last_ok_at": insert.excluded.last_ok_at,
        "failures": 0,
        "refusals": 0,
        "problem": case((accounts.c.paused_until > sql.at("now"), accounts.c.problem)),
        # Of a breakage it is told first
        "failing_since": case((accounts.c.broken.is_not(None), accounts.c.failing_since)),
    }
    last = accounts.c.last_ok_at
    fails = or_(accounts.c.failures > 0, accounts.c.refusals > 0, accounts.c.failing_since.is_not(None))
    stale = or_(last.is_(None), last < sql.at("lately"), fails)
    upsert = insert.on_conflict_do_update(index_elements=[accounts.c.name], set_=well, where=stale)
    return upsert.returning(accounts.c.broken, accounts.c.failing_since)


def refused(store: Store, tx: Transaction, account: str, records: int) -> int:
    """The account refused so many records and took none; tells how many it has refused in a row by now."""
    known = {"account": account, "records": records, **store.times(now=NOW)}
    return int(tx.execute(_refused(store.dialect, insert_for(store)), known).scalar())


@prepared
def _refused(sql: Dialect, insert_into: Any) -> Any:
    insert = insert_into(accounts).values(
        name=bindparam("account"), last_ok_at=sql.at("now"), refusals=bindparam("records")
    )
    answered = {
        "last_ok_at": insert.excluded.last_ok_at,
        "refusals": accounts.c.refusals + insert.excluded.refusals,
        # It answers, so that no outage goes on; what is broken goes on with single records until something is taken
        "failures": case((accounts.c.broken.is_not(None), accounts.c.failures), else_=0),
        "failing_since": case((accounts.c.broken.is_not(None), accounts.c.failing_since)),
    }
    upsert = insert.on_conflict_do_update(index_elements=[accounts.c.name], set_=answered)
    return upsert.returning(accounts.c.refusals)


def rest(store: Store, tx: Transaction, account: str, problem: str, wait: timedelta) -> None:
    """Calls nothing for an account for so long: nothing failed, a limit is used up."""
    times = store.times(until=wait)
    tx.execute(_rest(store.dialect, insert_for(store)), {"account": account, "why": problem[:500], **times})


@prepared
def _rest(sql: Dialect, insert_into: Any) -> Any:
    insert = insert_into(accounts).values(
        name=bindparam("account"), paused_until=sql.at("until"), problem=bindparam("why")
    )
    longer = or_(accounts.c.paused_until.is_(None), accounts.c.paused_until < insert.excluded.paused_until)
    change = {"paused_until": insert.excluded.paused_until, "problem": insert.excluded.problem}
    return insert.on_conflict_do_update(index_elements=[accounts.c.name], set_=change, where=longer)


def forgive(tx: Transaction, account: str, codes: Iterable[str]) -> None:
    """Ends an account's pause that is for a problem with one of these codes: an operator has mended it."""
    is_mended = or_(*(accounts.c.problem.startswith(f"{code}:", autoescape=True) for code in codes))
    well = {"paused_until": None, "failures": 0, "problem": None}
    tx.execute(update(accounts).where(accounts.c.name == account, is_mended).values(well))


def meters(store: Store, tx: Transaction, account: str) -> Meters:
    """How much of its limits an account has used, locked until the transaction ends."""
    kept = tx.scalar(_meters(store.dialect), {"account": account}) or {}
    return {name: Meter(*values) for name, values in kept.items()}


@prepared
def _meters(sql: Dialect) -> Any:
    return sql.locked(select(accounts.c.meters).where(accounts.c.name == bindparam("account")))


def save_meters(store: Store, tx: Transaction, account: str, meters: Meters) -> None:
    """Writes down how much is used."""
    kept = {name: [meter.level, meter.at, meter.amount] for name, meter in meters.items()}
    tx.execute(_save_meters(insert_for(store)), {"account": account, "kept": kept})


@prepared
def _save_meters(insert_into: Any) -> Any:
    insert = insert_into(accounts).values(
        name=bindparam("account"), meters=bindparam("kept", type_=accounts.c.meters.type)
    )
    return insert.on_conflict_do_update(index_elements=[accounts.c.name], set_={"meters": insert.excluded.meters})


def health(tx: Transaction, account: str) -> Row[Any] | None:
    """What is known of an account, or None where it has not been used."""
    return tx.execute(_HEALTH, {"account": account}).one_or_none()


_HEALTH = Prepared(select(accounts).where(accounts.c.name == bindparam("account")))
