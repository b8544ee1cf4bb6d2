"""Every table, with what a row of it means.

Three of them hold owed work and share the columns of ``_owed``: what came in and must be understood (``inbox``), what
must go out (``outbox``), and what must be looked at when its time comes (``due``).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TextClause,
    UniqueConstraint,
    false,
    text,
)

from cxsdk.store.types import AutoId, Json, UtcDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

OWED = "owed"  #: to be done at ``next_at``
WAITING = "waiting"  #: to be done once the person is there
DONE = "done"  #: done
DEAD = "dead"  #: set aside with a reason; a person decides
UNKNOWN = "unknown"  #: perhaps done, and must not be repeated; a person decides
CANCELLED = "cancelled"  #: no longer wanted


def _owed(name: str) -> list[Any]:
    """What makes a row owed work: whoever claims it pushes ``next_at`` past the lease and raises ``fence``.

    ``next_at`` is when the row is next worth looking at: its due time, the next try, or the end of a claim's lease.
    One column for the three keeps a claim to one range of one index. Of a row that was set aside, it says when.
    """
    return [
        Column("lane", String(100), nullable=False),
        Column("state", String(12), nullable=False, server_default=OWED),
        Column("next_at", UtcDateTime, nullable=False),
        Column("fence", Integer, nullable=False, server_default="0"),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("reason", Text),
        _index_of(_IS_OWED, "lane", "next_at", name=f"ix_{name}_owed"),
        _index_of(_IS_ASIDE, "state", name=f"ix_{name}_aside"),
    ]


def _index_of(rows: TextClause, *columns: str, name: str | None = None) -> Index:
    """An index that holds these rows alone: each claim and receipt writes a row anew into all that hold it."""
    return Index(name, *columns, postgresql_where=rows, sqlite_where=rows)


_IS_OWED = text("state = 'owed'")
_IS_ASIDE = text("state IN ('dead', 'unknown')")
_IS_OVER = text("state IN ('done', 'cancelled')")
_HAS_OWNER = text("customer_id IS NOT NULL")
_IS_MADE = text("provider_id IS NOT NULL")

#: What providers sent, byte for byte. Kept after parsing for replay, then purged.
inbox = Table(
    "inbox",
    metadata,
    Column("id", AutoId, primary_key=True),
    Column("account", String(40), nullable=False),
    Column("event_key", String(200), nullable=False),
    Column("source", String(40), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("headers", Json, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    # Whose it is, once parsed, for erasure; '*' where it speaks of several people.
    Column("customer_id", String(26)),
    *_owed("inbox"),
    UniqueConstraint("account", "event_key"),
    _index_of(_IS_OVER, "received_at"),
    _index_of(_HAS_OWNER, "customer_id"),
)

#: What must reach a provider, one row for each thing made there: a person, an entry, a task, a message; or a plugin's
#: own hook. ``wanted`` and ``written`` are revisions; ``marked_at`` says that a call with it is, or was, in flight.
outbox = Table(
    "outbox",
    metadata,
    Column("id", AutoId, primary_key=True),
    Column("account", String(40), nullable=False),
    Column("kind", String(12), nullable=False),
    Column("key", String(100), nullable=False),
    Column("customer_id", String(26)),
    Column("subject_id", String(26)),
    Column("body", Json, nullable=False),
    Column("wanted", Integer, nullable=False, server_default="1"),
    Column("written", Integer, nullable=False, server_default="0"),
    Column("marked_at", UtcDateTime),
    Column("provider_id", String(200)),
    Column("automatic", Boolean, nullable=False, server_default=false()),
    Column("created_at", UtcDateTime, nullable=False),
    *_owed("outbox"),
    UniqueConstraint("account", "kind", "key"),
    Index(None, "customer_id", "kind"),
    _index_of(_IS_MADE, "account", "provider_id"),
)

#: What must be looked at when its time comes; the row goes when it was.
due = Table(
    "due",
    metadata,
    Column("id", AutoId, primary_key=True),
    Column("key", String(26), nullable=False),
    *_owed("due"),
    UniqueConstraint("lane", "key"),
)

#: Lanes that a ring is waiting for, so that a second one need not be sent.
rings = Table(
    "rings",
    metadata,
    Column("lane", String(100), primary_key=True),
    Column("rung_at", UtcDateTime),
)

#: What is known of each account's limits and health, shared by all processes.
accounts = Table(
    "accounts",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("paused_until", UtcDateTime),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("problem", Text),
    Column("last_ok_at", UtcDateTime),
    # How much of its limits is used; see ``policy.limits``.
    Column("meters", Json),
    # Since when no call has succeeded, or null; as what it counts as broken; how many records it refused in a row.
    Column("failing_since", UtcDateTime),
    Column("broken", String(40)),
    Column("refusals", Integer, nullable=False, server_default="0"),
)

#: How far each source has been read, and who reads it now.
cursors = Table(
    "cursors",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("source", String(40), primary_key=True),
    Column("cursor", Text),
    Column("holder", String(40)),
    Column("lease_until", UtcDateTime),
    Column("fence", Integer, nullable=False, server_default="0"),
    # Since when nothing could be read, or null; why; and as what it counts as broken.
    Column("failing_since", UtcDateTime),
    Column("problem", Text),
    Column("broken", String(40)),
)

#: The small store that each plugin has of its own.
plugin_state = Table(
    "plugin_state",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("value", Text, nullable=False),
)

#: Values that the installation makes for itself once, such as the key that signs links.
keys = Table(
    "keys",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", String(200), nullable=False),
)

#: People the company serves. A merged one stays, empty, and points to whom it became part of.
customers = Table(
    "customers",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("language", String(16)),
    Column("time_zone", String(64)),
    Column("person_id", String(200)),
    Column("merged_into", String(26)),
    # Since when they want nothing automatic, or null; and when they last said which of the two.
    Column("opted_out_at", UtcDateTime),
    Column("opted_at", UtcDateTime),
    Column("first_account", String(40), nullable=False, server_default=""),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "person_id"),
)

#: Ways to recognise a customer. A known one belongs to one customer only.
identities = Table(
    "identities",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("value", String(320), primary_key=True),
    Column("customer_id", String(26), ForeignKey(customers.c.id), primary_key=True),
    Column("confidence", String(8), nullable=False),
    Index(
        "uq_identities_known",
        "kind",
        "value",
        unique=True,
        postgresql_where=text("confidence = 'known'"),
        sqlite_where=text("confidence = 'known'"),
    ),
    Index(None, "customer_id"),
)

#: Contacts: the set of facts told of each, and what they add up to as far as a query needs it.
interactions = Table(
    "interactions",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("account", String(40), nullable=False),
    Column("external_id", String(200), nullable=False),
    Column("customer_id", String(26), nullable=False),
    Column("kind", String(12), nullable=False),
    Column("direction", String(8), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("automatic", Boolean, nullable=False),
    Column("state", String(12)),
    Column("revision", Integer, nullable=False),
    Column("facts", Json, nullable=False),
    Index(None, "customer_id", "at"),
)

#: What happened between customers and the product.
events = Table(
    "events",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("customer_id", String(26), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("order", String(200)),
    Column("body", Json, nullable=False),
    Index(None, "customer_id", "at"),
)

#: One survey for one customer for one trigger.
invitations = Table(
    "invitations",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("token", String(40), nullable=False, unique=True),
    Column("kind", String(40), nullable=False),
    Column("survey", String(40), nullable=False),
    Column("version", Integer, nullable=False),
    Column("customer_id", String(26), nullable=False),
    Column("trigger_id", String(26), nullable=False),
    Column("order", String(200)),
    Column("state", String(12), nullable=False),
    Column("reason", String(60)),
    Column("not_before", UtcDateTime, nullable=False),
    Column("not_after", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("decided_at", UtcDateTime),
    Column("sent_at", UtcDateTime),
    Column("language", String(16)),
    Column("account", String(40)),
    Column("provider", String(40)),
    UniqueConstraint("kind", "trigger_id"),
    Index(None, "customer_id", "state"),
)

#: Answers, folded from their parts; an erased customer's score stays without its person.
responses = Table(
    "responses",
    metadata,
    Column("invitation_id", String(26), primary_key=True),
    Column("customer_id", String(26)),
    Column("survey", String(40), nullable=False),
    Column("scale", String(12), nullable=False),
    Column("score", Integer),
    Column("answers", Json, nullable=False),
    Column("parts", Json, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("case_id", String(26)),
    Index(None, "customer_id"),
    Index(None, "scale", "at"),
)

#: Closed-loop cases.
cases = Table(
    "cases",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("customer_id", String(26), nullable=False),
    Column("state", String(12), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("solved_at", UtcDateTime),
    Column("closed_at", UtcDateTime),
    Column("outcome", String(20)),
    Column("round", Integer, nullable=False),
    Index(None, "customer_id", "state"),
)

#: Deadlines that the company owes customers.
promises = Table(
    "promises",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("customer_id", String(26), nullable=False),
    Column("case_id", String(26)),
    Column("kind", String(12), nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("kept_at", UtcDateTime),
    Column("broken_at", UtcDateTime),
    Index(None, "customer_id", "kept_at"),
    Index(None, "case_id"),
)

#: Work in the CRM that belongs to a case or to another promise.
tasks = Table(
    "tasks",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("customer_id", String(26), nullable=False),
    Column("case_id", String(26)),
    Column("promise_id", String(26)),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("done_at", UtcDateTime),
    Column("deleted_at", UtcDateTime),
    Column("urgent", Boolean, nullable=False, server_default=false()),
    Column("remade", Boolean, nullable=False, server_default=false()),
    Column("revision", Integer, nullable=False),
    Index(None, "case_id"),
    Index(None, "customer_id"),
    Index(None, "promise_id"),
)

#: Facts that came before what they speak of: a delivery before its message's receipt, a change before its task's.
early_facts = Table(
    "early_facts",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("ref", String(200), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("kind", String(12), nullable=False),
    Column("fact", Json, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

#: Why each thing was done or not: stored when a verdict or its reason changes.
decisions = Table(
    "decisions",
    metadata,
    Column("id", AutoId, primary_key=True),
    Column("customer_id", String(26), nullable=False),
    Column("subject", String(12), nullable=False),
    Column("subject_id", String(26), nullable=False),
    Column("rule", String(40), nullable=False),
    Column("verdict", String(12), nullable=False),
    Column("reason", String(60), nullable=False),
    Column("text", Text, nullable=False),
    Column("until", UtcDateTime),
    Column("at", UtcDateTime, nullable=False),
    Index(None, "customer_id", "at"),
    Index(None, "subject_id"),
)

#: Bearer tokens of the ingest API: only a hash of each is kept.
tokens = Table(
    "tokens",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
)

#: What a provider granted to each account that was connected, encrypted. ``generation`` counts the grants of an
#: account; who renews one holds the lease, and has the ``fence`` under which it was given.
oauth_tokens = Table(
    "oauth_tokens",
    metadata,
    Column("account", String(40), primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("generation", Integer, nullable=False, server_default="1"),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("lease_until", UtcDateTime),
    # Why it is good no more.
    Column("problem", Text),
    Column("connected_at", UtcDateTime, nullable=False),
    Column("renewed_at", UtcDateTime),
)
