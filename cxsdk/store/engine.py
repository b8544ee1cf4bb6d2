"""Connections: one way to write and one to read, on SQLite (WAL) and on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, overload

from sqlalchemy import (
    Connection,
    CursorResult,
    Engine,
    Executable,
    Interval,
    Select,
    bindparam,
    func,
    select,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.sql.elements import ColumnElement

from cxsdk.domain.clock import Clock, SystemClock
from cxsdk.errors import ConfigurationError, StoreUnavailable
from cxsdk.observe.crashing import passing
from cxsdk.store.connecting import postgres_engine, sqlite_engine
from cxsdk.store.prepared import NOTHING, Given, Prepared, Rows, run
from cxsdk.store.types import UtcDateTime

#: PostgreSQL's codes where of two transactions that wait for each other it ends one (deadlock_detected and
#: serialization_failure, https://www.postgresql.org/docs/current/errcodes-appendix.html).
_LOST_RACES = ("40P01", "40001")


#: Of no length: the present moment is so far from now.
NOW = timedelta(0)
# The statement's time, not the clock's: a moment that does not move on can be looked for in an index
_STATEMENT_TIME: ColumnElement[datetime] = func.statement_timestamp(type_=UtcDateTime)
_NOW = Prepared(select(_STATEMENT_TIME))


class LostRace(Exception):
    """Another worker decided about the same at the same moment: roll back and look again."""


@dataclass(frozen=True)
class Dialect:
    """How statements are put for one kind of database and clock.

    Building a statement takes as long as running it: those that run for every batch are built once for each dialect,
    by a cached function, and get their moments with their other parameters (``Store.times``).
    """

    is_sqlite: bool
    #: Whether the database tells the time, so that machines with wrong clocks agree, and not our clock.
    tells_time: bool

    def at(self, name: str) -> ColumnElement[datetime]:
        """The moment to which ``Store.times`` gives this name."""
        if self.tells_time:
            return _STATEMENT_TIME + bindparam(name, type_=Interval)
        return bindparam(name, type_=UtcDateTime)

    def locked(self, query: Select[Any]) -> Select[Any]:
        """The query, with its rows locked until the transaction ends. SQLite has one writer anyway."""
        return query if self.is_sqlite else query.with_for_update()


class Transaction:
    """A connection inside one transaction; every query of the store takes one."""

    def __init__(self, connection: Connection) -> None:
        #: SQLAlchemy's own.
        self.connection = connection
        self.dialect = connection.dialect
        #: For which it owes something that can be done as soon as it is committed.
        self.lanes: set[str] = set()

    @overload
    def execute(self, statement: Prepared, given: Given | Sequence[Given] = ...) -> Rows: ...
    @overload
    def execute(
        self, statement: Executable, given: Given | Sequence[Given] = ...
    ) -> CursorResult[*tuple[Any, ...]]: ...
    def execute(
        self, statement: Prepared | Executable, given: Given | Sequence[Given] = NOTHING
    ) -> Rows | CursorResult[*tuple[Any, ...]]:
        """Runs a statement: once with these parameters, or once with each of several."""
        if isinstance(statement, Prepared):
            return run(self.connection, statement, given)
        return self.connection.execute(statement, given)

    def scalars(self, statement: Prepared | Executable, given: Given = NOTHING) -> Sequence[Any]:
        """The first column of each row."""
        found = self.execute(statement, given).scalars()
        return found if isinstance(found, list) else found.all()

    def scalar(self, statement: Prepared | Executable, given: Given = NOTHING) -> Any:
        """The first column of the first row, or None where there is none."""
        return self.execute(statement, given).scalar()


class Store:
    """The database of one installation. Cheap to make: it connects when it is first used.

    ``write()`` and ``read()`` are transactions. Leases are compared with the database's own time on PostgreSQL, and
    with the clock's elsewhere.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        self.clock = clock
        #: Called after a commit with the lanes for which the transaction owes something now.
        self.ring: Callable[[list[str]], None] = lambda _: None
        self.url = _checked(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.dialect = Dialect(self.is_sqlite, tells_time=not self.is_sqlite and isinstance(clock, SystemClock))
        self._in_memory = self.is_sqlite and not self.url.database
        self._writer = sqlite_engine(self.url, "IMMEDIATE") if self.is_sqlite else postgres_engine(self.url)
        separate = self.is_sqlite and not self._in_memory
        self._reader = sqlite_engine(self.url, "DEFERRED") if separate else self._writer
        # SQLite has one writer: threads of one process queue here instead of polling the file's lock.
        self._lock = threading.RLock() if self.is_sqlite else None
        self._kept: Connection | None = None

    @property
    def engine(self) -> Engine:
        """The engine that writes, for migrations."""
        return self._writer

    def times(self, **waits: timedelta) -> dict[str, Any]:
        """The parameters of a statement for its moments (``Dialect.at``), each so long from now."""
        return waits if self.dialect.tells_time else {name: self.clock.now() + wait for name, wait in waits.items()}

    def moment(self, tx: Transaction) -> datetime:
        """The present moment as a value, to be written down or compared with what was."""
        return tx.scalar(_NOW) if self.dialect.tells_time else self.clock.now()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that may write; committed at the end, rolled back on any error.

        Once it is committed, the lanes for which it owes something now are rung for.
        """
        with self._queue(), _told_plainly(), self._writing() as connection:
            tx = Transaction(connection)
            yield tx
            passing("before commit")
        passing("after commit")
        if tx.lanes:
            self.ring(sorted(tx.lanes))

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A transaction that only reads."""
        with self._queue() if self._in_memory else nullcontext(), _told_plainly(), self._reader.begin() as connection:
            yield Transaction(connection)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A connection in a transaction. SQLite's one writer keeps its own: to fetch and return it costs a statement.

        After an error it takes a new one, whatever state the old one was left in.
        """
        if self._lock is None:
            with self._writer.begin() as connection:
                yield connection
            return
        kept, self._kept = self._kept or self._writer.connect(), None
        try:
            with kept.begin():
                yield kept
        except BaseException:
            kept.close()
            raise
        self._kept = kept

    def close(self) -> None:
        """Closes the connections."""
        with self._queue():
            if self._kept is not None:
                self._kept.close()
                self._kept = None
        self._writer.dispose()
        self._reader.dispose()

    @contextmanager
    def _queue(self) -> Iterator[None]:
        if self._lock is None:
            yield
        else:
            with self._lock:
                yield

    def __repr__(self) -> str:
        return f"Store({self.url.render_as_string(hide_password=True)!r})"


def owes(tx: Transaction, lanes: Iterable[str]) -> None:
    """Notes that a transaction owes work in these lanes that can be done as soon as it is committed."""
    tx.lanes.update(lanes)


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError):
        parsed = None
    if parsed is None or parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise ConfigurationError(
            "is not a database that cxsdk knows.",
            path="CX.database",
            cure="Write sqlite:///file.db or postgresql://user:password@host/name.",
            code="database_url_invalid",
        )
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed


@contextmanager
def _told_plainly() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        if getattr(error.orig, "sqlstate", None) in _LOST_RACES:
            raise LostRace from error
        raise StoreUnavailable(f"The database does not answer: {type(error.orig).__name__}.") from error
    except PoolTimeout as error:
        raise StoreUnavailable("Every connection to the database is in use.") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise StoreUnavailable("The connection to the database was lost.") from error
        raise
