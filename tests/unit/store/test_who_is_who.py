"""Random histories of contacts: nobody becomes another on a guess, and what somebody used is known to be theirs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from cxsdk.domain.clock import ManualClock
from cxsdk.domain.identity import Confidence, Identity
from cxsdk.store import Store, Transaction, customers
from cxsdk.store.customers import Contact, resolve
from cxsdk.store.tables import customers as people
from cxsdk.store.tables import identities, metadata

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
KNOWN, MAYBE = Confidence.KNOWN, Confidence.MAYBE

identity = st.builds(
    Identity,
    kind=st.sampled_from(["email", "phone"]),
    value=st.sampled_from("abc"),
    confidence=st.sampled_from(Confidence),
)
together = st.lists(identity, min_size=1, max_size=3, unique_by=lambda one: (one.kind, one.value)).map(tuple)
history = st.lists(st.tuples(together, st.booleans()), min_size=1, max_size=8).map(
    lambda told: [
        Contact(found, NOON + timedelta(minutes=minute), "letters", used=used)
        for minute, (found, used) in enumerate(told)
    ]
)


def histories(test: Callable[[Sequence[Contact]], None]) -> Callable[[], None]:
    """Tries a test on random histories."""
    return settings(max_examples=50)(given(history)(test))


@contextmanager
def opened() -> Iterator[Store]:
    """A store in memory in which nobody is known yet."""
    with closing(Store("sqlite://", ManualClock(NOON))) as store:
        with store.engine.connect() as connection:
            _raw(connection).deserialize(_empty())
        yield store


@cache
def _empty() -> bytes:
    """A database with all tables and no rows: made once, and copied for each history."""
    with closing(Store("sqlite://", ManualClock(NOON))) as store:
        metadata.create_all(store.engine)
        with store.engine.connect() as connection:
            return _raw(connection).serialize()


def _raw(connection: Connection) -> sqlite3.Connection:
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw


def told(store: Store, *contacts: Contact) -> list[str]:
    """These contacts come in together."""
    with store.write() as tx:
        return resolve(store, tx, contacts)


def holders(tx: Transaction, identity: Identity) -> dict[str, str]:
    """Who has an identity, and how sure that is."""
    mine = (identities.c.kind == identity.kind) & (identities.c.value == identity.value)
    return {row.customer_id: row.confidence for row in tx.execute(identities.select().where(mine))}


def known_holders(tx: Transaction, contact: Contact) -> set[str]:
    """The customers whose known identities a contact names as known."""
    sure = [holders(tx, one) for one in contact.identities if one.is_known]
    return {who for held in sure for who, confidence in held.items() if confidence == KNOWN}


def merged(tx: Transaction) -> set[str]:
    """The customers who became part of another one."""
    return {row.id for row in tx.execute(people.select()) if row.merged_into is not None}


@histories
def test_two_are_one_only_where_known_identities_say_so(contacts: Sequence[Contact]) -> None:
    with opened() as store:
        for contact in contacts:
            with store.read() as tx:
                before, concerned = merged(tx), known_holders(tx, contact)
            [owner] = told(store, contact)
            with store.read() as tx:
                gone = merged(tx) - before
                assert len(gone) == max(0, len(concerned) - 1)
                assert gone <= concerned
                assert concerned <= {*gone, owner}


@histories
def test_a_guess_puts_nobodys_contact_on_another_who_is_known(contacts: Sequence[Contact]) -> None:
    """Whoever has used something gets another's contact only if that one used something of theirs, too."""
    with opened() as store:
        for contact in contacts:
            used = [one for one in contact.identities if one.is_known]
            with store.read() as tx:
                before = {who for one in used for who in holders(tx, one)}
                there = {row.id for row in tx.execute(people.select())}
            [owner] = told(store, contact)
            assert not used or owner in before or owner not in there


@histories
def test_a_known_identity_is_one_persons_and_what_was_used_ends_known(contacts: Sequence[Contact]) -> None:
    with opened() as store:
        for contact in contacts:
            [owner] = told(store, contact)
            with store.read() as tx:
                for one in contact.identities:
                    found = holders(tx, one)
                    assert owner in found or KNOWN in found.values()
        with store.read() as tx:
            for one in {one for contact in contacts if contact.used for one in contact.identities if one.is_known}:
                assert list(holders(tx, one).values()).count(KNOWN) == 1
            assert not merged(tx) & {row.customer_id for row in tx.execute(identities.select())}


@histories
def test_contacts_that_come_together_are_told_apart_as_one_by_one(contacts: Sequence[Contact]) -> None:
    with opened() as one_by_one, opened() as at_once:
        owners = [told(one_by_one, contact)[0] for contact in contacts]
        with one_by_one.read() as tx, at_once.write() as other:
            living = [customers.current(tx, owner) for owner in owners]
            assert resolve(at_once, other, contacts) == [row.id for row in living if row is not None]
            query = identities.select().order_by(*identities.primary_key)
            assert list(other.execute(query)) == list(tx.execute(query))


def phone(confidence: Confidence = KNOWN) -> Identity:
    return Identity(kind="phone", value="+12125550123", confidence=confidence)


def email(name: str) -> Identity:
    return Identity(kind="email", value=f"{name}@example.com")


def contact(*found: Identity, minute: int = 0, used: bool = True) -> Contact:
    return Contact(found, NOON + timedelta(minutes=minute), "letters", used=used)


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "one by one"])
def test_a_number_that_somebody_typed_is_known_once_they_call_from_it(at_once: bool) -> None:
    contacts = [contact(email("ann"), phone(MAYBE)), contact(phone(), minute=1)]
    with opened() as store:
        found = told(store, *contacts) if at_once else [told(store, one)[0] for one in contacts]
        with store.read() as tx:
            assert holders(tx, phone()) == {found[0]: KNOWN}
        assert len(set(found)) == 1


def test_a_number_that_somebody_typed_stays_a_guess_when_only_the_company_calls_it() -> None:
    with opened() as store:
        [ann] = told(store, contact(email("ann"), phone(MAYBE)))
        assert told(store, contact(phone(), minute=1, used=False)) == [ann]
        with store.read() as tx:
            assert holders(tx, phone()) == {ann: MAYBE}


def test_a_number_that_two_have_typed_makes_them_neither_one_nor_the_caller() -> None:
    with opened() as store:
        ann, eve = told(store, contact(email("ann"), phone(MAYBE)), contact(email("eve"), phone(MAYBE), minute=1))
        [caller] = told(store, contact(phone(), minute=2))
        assert len({ann, eve, caller}) == 3
        with store.read() as tx:
            assert holders(tx, phone()) == {ann: MAYBE, eve: MAYBE, caller: KNOWN}


def test_who_brings_nothing_but_a_guess_is_whoever_alone_had_it_before() -> None:
    with opened() as store:
        first, second = told(store, contact(phone(MAYBE)), contact(phone(MAYBE), minute=1))
        assert first == second


@pytest.mark.parametrize("order", [("ann", "eve"), ("eve", "ann")], ids="-".join)
def test_of_two_that_become_one_the_surer_word_on_an_identity_stays(order: tuple[str, str]) -> None:
    with opened() as store:
        found = {name: told(store, contact(email(name), minute=minute))[0] for minute, name in enumerate(order)}
        told(store, contact(email("eve"), phone(), minute=2))
        with store.write() as tx:
            customers.give_identity(store, tx, found["ann"], phone(MAYBE))
        [kept] = told(store, contact(email("ann"), email("eve"), minute=3))
        assert kept == found[order[0]]
        with store.read() as tx:
            assert holders(tx, phone()) == {kept: KNOWN}


def test_what_is_known_of_two_who_become_one_holds_for_the_rest_of_the_batch() -> None:
    typed = [contact(email("ann"), phone(MAYBE)), contact(email("eve"), phone(MAYBE), minute=1)]
    calls = contact(email("dan"), phone(), minute=2)
    claimed = contact(email("ann"), email("dan"), minute=3)
    with opened() as store:
        ann, _, *others = told(store, *typed, calls, claimed, contact(phone(), minute=4))
        assert others == [ann] * 3
