"""Connections to both databases, and what each of them is told first."""

from __future__ import annotations

import sqlite3
from time import monotonic
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from cxsdk.store.prepared import NOTHING, Prepared, run

#: How long a writer waits for another process's write lock on SQLite, in seconds.
BUSY_TIMEOUT_S = 10

#: How much of a SQLite file each connection may keep in memory, in KiB; SQLite's own 2 MB hold little of a busy one.
CACHE_KIB = 65_536

#: After how many pages of its log, of 4 KiB each, SQLite brings them into the file: as many as fit into the cache. What
#: many commits change is written there once; SQLite's own 1000 pages are a dozen commits of a busy one, or two of 500
#: keys that fall anywhere among millions.
LOG_PAGES = CACHE_KIB // 4

#: How many statements a connection to SQLite keeps ready; its driver's own 128 are fewer than there are.
STATEMENTS = 1000

#: How long a connection to PostgreSQL rests before it is asked whether it is still there, in seconds.
PING_AFTER_S = 1.0

#: What each connection to PostgreSQL is set to: moments in UTC, and plans that go by indexes. A plan that was made
#: while a table was small stays with the connection, and would go through all of the table later: so even the smallest
#: is looked up by its indexes. Where none serves, that makes a plan look so dear that PostgreSQL would compile it
#: first, which takes longer than to run it.
SETTINGS = ("timezone = 'UTC'", "enable_seqscan = off", "jit = off")

_RESTS_SINCE = "cxsdk.rests_since"


def _dumps(value: Any) -> str:
    return to_json(value).decode()


#: How JSON is written and read: by pydantic's own, several times as fast as the standard library's.
_JSON: dict[str, Any] = {"json_serializer": _dumps, "json_deserializer": from_json}


def postgres_engine(url: URL) -> Engine:
    """Connections to PostgreSQL; those that rested are asked whether they are still there."""
    engine = create_engine(url, pool_size=16, max_overflow=16, hide_parameters=True, **_JSON)

    @event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, _: object) -> None:
        cursor = connection.cursor()
        for setting in SETTINGS:
            cursor.execute(f"SET {setting}")
        cursor.close()
        connection.commit()

    @event.listens_for(engine, "checkin")
    def _rest(_: object, record: ConnectionPoolEntry) -> None:
        record.info[_RESTS_SINCE] = monotonic()

    @event.listens_for(engine, "checkout")
    def _ping_what_rested(connection: DBAPIConnection, record: ConnectionPoolEntry, _: object) -> None:
        # A ping saves a failed request after a restart of the server; of a connection at work it is a wasted round trip
        rested = monotonic() - record.info.get(_RESTS_SINCE, monotonic())
        if rested > PING_AFTER_S and not _answers(engine, connection):
            raise InvalidatePoolError

    return engine.execution_options(isolation_level="READ COMMITTED")


def _answers(engine: Engine, connection: DBAPIConnection) -> bool:
    try:
        return engine.dialect.do_ping(connection)
    except engine.dialect.loaded_dbapi.Error:
        return False


def sqlite_engine(url: URL, begin: str) -> Engine:
    """Connections to SQLite whose transactions begin like this: IMMEDIATE to write, DEFERRED to read."""
    engine = create_engine(
        url,
        **_JSON,
        hide_parameters=True,  # what customers say belongs into no log
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_S, "cached_statements": STATEMENTS},
        poolclass=None if url.database else StaticPool,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # the driver's own BEGIN would come too late for IMMEDIATE
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # acknowledged means on disk
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")

    beginning = Prepared(text(f"BEGIN {begin}"))

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        run(connection, beginning, NOTHING)

    return engine
