"""Since when an account, or one of its sources, does not work, and whether it counts as broken."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cxsdk.store.types import UtcDateTime

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Upgrades the schema."""
    op.add_column("accounts", sa.Column("failing_since", UtcDateTime, nullable=True))
    op.add_column("accounts", sa.Column("broken", sa.String(40), nullable=True))
    op.add_column("accounts", sa.Column("refusals", sa.Integer, nullable=False, server_default="0"))
    op.add_column("cursors", sa.Column("failing_since", UtcDateTime, nullable=True))
    op.add_column("cursors", sa.Column("problem", sa.Text, nullable=True))
    op.add_column("cursors", sa.Column("broken", sa.String(40), nullable=True))
