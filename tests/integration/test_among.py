"""Many values in one parameter, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import delete, select, text, update

from cxsdk.domain.clock import SystemClock
from cxsdk.store import Store
from cxsdk.store.among import among
from cxsdk.store.tables import due, metadata
from tests.acceptance.databases import BOTH

KEYS = ["plain", "O'Brien", 'a "quote"', "Київ 🙂", "50% off?", "back\\slash", "{a,b}"]


@pytest.fixture(params=BOTH)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with closing(Store(request.param(request), SystemClock())) as store:
        with store.write() as tx:
            moment = store.moment(tx)
            rows = [{"lane": "due:call", "key": key, "next_at": moment, "state": "owed"} for key in KEYS]
            tx.execute(due.insert(), rows)
        yield store


_BY_KEYS = select(due.c.id, due.c.key).where(among(due.c.key, "keys")).order_by(due.c.id)


def test_the_rows_with_these_texts_are_found_and_no_others(store: Store) -> None:
    for some in ([], KEYS[:1], KEYS[1:4], KEYS, ["nobody's", KEYS[-1]]):
        with store.read() as tx:
            assert [row.key for row in tx.execute(_BY_KEYS, {"keys": some})] == [k for k in KEYS if k in some]


def test_any_iterable_of_values_will_do(store: Store) -> None:
    with store.read() as tx:
        rows = {row.key: row.id for row in tx.execute(_BY_KEYS, {"keys": iter(KEYS)})}
        some = {rows["plain"], rows["{a,b}"]}
        found = tx.scalars(select(due.c.key).where(among(due.c.id, "ids")), {"ids": some})
    assert set(found) == {"plain", "{a,b}"}


def test_rows_are_changed_and_removed_by_it(store: Store) -> None:
    with store.write() as tx:
        tx.execute(update(due).where(among(due.c.key, "keys")).values(lane="due:case"), {"keys": KEYS[:2]})
        tx.execute(delete(due).where(among(due.c.key, "keys")), {"keys": KEYS[2:]})
        assert set(tx.scalars(select(due.c.lane))) == {"due:case"}


def test_a_number_of_values_does_not_make_another_statement(store: Store) -> None:
    one, many = ({"keys": KEYS[:number]} for number in (1, 5))
    with store.read() as tx:
        texts = {str(tx.execute(_BY_KEYS, asked).context.statement) for asked in (one, many)}  # type: ignore[attr-defined]
    assert len(texts) == 1


def test_sqlite_searches_for_each_value_in_an_index(tmp_path: object) -> None:
    with closing(Store(f"sqlite:///{tmp_path}/cx.db", SystemClock())) as store:
        metadata.create_all(store.engine)
        with store.read() as tx:
            query = select(due.c.id).where(due.c.lane == text("'due:call'"), among(due.c.key, "keys"))
            compiled = query.compile(store.engine)
            plan = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", ("[]",)).all()
    assert any("SEARCH due USING" in row.detail for row in plan), plan
