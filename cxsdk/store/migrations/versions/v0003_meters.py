"""How much of its limits each account has used, shared by all processes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cxsdk.store.types import Json

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Upgrades the schema."""
    op.add_column("accounts", sa.Column("meters", Json, nullable=True))
