"""The CRM's own SQLite file: connections for any number of threads, and transactions that are whole or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from threading import Lock

from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

from cxsdk import ConfigurationError, Transient

#: Seconds to wait for another writer; shorter than the deadline of a call.
PATIENCE_S = 10.0
_PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


class Database:
    """Hands out connections, as many as threads use at once, and keeps them until it is closed."""

    def __init__(self, path: str, *, durable: bool = True) -> None:
        self._path = path
        self._durable = durable
        self._idle: list[sqlite3.Connection] = []
        self._lock = Lock()
        self._closed = False

    def prepare(self) -> None:
        """Makes file and tables where they are not there yet. Raises ConfigurationError where that cannot be."""
        self._closed = False
        try:
            with _passing_troubles():
                self._make_tables()
        except sqlite3.DatabaseError as error:
            raise _unusable(self._path, error) from error

    # the switch to the write-ahead log does not wait for others, whatever the timeout: two first openings may collide
    @retry(
        retry=retry_if_exception(lambda error: _code(error) == sqlite3.SQLITE_BUSY),
        wait=wait_random(0.01, 0.1),
        stop=stop_after_delay(PATIENCE_S),
        reraise=True,
    )
    def _make_tables(self) -> None:
        with self._connection() as db, db:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript("BEGIN IMMEDIATE;" + files(__package__).joinpath("tables/schema.sql").read_text("utf-8"))

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """One transaction during which nobody else writes: committed at the end, rolled back by an exception.

        Where it, or the database, is not ``durable``, a power cut (never a killed process) may undo it.
        """
        with _passing_troubles(), self._connection() as db, db:
            db.execute(f"PRAGMA synchronous = {'FULL' if durable and self._durable else 'NORMAL'}")
            db.execute("BEGIN IMMEDIATE")
            yield db

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One state of the data, however many queries look at it; neither waits for a writer nor holds one up."""
        with _passing_troubles(), self._connection() as db, db:
            db.execute("BEGIN")
            yield db

    def close(self) -> None:
        """Closes what is idle now; what is in use is closed when it comes back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for db in idle:
            db.close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            db = self._idle.pop() if self._idle else None
        db = db or self._connect()
        try:
            yield db
        finally:
            self._give_back(db)

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False)
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA foreign_keys = ON")
        return db

    def _give_back(self, db: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed:
                return self._idle.append(db)
        db.close()


@contextmanager
def _passing_troubles() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if _code(error) not in _PASSING:
            raise
        raise Transient(f"The local CRM's database cannot be written or read now: {error}.") from error


def _code(error: BaseException) -> int | None:
    """SQLite's primary result code, or None where it is another's error."""
    return error.sqlite_errorcode & 0xFF if isinstance(error, sqlite3.Error) else None


def _unusable(path: str, error: sqlite3.DatabaseError) -> ConfigurationError:
    return ConfigurationError(
        f"The database {path} cannot be used: {error}.",
        path="LocalCRM.database",
        cure="Name a file that this user may write, in a directory that exists.",
        code="localcrm_database_unusable",
    )


def stamp(at: datetime) -> str:
    """A moment as it is stored."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def number(id: str | None) -> int | None:
    """The number behind an id that this CRM gave out; None for all else."""
    return int(id) if id and len(id) < 19 and id.isascii() and id.isdigit() else None


def marks(values: Sized) -> str:
    """As many question marks as there are values, for an SQL list."""
    return ", ".join("?" * len(values))
