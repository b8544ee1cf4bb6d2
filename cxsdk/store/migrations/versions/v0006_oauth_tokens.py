"""What providers granted to the accounts that were connected by OAuth."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cxsdk.store.types import UtcDateTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Upgrades the schema."""
    op.create_table(
        "oauth_tokens",
        sa.Column("account", sa.String(40), nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False, server_default="1"),
        sa.Column("fence", sa.Integer, nullable=False, server_default="0"),
        sa.Column("lease_until", UtcDateTime),
        sa.Column("problem", sa.Text),
        sa.Column("connected_at", UtcDateTime, nullable=False),
        sa.Column("renewed_at", UtcDateTime),
        sa.PrimaryKeyConstraint("account", name="pk_oauth_tokens"),
    )
