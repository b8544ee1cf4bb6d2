"""What the CRM keeps, a table and its neighbours per module; each function works inside the caller's transaction."""

from __future__ import annotations

from cxsdk_localcrm.tables import agents, calls, entries, people, rows, tasks

__all__ = ["agents", "calls", "entries", "people", "rows", "tasks"]
