"""When a customer last opted out or back in, so that the latest word holds in whatever order the words come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cxsdk.store.types import UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Upgrades the schema."""
    op.add_column("customers", sa.Column("opted_at", UtcDateTime, nullable=True))
    op.execute("UPDATE customers SET opted_at = opted_out_at")
