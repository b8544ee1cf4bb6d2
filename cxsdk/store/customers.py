"""Who somebody is: customers and the identities by which they are recognised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Table, and_, bindparam, delete, exists, func, or_, select, tuple_, update

from cxsdk.domain.identity import Confidence, Identity
from cxsdk.domain.ids import stable_id
from cxsdk.store.among import among
from cxsdk.store.engine import LostRace, Store, Transaction, owes
from cxsdk.store.prepared import Prepared, prepared
from cxsdk.store.rows import insert_for, insert_new, update_each
from cxsdk.store.tables import (
    CANCELLED,
    OWED,
    WAITING,
    cases,
    customers,
    decisions,
    events,
    identities,
    inbox,
    interactions,
    invitations,
    outbox,
    promises,
    responses,
    tasks,
)

#: Every table whose rows belong to a customer.
OWNED: tuple[Table, ...] = (
    inbox, outbox, interactions, events, invitations, responses, cases, promises, tasks, decisions,
)  # fmt: skip


# Built once: these are asked for every batch, and building a statement takes as long as running it.
_CUSTOMERS = select(customers).where(among(customers.c.id, "ids")).order_by(customers.c.id)
_BY_IDS, _LOCKED = Prepared(_CUSTOMERS), Prepared(_CUSTOMERS.with_for_update(key_share=True))
_IDENTITIES = Prepared(
    select(identities)
    .where(among(identities.c.customer_id, "ids"))
    .order_by(identities.c.confidence, identities.c.kind, identities.c.value)
)
_HOLDERS = Prepared(
    select(identities.c.kind, identities.c.value, identities.c.customer_id, identities.c.confidence).where(
        # By single columns: by pairs of values SQLite would look through all identities. A few too many do no harm
        among(identities.c.kind, "kinds"),
        among(identities.c.value, "values"),
    )
)


@dataclass(frozen=True)
class Contact:
    """What one fact tells of the person it speaks of."""

    identities: tuple[Identity, ...]
    at: datetime
    account: str
    name: str = ""
    language: str | None = None
    time_zone: str | None = None
    #: Whether the customer used these identities, or a system of record names them; the company may have guessed them.
    used: bool = True


def resolve(store: Store, tx: Transaction, contacts: Sequence[Contact]) -> list[str]:
    """The customer of each contact, created where nobody has such an identity; each row stays locked.

    A known identity decides. Where none does, a customer who alone holds one of those that were used, if only perhaps,
    gets the contact, and it is known to be theirs from now on. Known identities of two customers in one
    contact make them one; a ``maybe`` never does.

    Raises LostRace where another worker created or merged one of them meanwhile.
    """
    book = _Book.of(tx, contacts)
    found = [_match(store, tx, book, contact) for contact in contacts]
    book.flush(store, tx)
    found = [book.merged.get(customer_id, customer_id) for customer_id in found]
    _lock(store, tx, found)
    return found


@dataclass
class _Book:
    """The identities concerned: as the database has them, and as this batch adds to them."""

    holders: dict[tuple[str, str], dict[str, Confidence]] = field(default_factory=dict)
    new_customers: list[dict[str, Any]] = field(default_factory=list)
    new_identities: dict[tuple[str, str, str], Confidence] = field(default_factory=dict)
    confirmed: list[tuple[str, str, str]] = field(default_factory=list)
    merged: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, tx: Transaction, contacts: Sequence[Contact]) -> _Book:
        book = cls()
        keys = sorted({(i.kind, i.value) for contact in contacts for i in contact.identities})
        asked = {"kinds": sorted({kind for kind, _ in keys}), "values": [value for _, value in keys]}
        for kind, value, customer_id, confidence in tx.execute(_HOLDERS, asked).all():
            book.holders.setdefault((kind, value), {})[customer_id] = Confidence(confidence)
        return book

    def known_holder(self, identity: Identity) -> str | None:
        held = self.holders.get((identity.kind, identity.value), {})
        return next((holder for holder, confidence in held.items() if confidence is Confidence.KNOWN), None)

    def only_holder(self, identity: Identity) -> str | None:
        held = self.holders.get((identity.kind, identity.value), {})
        return next(iter(held)) if len(held) == 1 else None

    def give(self, customer_id: str, identity: Identity, *, used: bool) -> None:
        held = self.holders.setdefault((identity.kind, identity.value), {})
        if identity.is_known and self.known_holder(identity):
            return
        if customer_id in held:
            if not (identity.is_known and used):
                return
            self.confirmed.append((identity.kind, identity.value, customer_id))
        held[customer_id] = identity.confidence
        self.new_identities[identity.kind, identity.value, customer_id] = identity.confidence

    def flush(self, store: Store, tx: Transaction) -> None:
        # All in one order, so that no two batches with the same strangers lock each other out
        if self.new_customers:
            insert_new(tx, customers, sorted(self.new_customers, key=lambda row: str(row["id"])))
        if self.confirmed:
            # Not changed in place: where somebody else is known by it meanwhile, the insert notices
            tx.execute(delete(identities).where(_WHOSE.in_(sorted(self.confirmed))))
        if self.new_identities:
            rows = [{**_row(whose), "confidence": sure.value} for whose, sure in sorted(self.new_identities.items())]
            if len(insert_new(tx, identities, rows, "customer_id")) < len(rows):
                raise LostRace
        self.new_customers, self.new_identities, self.confirmed = [], {}, []


_WHOSE = tuple_(identities.c.kind, identities.c.value, identities.c.customer_id)


def _row(whose: tuple[str, str, str]) -> dict[str, str]:
    return dict(zip(("kind", "value", "customer_id"), whose, strict=True))


def _match(store: Store, tx: Transaction, book: _Book, contact: Contact) -> str:
    known = [i for i in contact.identities if i.is_known]
    found = list(dict.fromkeys(holder for i in known if (holder := book.known_holder(i))))
    # A guess decides only where nothing better is told: many share a number that was made up
    found = found or [h for i in known or contact.identities if (h := book.only_holder(i))][:1]
    customer_id = found[0] if found else _create(book, contact)
    for other in found[1:]:
        customer_id = _merge_in_book(store, tx, book, customer_id, other)
    for identity in contact.identities:
        book.give(customer_id, identity, used=contact.used)
    return customer_id


def _create(book: _Book, contact: Contact) -> str:
    customer_id = stable_id("customer", contact.identities[0], contact.at.isoformat())
    book.new_customers.append(
        {
            "id": customer_id,
            "name": contact.name,
            "language": contact.language,
            "time_zone": contact.time_zone,
            "first_account": contact.account,
            "created_at": contact.at,
        }
    )
    return customer_id


def _merge_in_book(store: Store, tx: Transaction, book: _Book, one: str, other: str) -> str:
    book.flush(store, tx)
    keep, lose = merge(store, tx, one, other)
    book.merged = {old: keep if new == lose else new for old, new in book.merged.items()} | {lose: keep}
    for held in book.holders.values():
        if lose in held:
            either = {held.pop(lose), held.get(keep)}
            held[keep] = Confidence.KNOWN if Confidence.KNOWN in either else Confidence.MAYBE
    return keep


def _lock(store: Store, tx: Transaction, ids: Sequence[str]) -> None:
    rows = locked(store, tx, ids)
    if any(row.merged_into for row in rows.values()):
        raise LostRace


def lock(store: Store, tx: Transaction, ids: Iterable[str]) -> None:
    """Locks these customers like ``locked``, for those who need not read them. SQLite has one writer anyway."""
    if not store.is_sqlite:
        locked(store, tx, ids)


def locked(store: Store, tx: Transaction, ids: Iterable[str]) -> dict[str, Row[Any]]:
    """These customers by id, locked until the transaction ends.

    No two workers decide about the same customer at the same time; all lock in one order, so that no two lock each
    other out.
    """
    query = _BY_IDS if store.is_sqlite else _LOCKED
    return {row.id: row for row in tx.execute(query, {"ids": sorted(set(ids))}).all()}


def by_ids(tx: Transaction, ids: Iterable[str]) -> dict[str, Row[Any]]:
    """These customers by id."""
    return {row.id: row for row in tx.execute(_BY_IDS, {"ids": sorted(set(ids))}).all()}


def current(tx: Transaction, customer_id: str) -> Row[Any] | None:
    """A customer, or whom they became part of; None where there never was one."""
    row = by_ids(tx, [customer_id]).get(customer_id)
    while row is not None and row.merged_into:
        row = by_ids(tx, [row.merged_into]).get(row.merged_into)
    return row


def find(tx: Transaction, who: str) -> Row[Any] | None:
    """A customer by id, or by one of their identities written as ``+380…``, ``a@example.com`` or ``kind:value``."""
    row = current(tx, who)
    if row is not None:
        return row
    kind, _, value = who.rpartition(":")
    matches = (
        identities.c.value == value.lower()
        if not kind
        else and_(identities.c.kind == kind, identities.c.value == value)
    )
    holders = tx.scalars(select(identities.c.customer_id).where(matches).distinct())
    return current(tx, holders[0]) if len(holders) == 1 else None


def person_ids(tx: Transaction, ids: Iterable[str]) -> dict[str, str | None]:
    """The CRM's id of each of these customers, or None where it does not know them."""
    return {id: row.person_id for id, row in by_ids(tx, ids).items()}


def by_person(tx: Transaction, person_id: str) -> str | None:
    """The customer whom the CRM knows under this id."""
    found: str | None = tx.scalar(_BY_PERSON, {"person": person_id})
    return found


_BY_PERSON = Prepared(
    select(customers.c.id)
    .where(customers.c.person_id == bindparam("person"), customers.c.merged_into.is_(None))
    .order_by(customers.c.created_at)
)


def identities_of(tx: Transaction, ids: Iterable[str]) -> dict[str, list[Identity]]:
    """The identities of each of these customers, known ones first."""
    found: dict[str, list[Identity]] = {}
    for row in tx.execute(_IDENTITIES, {"ids": sorted(set(ids))}).all():
        identity = Identity(kind=row.kind, value=row.value, confidence=Confidence(row.confidence))
        found.setdefault(row.customer_id, []).append(identity)
    return found


#: What is learned of customers when it is told, and stays as it was told first.
_LEARNED = ("name", "language", "time_zone")


def learn(tx: Transaction, told: Iterable[tuple[str, Mapping[str, str | None]]]) -> None:
    """Keeps names, languages and time zones that were not known before: of each customer, what was told first."""
    told = list(told)
    rows = by_ids(tx, [customer_id for customer_id, _ in told])
    news: dict[str, dict[str, str]] = {}
    for customer_id, what in told:
        unknown = {name: value for name, value in what.items() if value and not getattr(rows[customer_id], name)}
        if unknown:
            news[customer_id] = unknown | news.get(customer_id, {})
    if news:
        tx.execute(_LEARN, [_news(id, what) for id, what in sorted(news.items())])


def _news(customer_id: str, what: Mapping[str, str]) -> dict[str, str | None]:
    return {"who": customer_id, **{f"new_{name}": what.get(name) for name in _LEARNED}}


def _unless_known(name: str) -> Any:
    column = customers.c[name]  # an empty name is unknown, too
    return func.coalesce(func.nullif(column, ""), bindparam(f"new_{name}"), column)


_LEARN = Prepared(
    update(customers).where(customers.c.id == bindparam("who")).values({name: _unless_known(name) for name in _LEARNED})
)


def give_identity(store: Store, tx: Transaction, customer_id: str, identity: Identity) -> None:
    """Adds an identity to a customer, unless it is known to be somebody else's."""
    row = {"kind": identity.kind, "value": identity.value, "customer_id": customer_id}
    insert = insert_for(store)(identities).values(confidence=identity.confidence.value, **row)
    tx.execute(insert.on_conflict_do_nothing())


def merge(store: Store, tx: Transaction, one: str, other: str) -> tuple[str, str]:
    """Makes two customers one and returns (kept, lost). Who is in the CRM is kept, else who was here first."""
    rows = locked(store, tx, [one, other])
    if len(rows) < 2 or any(row.merged_into for row in rows.values()):
        raise LostRace
    keep, lose = sorted(rows.values(), key=lambda row: (row.person_id is None, row.created_at, row.id))
    _move_identities(tx, keep.id, lose.id)
    _move_outbox(tx, keep, lose)
    for table in OWNED:
        tx.execute(_move(table), {"lose": lose.id, "keep": keep.id})
    said = [row for row in (keep, lose) if row.opted_at is not None]
    wish = max(said, key=lambda row: (row.opted_at, row.opted_out_at is not None), default=keep)
    kept = {
        "name": keep.name or lose.name,
        "language": keep.language or lose.language,
        "time_zone": keep.time_zone or lose.time_zone,
        "opted_out_at": wish.opted_out_at,
        "opted_at": wish.opted_at,
    }
    update_each(tx, customers, [{"id": keep.id, **kept}])
    update_each(tx, customers, [{"id": lose.id, "merged_into": keep.id, "name": "", "person_id": None}])
    return keep.id, lose.id


@prepared
def _move(table: Table) -> Any:
    return update(table).where(table.c.customer_id == bindparam("lose")).values(customer_id=bindparam("keep"))


def _move_identities(tx: Transaction, keep: str, lose: str) -> None:
    """Of an identity that both have, the one that is known stays."""
    tx.execute(_DROP_KNOWN, {"whose": keep, "other": lose})
    tx.execute(_DROP, {"whose": lose, "other": keep})
    tx.execute(_move(identities), {"lose": lose, "keep": keep})


_THEIRS = identities.alias("theirs")
_IS_THEIRS = exists().where(
    _THEIRS.c.customer_id == bindparam("other"),
    _THEIRS.c.kind == identities.c.kind,
    _THEIRS.c.value == identities.c.value,
)
_MINE = delete(identities).where(identities.c.customer_id == bindparam("whose"))
_DROP = Prepared(_MINE.where(_IS_THEIRS))
_DROP_KNOWN = Prepared(_MINE.where(_IS_THEIRS.where(_THEIRS.c.confidence == Confidence.KNOWN.value)))


def _move_outbox(tx: Transaction, keep: Row[Any], lose: Row[Any]) -> None:
    """What waited for the lost one's person goes to the kept one's. One of the two is enough to be looked for."""
    if keep.person_id or tx.scalar(_ASKED_FOR, {"whose": keep.id}):
        tx.execute(_UNNEEDED, {"whose": lose.id})
    if keep.person_id:
        _release(tx, [lose.id])


_ASKED_FOR = Prepared(
    select(outbox.c.id).where(
        outbox.c.customer_id == bindparam("whose"), outbox.c.kind == "person", outbox.c.state == OWED
    )
)
_UNNEEDED = Prepared(
    update(outbox)
    .where(
        outbox.c.customer_id == bindparam("whose"),
        outbox.c.kind == "person",
        outbox.c.state == OWED,
        outbox.c.marked_at.is_(None),
    )
    .values(state=CANCELLED, reason="merged", fence=outbox.c.fence + 1)
)


def by_persons(tx: Transaction, person_ids: Iterable[str]) -> dict[str, str]:
    """The customer whom the CRM knows under each of these ids, where there is one."""
    return {row.person_id: row.id for row in tx.execute(_BY_PERSONS, {"person_ids": list(person_ids)})}


_BY_PERSONS = Prepared(
    select(customers.c.person_id, customers.c.id)
    .where(among(customers.c.person_id, "person_ids"), customers.c.merged_into.is_(None))
    .order_by(customers.c.created_at.desc())
)


def link(tx: Transaction, people: Mapping[str, str]) -> None:
    """The CRM knows these customers now, by these ids: what waited for them is owed."""
    if people:
        update_each(tx, customers, [{"id": who, "person_id": person_id} for who, person_id in people.items()])
        _release(tx, people)


def unlink(tx: Transaction, ids: Iterable[str]) -> None:
    """The CRM knows these customers no more: what is owed to them waits. Lock them first."""
    asked = {"ids": sorted(set(ids))}
    tx.execute(_UNLINK, asked)
    tx.execute(_HOLD, asked)


_UNLINK = Prepared(update(customers).where(among(customers.c.id, "ids")).values(person_id=None))
_HOLD = Prepared(
    update(outbox)
    .where(
        among(outbox.c.customer_id, "ids"),
        outbox.c.state == OWED,
        or_(outbox.c.kind == "entry", outbox.c.kind == "task"),
    )
    .values(state=WAITING)
)


def _release(tx: Transaction, customer_ids: Iterable[str]) -> None:
    owes(tx, set(tx.scalars(_RELEASE, {"ids": list(customer_ids)})))


_RELEASE = Prepared(
    update(outbox)
    .where(among(outbox.c.customer_id, "ids"), outbox.c.state == WAITING)
    .values(state=OWED)
    .returning(outbox.c.lane)
)
