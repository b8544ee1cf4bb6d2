"""SQLite's one writer keeps its connection, and takes a new one after an error."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from cxsdk.domain.clock import SystemClock
from cxsdk.errors import StoreUnavailable
from cxsdk.store import Store, connecting, schema
from cxsdk.store.work import schedule


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(connecting, "BUSY_TIMEOUT_S", 0.1)
    with closing(Store(f"sqlite:///{tmp_path}/cx.db", SystemClock())) as store:
        schema.upgrade(store)
        yield store


def write(store: Store, key: str, error: Exception | None = None) -> None:
    with store.write() as tx:
        schedule(tx, store, "due:case", key, store.clock.now() + timedelta(days=1))
        if error:
            raise error


def keys(path: Path) -> list[str]:
    with closing(sqlite3.connect(path / "cx.db")) as beside:
        return [key for (key,) in beside.execute("SELECT key FROM due ORDER BY key")]


def test_what_breaks_off_is_taken_back_and_the_next_is_written(store: Store, tmp_path: Path) -> None:
    write(store, "first")
    with pytest.raises(ZeroDivisionError):
        write(store, "broken off", ZeroDivisionError())
    write(store, "next")
    assert keys(tmp_path) == ["first", "next"]


def test_a_file_that_somebody_holds_is_unavailable_until_they_let_go(store: Store, tmp_path: Path) -> None:
    write(store, "first")
    with closing(sqlite3.connect(tmp_path / "cx.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable):
            write(store, "turned away")
    write(store, "next")
    assert keys(tmp_path) == ["first", "next"]


def test_a_store_that_was_closed_opens_again(store: Store, tmp_path: Path) -> None:
    write(store, "first")
    store.close()
    write(store, "next")
    assert keys(tmp_path) == ["first", "next"]
