"""The timeline: every contact once, in its latest revision."""

from __future__ import annotations

import json
from sqlite3 import Connection, Row

from cxsdk import LogEntry, Receipt
from cxsdk_localcrm.database import number, stamp
from cxsdk_localcrm.tables import agents, people

_COLUMNS = (
    "key", "person_id", "revision", "kind", "direction", "at", "account", "agent_id", "subject", "text", "comment",
    "state", "seconds", "counterpart", "recording_url", "attachments", "automatic",
)  # fmt: skip
_UPSERT = (
    # the names above and nothing else
    f"INSERT INTO entries ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{c}' for c in _COLUMNS)})"  # noqa: S608
    f" ON CONFLICT (key) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in _COLUMNS[1:])} RETURNING id"
)


def save(db: Connection, entry: LogEntry) -> Receipt:
    """Puts an entry on the timeline, or changes it, unless a later revision is there already."""
    if not people.exists(db, entry.person_id):
        return Receipt.rejected(f"There is no person {entry.person_id!r} here.")
    row = db.execute("SELECT id, revision FROM entries WHERE key = ?", (entry.key,)).fetchone()
    if row and row["revision"] > entry.revision:
        return Receipt.duplicate(row["id"])
    id = db.execute(_UPSERT, _values(db, entry)).fetchone()["id"]
    return Receipt.duplicate(id) if row and row["revision"] == entry.revision else Receipt.accepted(id)


def _values(db: Connection, entry: LogEntry) -> dict[str, object]:
    return {
        **{column: getattr(entry, column) for column in _COLUMNS},
        "person_id": number(entry.person_id),
        "agent_id": agents.known(db, entry.agent_id),
        "at": stamp(entry.at),
        "attachments": json.dumps([attachment.model_dump() for attachment in entry.attachments]),
    }


def timeline(db: Connection, person_id: int, *, limit: int, offset: int) -> list[Row]:
    """A person's contacts, newest first, with how many there are in all."""
    return db.execute(
        "SELECT entries.*, agents.name AS agent, count(*) OVER () AS total FROM entries"
        " LEFT JOIN agents ON agents.id = agent_id WHERE person_id = ? ORDER BY at DESC, entries.id DESC"
        " LIMIT ? OFFSET ?",
        (person_id, limit, offset),
    ).fetchall()
