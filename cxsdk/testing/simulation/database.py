"""The real store on SQLite in memory, with commits that fail, and answers to them that are lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, cast

from pydantic import PrivateAttr

from cxsdk.app import CX
from cxsdk.domain.clock import Clock, SystemClock
from cxsdk.errors import StoreUnavailable
from cxsdk.store import Store, Transaction, schema
from cxsdk.testing.simulation.boundaries import Boundaries, Place

IN_MEMORY = "sqlite://"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(microseconds: int) -> datetime:
    """A moment as SQLite keeps it."""
    return _EPOCH + timedelta(microseconds=microseconds)


class UnreliableStore(Store):
    """A store with all tables and no rows, whose transactions cross the boundaries."""

    def __init__(self, clock: Clock, boundaries: Boundaries) -> None:
        super().__init__(IN_MEMORY, clock)
        self._boundaries = boundaries
        self.is_away = False
        self._plain = _plain(self)
        with closing(sqlite3.connect(":memory:")) as empty:
            empty.deserialize(_empty())
            empty.backup(self._plain)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that may end badly."""
        self._boundaries.cross(Place.BEGIN)
        self._be_there()
        with super().write() as tx:
            yield tx
            self._boundaries.cross(Place.COMMIT)
        self._boundaries.cross(Place.COMMITTED)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A transaction that only reads, while the database is there."""
        self._be_there()
        with super().read() as tx:
            yield tx

    def look(self, query: str, *values: Any) -> list[Any]:
        """Rows as they stand, for whoever judges from outside; never inside a transaction."""
        return list(self._plain.execute(query, values))

    def _be_there(self) -> None:
        if self.is_away and self._boundaries.pieces:
            self._boundaries.pieces[-1].is_cut_off = True
            raise StoreUnavailable("The database is away.")


class Installation(CX):
    """The configured installation, on a store that is there already."""

    _store: Store = PrivateAttr()

    def store(self, clock: Clock | None = None) -> Store:
        """The very store."""
        return self._store


def installation(store: Store, **settings: Any) -> Installation:
    """An installation with these settings, on this store."""
    cx = Installation(database=IN_MEMORY, **settings)
    cx._store = store  # noqa: SLF001 - ours
    return cx


@cache
def _empty() -> bytes:
    """A database with all tables and no rows: made once, and copied for each simulation."""
    with closing(Store(IN_MEMORY, SystemClock())) as store:
        schema.upgrade(store)
        return _plain(store).serialize()


def _plain(store: Store) -> sqlite3.Connection:
    """The driver's own connection: a database in memory has only one."""
    with store.engine.connect() as made:
        return cast(sqlite3.Connection, made.connection.driver_connection)
