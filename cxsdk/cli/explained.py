"""What is told of a customer: the ledger, what is still to be decided, and what was set aside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Row, select

from cxsdk.app import API_ACCOUNT
from cxsdk.domain.facts import MessageRequest
from cxsdk.domain.identity import Identity
from cxsdk.domain.raw import Raw
from cxsdk.errors import BadInput
from cxsdk.journeys.reasons import why
from cxsdk.observe.redaction import redact
from cxsdk.store import Transaction, aside, decisions, invitations
from cxsdk.store.aside import STATES, Aside, AsideKind, Wanted
from cxsdk.store.tables import outbox
from cxsdk.webhooks.ingest import Api

#: So many of the latest records that were set aside are searched for a customer's messages.
SEARCHED = 1_000


class Line(NamedTuple):
    """One thing that is told; ``at`` is None for what has yet to happen."""

    at: datetime | None
    about: str
    rule: str
    verdict: str
    text: str
    until: datetime | None = None


def lines_about(tx: Transaction, customer_id: str, known: Sequence[Identity]) -> list[Line]:
    """All of it, oldest first, and at the end what is to come."""
    ledger = decisions.of_customer(tx, customer_id)
    past = [*map(_decided, ledger), *_set_aside(tx, customer_id), *unsent(tx, known)]
    return [*sorted(past, key=_when), *_to_come(tx, customer_id, {row.subject_id for row in ledger})]


def unsent(tx: Transaction, known: Sequence[Identity]) -> list[Line]:
    """Messages that agents wanted to send to one of these identities, and that found no way."""
    records = islice(aside.latest(tx, Wanted(API_ACCOUNT, frozenset({AsideKind.RECORD.value}))), SEARCHED)
    wanted = {(identity.kind, identity.value) for identity in known}
    return sorted((_refused(one) for one in records if wanted & set(_addressees(tx, one))), key=_when)


def _when(line: Line) -> tuple[bool, str]:
    return line.at is None, line.at.isoformat() if line.at else ""


def _decided(row: Row[Any]) -> Line:
    return Line(row.at, f"{row.subject} {row.subject_id[:8]}", row.rule, row.verdict, row.text, row.until)


def _to_come(tx: Transaction, customer_id: str, told: set[str]) -> Iterator[Line]:
    for one in invitations.pending(tx, customer_id):
        if one.id not in told:
            text = f"To be asked ({one.kind}) not before {one.not_before:%Y-%m-%d %H:%M} UTC; nothing is decided yet."
            yield Line(None, f"invitation {one.id[:8]}", "window", "wait", text, one.not_before)


def _set_aside(tx: Transaction, customer_id: str) -> Iterator[Line]:
    mine = select(outbox).where(outbox.c.customer_id == customer_id, outbox.c.state.in_(STATES))
    for row in tx.execute(mine.order_by(outbox.c.id)):
        yield _refused(Aside(aside.Ref(outbox.name, row.id), row))


def _refused(one: Aside) -> Line:
    reason = why(redact(one.row.reason or ""))
    return Line(one.set_aside_at, f"{_what(one)} {one.ref}", "delivery", one.row.state, reason)


def _what(one: Aside) -> str:
    return "message" if one.kind is AsideKind.RECORD else one.kind.value


def _addressees(tx: Transaction, one: Aside) -> Iterator[tuple[str, str]]:
    """To whom a record of the ingest API wanted a message sent, if it is one."""
    row = one.row
    if not one.key.startswith("message"):
        return
    try:
        raw = Raw(id=row.event_key, body=aside.body_of(tx, one), received_at=row.received_at)
        facts = list(Api(name=API_ACCOUNT).parse(raw))
    except BadInput:
        return  # nobody can tell any more who was meant
    for fact in facts:
        if isinstance(fact, MessageRequest):
            yield from ((identity.kind, identity.value) for identity in fact.customer)
