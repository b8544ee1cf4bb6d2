"""What was set aside: rows that nothing works on any more until a person decides, whatever table they stand in.

A row is set aside as ``dead``, or, if it may have been done and must not be repeated, as ``unknown``. It is named by
its table and id: ``inbox:45``, ``outbox:123``, ``due:7``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Boolean, ColumnElement, Row, Table, false, func, literal_column, select, true, union_all

from cxsdk.errors import BadInput
from cxsdk.store.engine import Store, Transaction
from cxsdk.store.outbox import OutKind
from cxsdk.store.tables import DEAD, UNKNOWN, due, inbox, outbox

#: The tables whose rows can be set aside, in the order in which they are listed.
TABLES: dict[str, Table] = {table.name: table for table in (inbox, outbox, due)}
STATES = (DEAD, UNKNOWN)
#: How many rows are looked at, or changed, together.
BATCH = 200

_NAME = re.compile(r"(inbox|outbox|due):([0-9]{1,18})")


class AsideKind(StrEnum):
    """What sort of work was set aside; for outward work, what sort of thing should have gone out."""

    RECORD = "record"  #: a raw record that came in and could not be understood
    PERSON = OutKind.PERSON.value
    ENTRY = OutKind.ENTRY.value
    TASK = OutKind.TASK.value
    MESSAGE = OutKind.MESSAGE.value
    HOOK = OutKind.HOOK.value
    LOOK = "look"  #: a look at something whose time had come


class Ref(NamedTuple):
    """The name of a row among all tables."""

    table: str
    id: int

    @classmethod
    def read(cls, written: str) -> Ref:
        """A name as a person types it. Raises BadInput for what is none."""
        found = _NAME.fullmatch(written)
        if found is None:
            raise BadInput(
                f"{written!r} names no row; take an id such as outbox:123 from: cxsdk dead list APP", code="id_invalid"
            )
        return cls(found[1], int(found[2]))

    def __str__(self) -> str:
        return f"{self.table}:{self.id}"


def is_name(written: str) -> bool:
    """Whether this is written like the name of a row."""
    return _NAME.fullmatch(written) is not None


class Part(NamedTuple):
    """The rows of one table that are set aside in one way."""

    table: Table
    state: str

    @property
    def rows(self) -> ColumnElement[bool]:
        """The condition that they meet."""
        return _ROWS[self.state]


# Without parameters: SQLite takes the partial index only where it can see that it fits
_ASIDE = "state IN ('dead', 'unknown')"
_ROWS: dict[str, ColumnElement[bool]] = {
    DEAD: literal_column(f"({_ASIDE} AND state = 'dead')", Boolean),
    UNKNOWN: literal_column(f"({_ASIDE} AND state = 'unknown')", Boolean),
}


@dataclass(frozen=True)
class Wanted:
    """Which of the rows that were set aside are meant; None or nothing: all of them.

    ``since`` looks at when a row was set aside.
    """

    account: str | None = None
    kinds: frozenset[str] = frozenset()
    state: str | None = None
    since: datetime | None = None

    def parts(self) -> Iterator[Part]:
        """Where to look for them: each part is one range of one index, however many there are."""
        states = [self.state] if self.state else STATES
        yield from (Part(table, state) for table in TABLES.values() for state in states)

    def within(self, part: Part) -> ColumnElement[bool]:
        """The condition that the rows of a part meet which are meant."""
        table = part.table
        met = part.rows
        if self.account is not None:
            met &= table.c.account == self.account if "account" in table.c else false()
        if self.kinds:
            met &= _is_of(table, self.kinds)
        return met if self.since is None else met & (table.c.next_at >= self.since)


def _is_of(table: Table, kinds: frozenset[str]) -> ColumnElement[bool]:
    if table is outbox:
        return outbox.c.kind.in_(sorted(kinds))
    own = AsideKind.RECORD if table is inbox else AsideKind.LOOK
    return true() if own in kinds else false()


@dataclass(frozen=True)
class Aside:
    """One row that was set aside."""

    ref: Ref
    row: Row[Any]

    @property
    def account(self) -> str | None:
        """Whose it is; a look is nobody's."""
        account: str | None = getattr(self.row, "account", None)
        return account

    @property
    def kind(self) -> AsideKind:
        """What sort of work it is."""
        named = {"inbox": AsideKind.RECORD, "due": AsideKind.LOOK}
        return named.get(self.ref.table) or AsideKind(self.row.kind)

    @property
    def key(self) -> str:
        """What it is about: the provider's id of an event, our key of a thing."""
        return str(self.row.event_key if self.ref.table == "inbox" else self.row.key)

    @property
    def came_at(self) -> datetime | None:
        """When it came in, or was first owed."""
        return getattr(self.row, "received_at", None) or getattr(self.row, "created_at", None)

    @property
    def set_aside_at(self) -> datetime:
        """When it was set aside."""
        at: datetime = self.row.next_at
        return at

    @property
    def tries(self) -> int:
        """How often it was tried; 0 where it only waited for something that failed. Outages do not count."""
        return self.row.attempts + 1 if self.row.fence else 0

    @property
    def is_invitation(self) -> bool:
        """Whether it is a message that puts an invitation's question."""
        return self.kind is AsideKind.MESSAGE and "invitation" in self.row.body

    @property
    def may_be_done(self) -> bool:
        """Whether a call may have made it already."""
        return self.row.state == UNKNOWN or getattr(self.row, "marked_at", None) is not None


def _columns(table: Table) -> list[Any]:
    """All but the bytes that came in: they can be large, and one at a time is shown."""
    return [column for column in table.c if column.name != "body" or table is not inbox]


def page(tx: Transaction, part: Part, wanted: Wanted, after: int = 0) -> list[Aside]:
    """At most ``BATCH`` of the rows of a part that are meant, oldest first, after this id."""
    table = part.table
    query = select(*_columns(table)).where(wanted.within(part), table.c.id > after)
    return [Aside(Ref(table.name, row.id), row) for row in tx.execute(query.order_by(table.c.id).limit(BATCH))]


def latest(tx: Transaction, wanted: Wanted) -> Iterator[Aside]:
    """The rows that are meant, newest first in each part; read as they are taken."""
    for part in wanted.parts():
        table = part.table
        query = select(*_columns(table)).where(wanted.within(part)).order_by(table.c.id.desc()).limit(BATCH)
        rows = tx.execute(query).all()
        while rows:
            yield from (Aside(Ref(table.name, row.id), row) for row in rows)
            rows = tx.execute(query.where(table.c.id < rows[-1].id)).all()


def count(tx: Transaction, wanted: Wanted) -> int:
    """How many are meant."""
    counts = (select(func.count()).select_from(part.table).where(wanted.within(part)) for part in wanted.parts())
    return sum(tx.scalars(union_all(*counts)))


def accounts_with_some(tx: Transaction) -> set[str]:
    """The accounts of which something was set aside, those among them that are configured no more."""
    parts = (part for part in Wanted().parts() if "account" in part.table.c)
    return set(tx.scalars(union_all(*(select(p.table.c.account).where(p.rows).distinct() for p in parts))))


def named(tx: Transaction, refs: Iterable[Ref]) -> list[Aside]:
    """The rows of these names, in this order. Raises BadInput where one is not there, or is not set aside."""
    wanted = list(dict.fromkeys(refs))
    found: dict[Ref, Aside] = {}
    for name, table in TABLES.items():
        ids = [ref.id for ref in wanted if ref.table == name]
        rows = tx.execute(select(*_columns(table)).where(table.c.id.in_(ids))) if ids else ()
        found |= {Ref(name, row.id): Aside(Ref(name, row.id), row) for row in rows}
    for ref in wanted:
        _check(ref, found.get(ref))
    return [found[ref] for ref in wanted]


def _check(ref: Ref, there: Aside | None) -> None:
    if there is None:
        raise BadInput(f"There is no {ref}; see what there is: cxsdk dead list APP", code="row_unknown")
    if there.row.state not in STATES:
        raise BadInput(f"{ref} is not set aside: it is {there.row.state}.", code="row_not_aside")


def still_aside(store: Store, tx: Transaction, rows: Sequence[Aside]) -> list[Aside]:
    """Those of these rows that are still set aside, as they stand, locked until the transaction ends."""
    found: list[Aside] = []
    for name, table in TABLES.items():
        ids = [one.ref.id for one in rows if one.ref.table == name]
        if ids:
            mine = select(*_columns(table)).where(table.c.id.in_(ids), table.c.state.in_(STATES))
            locked = store.dialect.locked(mine.order_by(table.c.id))
            found += [Aside(Ref(name, row.id), row) for row in tx.execute(locked)]
    return found


def body_of(tx: Transaction, record: Aside) -> bytes:
    """The bytes of a raw record."""
    return bytes(tx.scalar(select(inbox.c.body).where(inbox.c.id == record.ref.id)) or b"")
