"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cxsdk.store.types import AutoId, Json, UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Upgrades the schema."""
    op.create_table(
        "accounts",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("paused_until", UtcDateTime, nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("last_ok_at", UtcDateTime, nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_accounts")),
    )
    op.create_table(
        "cases",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("customer_id", sa.String(length=26), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("opened_at", UtcDateTime, nullable=False),
        sa.Column("solved_at", UtcDateTime, nullable=True),
        sa.Column("closed_at", UtcDateTime, nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
    )
    op.create_index(op.f("ix_cases_customer_id_state"), "cases", ["customer_id", "state"], unique=False)
    op.create_table(
        "cursors",
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("holder", sa.String(length=40), nullable=True),
        sa.Column("lease_until", UtcDateTime, nullable=True),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("account", "source", name=op.f("pk_cursors")),
    )
    op.create_table(
        "customers",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("time_zone", sa.String(length=64), nullable=True),
        sa.Column("person_id", sa.String(length=200), nullable=True),
        sa.Column("merged_into", sa.String(length=26), nullable=True),
        sa.Column("opted_out_at", UtcDateTime, nullable=True),
        sa.Column("first_account", sa.String(length=40), server_default="", nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers")),
    )
    op.create_index(op.f("ix_customers_person_id"), "customers", ["person_id"], unique=False)
    op.create_table(
        "decisions",
        sa.Column("id", AutoId, nullable=False),
        sa.Column("customer_id", sa.String(length=26), nullable=False),
        sa.Column("subject", sa.String(length=12), nullable=False),
        sa.Column("subject_id", sa.String(length=26), nullable=False),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("verdict", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("until", UtcDateTime, nullable=True),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_index(op.f("ix_decisions_customer_id_at"), "decisions", ["customer_id", "at"], unique=False)
    op.create_index(op.f("ix_decisions_subject_id"), "decisions", ["subject_id"], unique=False)
    op.create_table(
        "due",
        sa.Column("id", AutoId, nullable=False),
        sa.Column("key", sa.String(length=26), nullable=False),
        sa.Column("lane", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=12), server_default="owed", nullable=False),
        sa.Column("next_at", UtcDateTime, nullable=False),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_due")),
        sa.UniqueConstraint("lane", "key", name=op.f("uq_due_lane_key")),
    )
    op.create_index(
        "ix_due_aside",
        "due",
        ["state"],
        unique=False,
        postgresql_where=sa.text("state IN ('dead', 'unknown')"),
        sqlite_where=sa.text("state IN ('dead', 'unknown')"),
    )
    op.create_index(
        "ix_due_owed",
        "due",
        ["lane", "next_at"],
        unique=False,
        postgresql_where=sa.text("state = 'owed'"),
        sqlite_where=sa.text("state = 'owed'"),
    )
    op.create_table(
        "early_facts",
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("ref", sa.String(length=200), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("fact", Json, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("account", "ref", "key", name=op.f("pk_early_facts")),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("customer_id", sa.String(length=26), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("order", sa.String(length=200), nullable=True),
        sa.Column("body", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_customer_id_at"), "events", ["customer_id", "at"], unique=False)
    op.create_table(
        "inbox",
        sa.Column("id", AutoId, nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("event_key", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("headers", Json, nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.Column("customer_id", sa.String(length=26), nullable=True),
        sa.Column("lane", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=12), server_default="owed", nullable=False),
        sa.Column("next_at", UtcDateTime, nullable=False),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("account", "event_key", name=op.f("uq_inbox_account_event_key")),
    )
    op.create_index(
        "ix_inbox_aside",
        "inbox",
        ["state"],
        unique=False,
        postgresql_where=sa.text("state IN ('dead', 'unknown')"),
        sqlite_where=sa.text("state IN ('dead', 'unknown')"),
    )
    op.create_index(op.f("ix_inbox_customer_id"), "inbox", ["customer_id"], unique=False)
    op.create_index(
        "ix_inbox_owed",
        "inbox",
        ["lane", "next_at"],
        unique=False,
        postgresql_where=sa.text("state = 'owed'"),
        sqlite_where=sa.text("state = 'owed'"),
    )
    op.create_index(op.f("ix_inbox_received_at"), "inbox", ["received_at"], unique=False)
    op.create_table(
        "interactions",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("customer_id", sa.String(length=26), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("facts", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interactions")),
    )
    op.create_index(op.f("ix_interactions_customer_id_at"), "interactions", ["customer_id", "at"], unique=False)
    op.create_table(
        "invitations",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("token", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("survey", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.String(length=26), nullable=False),
        sa.Column("trigger_id", sa.String(length=26), nullable=False),
        sa.Column("order", sa.String(length=200), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=True),
        sa.Column("not_before", UtcDateTime, nullable=False),
        sa.Column("not_after", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=True),
        sa.Column("decided_at", UtcDateTime, nullable=True),
        sa.Column("sent_at", UtcDateTime, nullable=True),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("account", sa.String(length=40), nullable=True),
        sa.Column("provider", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("kind", "trigger_id", name=op.f("uq_invitations_kind_trigger_id")),
        sa.UniqueConstraint("token", name=op.f("uq_invitations_token")),
    )
    op.create_index(op.f("ix_invitations_customer_id_state"), "invitations", ["customer_id", "state"], unique=False)
    op.create_table(
        "keys",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_keys")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", AutoId, nullable=False),
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("customer_id", sa.String(length=26), nullable=True),
        sa.Column("subject_id", sa.String(length=26), nullable=True),
        sa.Column("body", Json, nullable=False),
        sa.Column("wanted", sa.Integer(), server_default="1", nullable=False),
        sa.Column("written", sa.Integer(), server_default="0", nullable=False),
        sa.Column("marked_at", UtcDateTime, nullable=True),
        sa.Column("provider_id", sa.String(length=200), nullable=True),
        sa.Column("automatic", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("lane", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=12), server_default="owed", nullable=False),
        sa.Column("next_at", UtcDateTime, nullable=False),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("account", "kind", "key", name=op.f("uq_outbox_account_kind_key")),
    )
    op.create_index(op.f("ix_outbox_account_provider_id"), "outbox", ["account", "provider_id"], unique=False)
    op.create_index(
        "ix_outbox_aside",
        "outbox",
        ["state"],
        unique=False,
        postgresql_where=sa.text("state IN ('dead', 'unknown')"),
        sqlite_where=sa.text("state IN ('dead', 'unknown')"),
    )
    op.create_index(op.f("ix_outbox_customer_id_kind"), "outbox", ["customer_id", "kind"], unique=False)
    op.create_index(
        "ix_outbox_owed",
        "outbox",
        ["lane", "next_at"],
        unique=False,
        postgresql_where=sa.text("state = 'owed'"),
        sqlite_where=sa.text("state = 'owed'"),
    )
    op.create_table(
        "plugin_state",
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "key", name=op.f("pk_plugin_state")),
    )
    op.create_table(
        "promises",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("customer_id", sa.String(length=26), nullable=False),
        sa.Column("case_id", sa.String(length=26), nullable=True),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("made_at", UtcDateTime, nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.Column("kept_at", UtcDateTime, nullable=True),
        sa.Column("broken_at", UtcDateTime, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promises")),
    )
    op.create_index(op.f("ix_promises_case_id"), "promises", ["case_id"], unique=False)
    op.create_index(op.f("ix_promises_customer_id_kept_at"), "promises", ["customer_id", "kept_at"], unique=False)
    op.create_table(
        "responses",
        sa.Column("invitation_id", sa.String(length=26), nullable=False),
        sa.Column("customer_id", sa.String(length=26), nullable=True),
        sa.Column("survey", sa.String(length=40), nullable=False),
        sa.Column("scale", sa.String(length=12), nullable=False),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("answers", Json, nullable=False),
        sa.Column("parts", Json, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.String(length=26), nullable=True),
        sa.PrimaryKeyConstraint("invitation_id", name=op.f("pk_responses")),
    )
    op.create_index(op.f("ix_responses_customer_id"), "responses", ["customer_id"], unique=False)
    op.create_index(op.f("ix_responses_scale_at"), "responses", ["scale", "at"], unique=False)
    op.create_table(
        "rings",
        sa.Column("lane", sa.String(length=100), nullable=False),
        sa.Column("rung_at", UtcDateTime, nullable=True),
        sa.PrimaryKeyConstraint("lane", name=op.f("pk_rings")),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("customer_id", sa.String(length=26), nullable=False),
        sa.Column("case_id", sa.String(length=26), nullable=True),
        sa.Column("promise_id", sa.String(length=26), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("done_at", UtcDateTime, nullable=True),
        sa.Column("deleted_at", UtcDateTime, nullable=True),
        sa.Column("urgent", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("remade", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
    )
    op.create_index(op.f("ix_tasks_case_id"), "tasks", ["case_id"], unique=False)
    op.create_index(op.f("ix_tasks_customer_id"), "tasks", ["customer_id"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("revoked_at", UtcDateTime, nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_tokens")),
        sa.UniqueConstraint("hash", name=op.f("uq_tokens_hash")),
    )
    op.create_table(
        "identities",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("value", sa.String(length=320), nullable=False),
        sa.Column("customer_id", sa.String(length=26), nullable=False),
        sa.Column("confidence", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_identities_customer_id")),
        sa.PrimaryKeyConstraint("kind", "value", "customer_id", name=op.f("pk_identities")),
    )
    op.create_index(op.f("ix_identities_customer_id"), "identities", ["customer_id"], unique=False)
    op.create_index(
        "uq_identities_known",
        "identities",
        ["kind", "value"],
        unique=True,
        postgresql_where=sa.text("confidence = 'known'"),
        sqlite_where=sa.text("confidence = 'known'"),
    )
