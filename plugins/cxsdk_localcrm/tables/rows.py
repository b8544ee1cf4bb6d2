"""All that the CRM holds, as plain dicts: for tests, counts and curious people."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from sqlite3 import Connection, Row
from typing import Any

from cxsdk_localcrm.database import Database
from cxsdk_localcrm.tables import people

ENTRIES = "SELECT * FROM entries"
PEOPLE = (
    "SELECT id, key, name, agent_id, language, source, created_at,"
    " (SELECT json_group_array(identity) FROM identities WHERE person_id = people.id) AS identities FROM people"
)
TASKS = "SELECT *, done_at IS NOT NULL AS done, deleted_at IS NOT NULL AS deleted FROM tasks"

#: Rows read at once, so that a long walk neither fills the memory nor holds back the checkpoints of the file.
_CHUNK = 1000

_MEANING: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("id", "person_id", "agent_id"), str),
    **dict.fromkeys(("at", "due", "created_at", "done_at", "deleted_at"), datetime.fromisoformat),
    **dict.fromkeys(("automatic", "urgent", "done", "deleted"), bool),
    **dict.fromkeys(("attachments", "identities"), json.loads),
}


def walk(database: Database, query: str) -> Iterator[dict[str, Any]]:
    """The rows of one of the queries above in the order of their ids; ids are text, times are aware."""
    last = 0
    while rows := _chunk(database, query, last):
        yield from map(_plain, rows)
        last = rows[-1]["id"]


def find_written(db: Connection, keys: Sequence[str]) -> list[str | None]:
    """The ids of what was written under these keys."""
    return [str(row["id"]) if (row := db.execute(_BY_KEY, (key,) * 4).fetchone()) else None for key in keys]


_BY_KEY = (
    f"{people.WRITTEN} UNION ALL SELECT id FROM entries WHERE key = ?"  # noqa: S608 (constants)
    " UNION ALL SELECT id FROM tasks WHERE key = ? AND deleted_at IS NULL"
)


def _chunk(database: Database, query: str, last: int) -> list[Row]:
    with database.read() as db:
        return db.execute(f"{query} WHERE id > ? ORDER BY id LIMIT ?", (last, _CHUNK)).fetchall()


def _plain(row: Row) -> dict[str, Any]:
    return {name: _meaning(name, row[name]) for name in row.keys()}  # noqa: SIM118 (a Row iterates over its values)


def _meaning(name: str, value: Any) -> Any:
    return value if value is None or name not in _MEANING else _MEANING[name](value)
