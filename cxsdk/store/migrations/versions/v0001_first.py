"""The first schema."""

from __future__ import annotations

from alembic import op

from cxsdk.store.tables import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Upgrades the schema."""
    metadata.create_all(op.get_bind())
