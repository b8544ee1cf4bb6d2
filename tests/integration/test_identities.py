"""Two workers that decide at the same moment whose a number is, on PostgreSQL: one of them looks again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from cxsdk.domain.clock import SystemClock
from cxsdk.domain.identity import Confidence, Identity
from cxsdk.store import LostRace, Store
from cxsdk.store.customers import Contact, resolve
from cxsdk.store.tables import identities

pytestmark = pytest.mark.integration

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
PHONE = Identity(kind="phone", value="+12125550123")
ANN, EVE = (Identity(kind="email", value=f"{name}@example.com") for name in ("ann", "eve"))


@pytest.fixture
def store(postgres_url: str) -> Iterator[Store]:
    with closing(Store(postgres_url, SystemClock())) as store:
        yield store


def contact(*found: Identity, minute: int = 0) -> Contact:
    return Contact(found, NOON + timedelta(minutes=minute), "letters")


def told(store: Store, *found: Identity, minute: int = 0) -> str:
    """A contact comes in; whoever loses the race looks again."""
    while True:
        try:
            with store.write() as tx:
                return resolve(store, tx, [contact(*found, minute=minute)])[0]
        except LostRace:
            continue


def knows(store: Store) -> list[str]:
    """Whose the number is known to be."""
    with store.read() as tx:
        rows = tx.execute(identities.select().where(identities.c.kind == "phone"))
        return [row.customer_id for row in rows if row.confidence == Confidence.KNOWN]


@pytest.mark.parametrize("other", [(PHONE,), (EVE, PHONE)], ids=["the same", "somebody else"])
def test_a_number_that_two_workers_see_used_at_once_is_one_persons(store: Store, other: tuple[Identity, ...]) -> None:
    ann = told(store, ANN, PHONE.maybe())
    told(store, EVE, minute=1)
    with ThreadPoolExecutor(1) as worker:
        with store.write() as tx:
            assert resolve(store, tx, [contact(PHONE, minute=2)]) == [ann]
            late = worker.submit(told, store, *other, minute=3)
            assert not wait([late], timeout=0.1).done  # it decides when the first has
        owner = late.result(timeout=10)
    assert knows(store) == [owner]
