"""What passed between a customer and the company, as our own tables have it, newest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, and_, func, or_, select

from cxsdk.domain.interaction import Kind
from cxsdk.store.engine import Transaction
from cxsdk.store.interactions import known_from
from cxsdk.store.tables import cases, events, interactions, invitations, responses


@dataclass(frozen=True)
class Entry:
    """One thing that happened, or that is about to; ``type`` says which keys ``what`` has."""

    type: str
    at: datetime
    id: str
    what: Mapping[str, Any]

    @property
    def place(self) -> Place:
        """Where it stands in the timeline."""
        return self.at, self.id


#: A place in a timeline: a moment, and an id where several things happened in it.
Place = tuple[datetime, str]


def timeline(tx: Transaction, customer_id: str, limit: int, before: Place | None = None) -> list[Entry]:
    """A customer's latest entries, at most ``limit``, of those that stand before a place."""
    found = [entry for part in _PARTS for entry in part.entries(tx, customer_id, limit, before)]
    return sorted(found, key=lambda entry: entry.place, reverse=True)[:limit]


@dataclass(frozen=True)
class _Part:
    """The entries that one table holds."""

    type: str
    table: Table
    at: ColumnElement[datetime]
    id: ColumnElement[str]
    build: Callable[[Row[Any]], Mapping[str, Any]]

    def entries(self, tx: Transaction, customer_id: str, limit: int, before: Place | None) -> Iterator[Entry]:
        mine = self.table.c.customer_id == customer_id
        if before is not None:
            moment, id = before
            mine &= or_(self.at < moment, and_(self.at == moment, self.id < id))
        query = select(self.table, self.at.label("entry_at"), self.id.label("entry_id")).where(mine)
        for row in tx.execute(query.order_by(self.at.desc(), self.id.desc()).limit(limit)):
            yield Entry(self.type, row.entry_at, row.entry_id, self.build(row))


def _contact(row: Row[Any]) -> Mapping[str, Any]:
    contact = known_from(row, Kind(row.kind)).interaction
    told = contact.model_dump(exclude={"at", "customer", "name", "language"})
    return {"account": row.account, "revision": row.revision, **told}


def _event(row: Row[Any]) -> Mapping[str, Any]:
    about = {name: row.body.get(name) for name in ("product", "amount", "currency", "expires_at")}
    return {"kind": row.kind, "order": row.order, **about}


def _columns(*names: str) -> Callable[[Row[Any]], Mapping[str, Any]]:
    return lambda row: {name: value for name, value in row._asdict().items() if name in names}


_PARTS = (
    _Part("contact", interactions, interactions.c.at, interactions.c.id, _contact),
    _Part("event", events, events.c.at, events.c.id, _event),
    _Part(
        "invitation",
        invitations,
        func.coalesce(invitations.c.sent_at, invitations.c.not_before),
        invitations.c.id,
        _columns("kind", "survey", "state", "reason", "not_before", "not_after", "sent_at", "account", "order"),
    ),
    _Part(
        "response",
        responses,
        responses.c.at,
        # an invitation has one answer: its own id would stand in the timeline twice
        responses.c.invitation_id.concat("-answer"),
        _columns("invitation_id", "survey", "scale", "score", "answers", "case_id"),
    ),
    _Part(
        "case", cases, cases.c.opened_at, cases.c.id, _columns("state", "solved_at", "closed_at", "outcome", "round")
    ),
)
