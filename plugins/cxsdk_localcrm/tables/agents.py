"""The people who work with this CRM, and whose turn it is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from sqlite3 import Connection, Row

from cxsdk import Agent
from cxsdk_localcrm.database import number


def seed(db: Connection, names: Iterable[str]) -> None:
    """Puts sample agents into a CRM that has none."""
    if not db.execute("SELECT EXISTS (SELECT 1 FROM agents)").fetchone()[0]:
        rows = [(name, f"{_mailbox(name, n)}@example.com", str(100 + n)) for n, name in enumerate(names, start=1)]
        db.executemany("INSERT INTO agents (name, email, extension) VALUES (?, ?, ?)", rows)


def _mailbox(name: str, n: int) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or f"agent-{n}"


def load(db: Connection) -> list[Agent]:
    """All agents, also those who are not active."""
    return [
        Agent(id=str(row["id"]), name=row["name"], email=row["email"], extension=row["extension"], active=row["active"])
        for row in db.execute("SELECT * FROM agents ORDER BY id").fetchall()
    ]


def known(db: Connection, id: str | None) -> int | None:
    """The number of the agent with this id, or None where there is none."""
    row = db.execute("SELECT id FROM agents WHERE id = ?", (number(id),)).fetchone()
    return row and int(row["id"])


def active(db: Connection, id: str | None) -> int | None:
    """The number of the agent with this id, or None where they get no new leads."""
    row = db.execute("SELECT id FROM agents WHERE id = ? AND active", (number(id),)).fetchone()
    return row and int(row["id"])


def take_turn(db: Connection) -> int:
    """The active agent who has waited longest; their turn is over now. Where nobody is active, somebody must."""
    row = db.execute(
        "UPDATE agents SET turn = (SELECT max(turn) + 1 FROM agents)"
        " WHERE id = (SELECT id FROM agents ORDER BY active DESC, turn, id LIMIT 1) RETURNING id"
    ).fetchone()
    return int(row["id"])


def set_active(db: Connection, id: int | None, active: bool) -> bool:
    """Whether new leads and tasks go to this agent; tells whether there is such an agent."""
    return db.execute("UPDATE agents SET active = ? WHERE id = ?", (active, id)).rowcount == 1


def workload(db: Connection) -> list[Row]:
    """The agents with how many people and open tasks each has."""
    return db.execute(
        "SELECT agents.*, (SELECT count(*) FROM people WHERE agent_id = agents.id) AS people,"
        " (SELECT count(*) FROM tasks WHERE agent_id = agents.id AND done_at IS NULL AND deleted_at IS NULL) AS tasks"
        " FROM agents ORDER BY id"
    ).fetchall()
