"""How often the CRM was asked, by method: what a vendor would meter."""

from __future__ import annotations

from sqlite3 import Connection


def count(db: Connection, method: str) -> None:
    """One more call."""
    db.execute("INSERT INTO calls VALUES (?, 1) ON CONFLICT (method) DO UPDATE SET calls = calls + 1", (method,))


def load(db: Connection) -> dict[str, int]:
    """All calls so far, by method."""
    return {row["method"]: row["calls"] for row in db.execute("SELECT * FROM calls ORDER BY method").fetchall()}
