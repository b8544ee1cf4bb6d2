"""Many threads and processes at once: nothing doubled, nothing missed, nothing half-made."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection, connect
from threading import Barrier

import pytest

from cxsdk import Direction, Kind, LogEntry, Person, Receipt, Transient, handle
from cxsdk.testing import NOW, opened, read
from cxsdk_localcrm import LocalCRM, database, tables

WRITER = Path(__file__).with_name("writer.py")


@contextmanager
def writers(file: Path, names: str) -> Iterator[None]:
    """Processes that write the same keys, from their start on; an error of one of them is an error here."""
    running = [subprocess.Popen([sys.executable, "-W", "error", WRITER, file, name]) for name in names]
    try:
        yield
        assert [process.wait(60) for process in running] == [0] * len(running)
    finally:
        for process in running:
            process.kill()
            process.wait()


def test_processes_that_write_the_same_keys_make_each_thing_once(tmp_path: Path) -> None:
    with writers(tmp_path / "crm.db", "abcd"):
        pass
    with opened(LocalCRM(database=str(tmp_path / "crm.db"))) as crm:
        assert len(crm.agents()) == 2
        assert len(list(crm.people())) == 60
        assert Counter(e["key"] for e in crm.entries()) == {f"e{n}": 1 for n in range(60)}
        assert set(Counter(task["key"] for task in crm.tasks()).values()) == {1}
        assert crm.calls() == {"agents": 1, "create_people": 240, "log": 240, "save_tasks": 240}
        shares = Counter(person["agent_id"] for person in crm.people())
        assert shares == {"1": 30, "2": 30}


def test_a_reader_misses_no_change_while_processes_write(tmp_path: Path) -> None:
    seen: list[str] = []
    cursor = None
    with opened(LocalCRM(database=str(tmp_path / "crm.db"))) as crm:
        with writers(tmp_path / "crm.db", "ab"):
            while len(seen) < 120:
                for page in read(crm, "tasks", cursor):
                    cursor = page.cursor
                    seen += [raw.id for raw in page.items]
        assert read(crm, "tasks", cursor) == []
    assert seen == [f"task-change-{n}" for n in range(1, 121)]


def test_threads_that_meet_one_stranger_make_one_lead(crm: LocalCRM) -> None:
    barrier = Barrier(8)

    def meet(n: int) -> str | None:
        barrier.wait()
        return crm.create_people([Person(key=f"k{n}", identities=(handle("telegram", 1),))])[0].id

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(meet, range(8))) == {"1"}
    assert len(list(crm.people())) == 1


def test_revisions_that_race_leave_the_latest(crm: LocalCRM, person_id: str) -> None:
    def log(revision: int) -> str | None:
        entry = LogEntry(
            key="call",
            person_id=person_id,
            revision=revision,
            kind=Kind.CALL,
            direction=Direction.INBOUND,
            at=NOW,
            text=f"revision {revision}",
        )
        return crm.log([entry])[0].id

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(log, [*range(1, 40), *range(39, 0, -1)]))) == 1
    assert [(e["revision"], e["text"]) for e in crm.entries()] == [(39, "revision 39")]


def test_a_call_that_fails_half_way_leaves_nothing(
    crm: LocalCRM, person_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = tables.entries.save

    def fail_at_b(db: Connection, entry: LogEntry) -> Receipt:
        if entry.key == "b":
            raise RuntimeError
        return save(db, entry)

    entries = [
        LogEntry(key=key, person_id=person_id, kind=Kind.CALL, direction=Direction.INBOUND, at=NOW) for key in "abc"
    ]
    monkeypatch.setattr(tables.entries, "save", fail_at_b)
    with pytest.raises(RuntimeError):
        crm.log(entries)
    assert list(crm.entries()) == []
    monkeypatch.undo()
    assert all(receipt.is_done for receipt in crm.log(entries))


def test_a_database_that_stays_busy_is_a_passing_trouble(
    crm: LocalCRM, person_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE_S", 0.05)
    crm.close()  # so that the next connection is made with that little patience
    other = connect(crm.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Transient, match="locked"):
        crm.find_people([])
    assert [person["id"] for person in crm.people()] == [person_id]  # who only reads is not held up
    other.execute("ROLLBACK")
    other.close()
    assert crm.find_people([]) == []


def test_first_openings_that_collide_wait_for_each_other(tmp_path: Path) -> None:
    barrier = Barrier(6)

    def open_first(n: int) -> None:
        barrier.wait()
        store = database.Database(str(tmp_path / f"{n}.db"))
        store.prepare()
        store.close()

    with ThreadPoolExecutor(6) as pool:
        for n in range(40):
            list(pool.map(open_first, [n] * 6))


def test_connections_are_used_again_and_closed_at_the_end(crm: LocalCRM) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: crm.agents(), range(50)))
    assert 1 <= len(crm._db._idle) <= 4
    crm.close()
    assert crm._db._idle == []
