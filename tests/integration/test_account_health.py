"""What the database notes of accounts that break and heal, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from cxsdk.domain.clock import SystemClock
from cxsdk.policy.health import Trouble
from cxsdk.store import Store, accounts
from cxsdk.store.condition import ailments, lanes_due, pauses, waiting
from cxsdk.store.tables import WAITING, outbox, rings
from tests.installing import migrate

LANE = "outbox:crm:entry"


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    is_postgres = request.param == "postgres"
    url = request.getfixturevalue("postgres_url") if is_postgres else f"sqlite:///{tmp_path}/cx.db"
    migrate(url)
    with closing(Store(url, SystemClock())) as store:
        yield store


def test_a_breakage_begins_with_the_first_failure_and_ends_once(store: Store) -> None:
    with store.write() as tx:
        first = accounts.pause(store, tx, "crm", "transient: down")
        second = accounts.pause(store, tx, "crm", "transient: down")
        accounts.breaks(tx, "crm", Trouble.OUTAGE)
    assert (first.since, first.broken, second.broken) == (second.since, None, None)
    with store.write() as tx:
        assert [(one.account, one.source, one.broken) for one in ailments(tx)] == [("crm", None, Trouble.OUTAGE)]
        assert accounts.pause(store, tx, "crm", "transient: down").broken == Trouble.OUTAGE
        assert set(pauses(tx)) == {"crm"}
    with store.write() as tx:
        assert accounts.worked(store, tx, "crm") == (Trouble.OUTAGE, first.since)
    with store.write() as tx:
        assert accounts.worked(store, tx, "crm") is None
        assert ailments(tx) == []


def test_a_failure_that_was_no_breakage_ends_without_a_word(store: Store) -> None:
    with store.write() as tx:
        accounts.pause(store, tx, "crm", "transient: down")
    with store.write() as tx:
        assert accounts.worked(store, tx, "crm") is None
        assert ailments(tx) == []


def test_refusals_are_counted_until_something_is_taken(store: Store) -> None:
    with store.write() as tx:
        assert [accounts.refused(store, tx, "crm", number) for number in (1, 10, 2)] == [1, 11, 13]
        accounts.worked(store, tx, "crm")
        assert accounts.refused(store, tx, "crm", 1) == 1


def test_an_outage_is_over_where_something_is_refused(store: Store) -> None:
    with store.write() as tx:
        accounts.pause(store, tx, "crm", "transient: down")
        accounts.refused(store, tx, "crm", 1)
        assert ailments(tx) == []
        known = accounts.health(tx, "crm")
    assert known is not None
    assert known.failures == 0


def test_what_waits_is_counted_and_its_oldest_found(store: Store) -> None:
    now = datetime.now(UTC)
    row = {"account": "crm", "kind": "entry", "body": {}, "created_at": now, "lane": LANE}
    ages = {"a": timedelta(hours=1), "b": timedelta(minutes=1), "c": -timedelta(hours=1)}
    with store.write() as tx:
        for key, age in ages.items():
            tx.execute(insert(outbox).values(key=key, next_at=now - age, **row))
        tx.execute(insert(outbox).values(key="d", next_at=now, state=WAITING, **row))
        tx.execute(insert(rings).values(lane=LANE, rung_at=now))
    with store.read() as tx:
        assert waiting(tx) == {"crm": {"entry": 4}}
        [lane] = lanes_due(store, tx)
    assert (lane.name, lane.is_worked) == (LANE, False)
    assert abs(lane.since - (now - ages["a"])) < timedelta(seconds=1)
    assert lane.rung_at is not None
