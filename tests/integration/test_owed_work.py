"""Many workers at one database: what is owed is done by one of them at a time, on SQLite and on PostgreSQL.

Each thread has a store of its own, as each process would. A lease of no time is one that has ended.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import func, select

from cxsdk import Identity, email, phone
from cxsdk.domain.clock import SystemClock
from cxsdk.domain.raw import Raw
from cxsdk.store import LostRace, Store, Transaction, customers, inbox
from cxsdk.store.customers import Contact
from cxsdk.store.inbox import Arrival, Stored
from cxsdk.store.outbox import OutKind, Owed, owe
from cxsdk.store.tables import DONE, due, identities, outbox, rings
from cxsdk.store.tables import customers as people
from cxsdk.store.tables import inbox as records
from cxsdk.store.work import (
    Claim,
    claim,
    finish_due,
    ring_taken_up,
    schedule,
    settle,
    still_ours,
    take_ring,
)
from tests.installing import migrate

Result = TypeVar("Result")
Run = Callable[[Store], Result]

WORKERS = 8
LANE = "inbox:pbx"
LEASE = timedelta(seconds=30)
ENDED = timedelta(0)
#: How often a worker looks again at people about whom another one decided at the same moment.
RACES = 20
#: How long a transaction stays open so that others run into it, in seconds.
HOLD_UP_S = 0.15


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with our tables."""
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    url = f"sqlite:///{tmp_path}/cx.db"
    migrate(url)
    return url


@pytest.fixture
def stores(url: str) -> Iterator[list[Store]]:
    """One store for each worker, connected already: so that those who begin at once meet."""
    with ExitStack() as stack:
        stores = [stack.enter_context(closing(Store(url, SystemClock()))) for _ in range(WORKERS)]
        for store in stores:
            put(store)  # nothing
        yield stores


@pytest.fixture
def store(stores: list[Store]) -> Store:
    return stores[0]


def at_once(stores: Sequence[Store], what: Run[Result]) -> list[Result]:
    """What each worker comes to when all begin at the same moment."""
    start = threading.Barrier(len(stores), timeout=20)

    def run(store: Store) -> Result:
        start.wait()
        return what(store)

    with ThreadPoolExecutor(len(stores)) as pool:
        return list(pool.map(run, stores))


def held_up(hold: Callable[[Transaction], object], stores: Sequence[Store], *runs: Run[Result]) -> list[Result]:
    """What workers come to who all begin while another one's transaction is open, and go on when it is committed."""
    first, *others = stores
    with ThreadPoolExecutor(len(runs)) as pool:
        with first.write() as tx:
            hold(tx)
            outcomes = [pool.submit(run, store) for run, store in zip(runs, others, strict=False)]
            threading.Event().wait(HOLD_UP_S)
        return [outcome.result() for outcome in outcomes]


def record(id: str) -> Arrival:
    return Arrival("pbx", Raw(id=id, body=b"{}", source="webhook"))


def put(store: Store, *ids: str) -> list[Stored]:
    with store.write() as tx:
        return inbox.put(store, tx, [record(id) for id in ids])


def take(store: Store, limit: int = 100, lease: timedelta = LEASE, newest: int = 0) -> list[Claim]:
    with store.write() as tx:
        rows = claim(store, tx, records, LANE, limit, lease, newest=newest)
    return [Claim(row.id, row.fence) for row in rows]


def write_back(store: Store, held: Sequence[Claim], reason: str) -> set[int]:
    """Ends those of these rows that are still the worker's own."""
    with store.write() as tx:
        ours = still_ours(store, tx, records, held)
        settle(tx, records, [{"id": id, "state": DONE, "reason": reason} for id in ours])
    return ours


def count(store: Store, table: object) -> int:
    with store.read() as tx:
        return int(tx.scalar(select(func.count()).select_from(table)) or 0)  # type: ignore[arg-type]


def reasons(store: Store) -> set[str]:
    with store.read() as tx:
        return set(tx.scalars(select(records.c.reason)))


# Claims


@pytest.mark.parametrize("newest", [0, 3], ids=["oldest", "both ends"])
def test_no_row_is_claimed_by_two_workers_and_none_is_left(stores: list[Store], newest: int) -> None:
    put(stores[0], *(f"e{n}" for n in range(400)))

    def take_all(store: Store) -> list[list[Claim]]:
        return list(islice(iter(lambda: take(store, limit=7, newest=newest), []), 100))

    batches = [batch for batches in at_once(stores, take_all) for batch in batches]
    assert max(len(batch) for batch in batches) <= 7
    claims = [one for batch in batches for one in batch]
    assert len({one.id for one in claims}) == len(claims) == 400
    assert {one.fence for one in claims} == {1}


def test_claims_that_meet_take_no_more_than_their_limit(stores: list[Store]) -> None:
    put(stores[0], *(f"e{n}" for n in range(1000)))
    assert [len(batch) for batch in at_once(stores, partial(take, limit=5))] == [5] * WORKERS


def test_the_oldest_rows_are_claimed_first(store: Store) -> None:
    for id in ("first", "second", "third"):
        put(store, id)
    with store.write() as tx:
        assert [row.event_key for row in claim(store, tx, records, LANE, 2, LEASE)] == ["first", "second"]


def test_another_lane_is_left_alone(store: Store) -> None:
    put(store, "e1")
    with store.write() as tx:
        assert claim(store, tx, records, "inbox:other", 10, LEASE) == []


def test_rows_under_a_lease_are_not_claimed_again(store: Store) -> None:
    put(store, "e1")
    assert take(store)
    assert take(store) == []


def test_what_goes_out_is_marked_by_its_claim_and_keeps_an_older_mark(store: Store) -> None:
    def marks() -> list[datetime | None]:
        with store.read() as tx:
            return list(tx.scalars(select(outbox.c.marked_at)))

    def claimed() -> list[datetime | None]:
        """The marks that rows had before they were claimed; the claims end at once."""
        with store.write() as tx:
            return [row.marked_at for row in claim(store, tx, outbox, "outbox:crm:entry", 10, ENDED)]

    with store.write() as tx:
        owe(store, tx, [Owed("crm", OutKind.ENTRY, "a", {})])
    assert marks() == [None]
    assert claimed() == [None]
    [mark] = marks()
    assert mark is not None
    assert claimed() == [mark]
    assert marks() == [mark]


# Leases and fences


def test_a_row_whose_lease_has_ended_is_taken_over_under_a_higher_fence(stores: list[Store]) -> None:
    put(stores[0], "e1")
    [old] = take(stores[0], lease=ENDED)
    [new] = take(stores[1])
    assert (new.id, new.fence) == (old.id, old.fence + 1)


def test_who_was_taken_over_writes_nothing_back(stores: list[Store]) -> None:
    put(stores[0], "e1", "e2")
    old = take(stores[0], lease=ENDED)
    new = take(stores[1])
    assert write_back(stores[0], old, "too late") == set()
    assert write_back(stores[1], new, "in time") == {one.id for one in new}
    assert write_back(stores[0], old, "too late") == set()
    assert reasons(stores[0]) == {"in time"}


def test_who_lost_some_rows_writes_the_others_back(stores: list[Store]) -> None:
    put(stores[0], "e1", "e2")
    old = take(stores[0], lease=ENDED)
    [lost] = take(stores[1], limit=1)
    assert write_back(stores[0], old, "kept") == {one.id for one in old} - {lost.id}


def test_a_worker_that_nobody_took_over_may_be_late(store: Store) -> None:
    put(store, "e1")
    [held] = take(store, lease=ENDED)
    assert write_back(store, [held], "late") == {held.id}


def test_a_row_that_is_being_written_back_is_not_taken_over(stores: list[Store]) -> None:
    put(stores[0], "e1")
    held = take(stores[0], lease=ENDED)
    with ThreadPoolExecutor(1) as pool:
        with stores[0].write() as tx:
            assert still_ours(stores[0], tx, records, held)
            taken = pool.submit(take, stores[1])
            threading.Event().wait(HOLD_UP_S)  # between the look and the write
            settle(tx, records, [{"id": one.id, "state": DONE} for one in held])
        assert taken.result() == []


def test_one_of_many_takes_an_ended_lease_over_each_time(stores: list[Store]) -> None:
    put(stores[0], "e1")
    take(stores[0], lease=ENDED)
    claims = [one for batch in at_once(stores, take) for one in batch]
    assert [one.fence for one in claims] == [2]


# Rings


def ring(store: Store, patience: timedelta = LEASE) -> bool:
    with store.write() as tx:
        return take_ring(store, tx, LANE, patience)


@pytest.mark.parametrize("is_known", [False, True], ids=["new lane", "known lane"])
def test_of_many_rings_at_once_one_is_given(stores: list[Store], is_known: bool) -> None:
    if is_known:
        ring(stores[0])
        with stores[0].write() as tx:
            ring_taken_up(tx, LANE)
    assert Counter(at_once(stores, ring)) == {True: 1, False: WORKERS - 1}


def test_a_ring_that_nobody_took_up_is_given_again_after_patience(store: Store) -> None:
    assert ring(store)
    assert not ring(store)
    threading.Event().wait(0.01)
    assert ring(store, patience=timedelta(milliseconds=5))


def test_of_many_rings_after_patience_one_is_given(stores: list[Store]) -> None:
    with stores[0].write() as tx:
        tx.execute(rings.insert().values(lane=LANE, rung_at=datetime.now(UTC) - timedelta(minutes=1)))
    assert Counter(at_once(stores, ring)) == {True: 1, False: WORKERS - 1}


# Due rows


def look(store: Store, key: str, at: datetime) -> None:
    with store.write() as tx:
        schedule(tx, store, "due:call", key, at)


def take_looks(store: Store) -> list[Claim]:
    with store.write() as tx:
        return [Claim(row.id, row.fence) for row in claim(store, tx, due, "due:call", 10, LEASE)]


def finish(store: Store, claims: Sequence[Claim]) -> None:
    with store.write() as tx:
        finish_due(store, tx, claims)


def test_what_was_looked_at_is_gone(stores: list[Store]) -> None:
    look(stores[0], "k1", datetime.now(UTC))
    finish(stores[0], take_looks(stores[0]))
    assert count(stores[0], due) == 0


def test_what_is_scheduled_anew_while_it_is_looked_at_stays(stores: list[Store]) -> None:
    now = datetime.now(UTC)
    for key in ("k1", "k2"):
        look(stores[0], key, now)
    claims = take_looks(stores[0])
    look(stores[1], "k1", now + timedelta(hours=1))
    finish(stores[0], claims)
    with stores[0].read() as tx:
        [row] = tx.execute(select(due.c.key, due.c.next_at))
    assert (row.key, row.next_at) == ("k1", now + timedelta(hours=1))


def test_looks_that_are_moved_at_once_are_one_row(stores: list[Store]) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    at_once(stores, partial(look, key="k1", at=later))
    assert count(stores[0], due) == 1


# What comes in


def test_the_same_record_a_thousand_times_is_one_row(stores: list[Store]) -> None:
    def put_often(store: Store) -> list[Stored]:
        return [outcome for _ in range(5) for outcome in put(store, *["e1"] * 25)]

    outcomes = Counter(outcome for some in at_once(stores, put_often) for outcome in some)
    assert outcomes == {Stored.NEW: 1, Stored.SAME: 999}
    assert count(stores[0], records) == 1


def test_records_that_come_in_opposite_orders_lock_nobody_out(stores: list[Store]) -> None:
    outcomes = held_up(
        lambda tx: inbox.put(stores[0], tx, [record("m")]),
        stores,
        lambda store: put(store, "a", "m", "z"),
        lambda store: put(store, "z", "m", "a"),
    )
    assert Counter(outcome for some in outcomes for outcome in some) == {Stored.NEW: 2, Stored.SAME: 4}
    assert count(stores[0], records) == 3


# People


ANN, BOB, EVE = (email(f"{name}@example.com") for name in ("ann", "bob", "eve"))
ANNS_PHONE, BOBS_PHONE = phone("+12125550101"), phone("+12125550102")


def contact(*identities: Identity) -> Contact:
    return Contact(identities, at=datetime.now(UTC), account="pbx")


def meet(*people: Sequence[Identity]) -> Run[list[str]]:
    """Meets people, together, as a worker does: who lost a race looks again. Tells whose customers they are."""

    def run(store: Store) -> list[str]:
        for _ in range(RACES):
            with suppress(LostRace), store.write() as tx:
                return customers.resolve(store, tx, [contact(*who) for who in people])
        raise AssertionError("Every race was lost.")

    return run


def remaining(store: Store) -> set[str]:
    """The customers who did not become part of another."""
    with store.read() as tx:
        return set(tx.scalars(select(people.c.id).where(people.c.merged_into.is_(None))))


def holders(store: Store) -> set[str]:
    """Whoever has an identity."""
    with store.read() as tx:
        return set(tx.scalars(select(identities.c.customer_id)))


def test_a_stranger_whom_many_meet_at_once_is_one_customer(stores: list[Store]) -> None:
    found = at_once(stores, meet([ANN, ANNS_PHONE]))
    [customer] = remaining(stores[0])
    assert found == [[customer]] * WORKERS
    assert count(stores[0], identities) == 2


def test_strangers_who_are_met_in_opposite_orders_lock_nobody_out(stores: list[Store]) -> None:
    [found, backwards] = held_up(
        lambda tx: customers.resolve(stores[0], tx, [contact(ANN)]),
        stores,
        meet([BOB], [ANN], [EVE]),
        meet([EVE], [ANN], [BOB]),
    )
    assert found == backwards[::-1]
    assert set(found) == remaining(stores[0]) == holders(stores[0])


def test_customers_who_are_met_in_opposite_orders_lock_nobody_out(stores: list[Store]) -> None:
    [bob, ann, eve] = meet([BOB], [ANN], [EVE])(stores[0])
    found = held_up(
        lambda tx: customers.resolve(stores[0], tx, [contact(ANN)]),
        stores,
        meet([BOB], [ANN], [EVE]),
        meet([EVE], [ANN], [BOB]),
    )
    assert found == [[bob, ann, eve], [eve, ann, bob]]


def test_two_customers_who_turn_out_to_be_one_are_merged_once(stores: list[Store]) -> None:
    meet([ANN, ANNS_PHONE], [BOB, BOBS_PHONE])(stores[0])
    meetings = dict(zip(stores, [meet([ANN, BOB]), meet([BOB, ANN])] * (WORKERS // 2), strict=True))
    found = at_once(stores, lambda store: meetings[store](store))
    [kept] = remaining(stores[0])
    assert found == [[kept]] * WORKERS
    assert holders(stores[0]) == {kept}
    assert count(stores[0], people) == 2


def test_who_meets_a_customer_while_they_are_merged_has_met_who_is_kept(stores: list[Store]) -> None:
    meet([ANN], [BOB], [EVE])(stores[0])
    found = held_up(
        lambda tx: customers.resolve(stores[0], tx, [contact(ANN, BOB)]),
        stores,
        meet([ANN]),
        meet([BOB]),
        meet([BOB, EVE]),
    )
    [kept] = remaining(stores[0])
    assert found == [[kept]] * 3
    assert holders(stores[0]) == {kept}
