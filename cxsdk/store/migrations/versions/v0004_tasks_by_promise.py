"""The open task of a promise is found without looking through all tasks."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Upgrades the schema."""
    op.create_index("ix_tasks_promise_id", "tasks", ["promise_id"])
