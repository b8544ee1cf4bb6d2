"""What a table full of future work costs those who claim what is due, or add to what is not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from statistics import median
from uuid import uuid4

from sqlalchemy import text

from cxsdk.domain.clock import SystemClock
from cxsdk.store import Store, schema
from cxsdk.store.tables import due
from cxsdk.store.work import Claim, claim, finish_due, schedule_all, unschedule
from tests.benchmarks.bench import Bench
from tests.benchmarks.figure import Run, Sides

LANE = "due:invitation"
#: How many rows one claim takes, and one insert brings.
ROWS = 500
LEASE = timedelta(seconds=30)
FAR = timedelta(days=20)


def claims(database: str) -> Sides:
    """Milliseconds to claim and commit 500 rows, beside many that wait and beside few."""

    def sides(bench: Bench) -> tuple[Run, Run]:
        many, few = _stores(bench, database)
        return lambda: _claim_ms(many, bench.size.batches), lambda: _claim_ms(few, bench.size.batches)

    return sides


def inserts(database: str) -> Sides:
    """Rows a second, 500 in a transaction, beside many that wait and beside few."""

    def sides(bench: Bench) -> tuple[Run, Run]:
        many, few = _stores(bench, database)
        return lambda: _rows_per_second(many, bench.size.batches), lambda: _rows_per_second(few, bench.size.batches)

    return sides


def _claim_ms(store: Store, times: int) -> float:
    return median(_one_claim_ms(store) for _ in range(times))


def _one_claim_ms(store: Store) -> float:
    _schedule(store, -timedelta(seconds=1))
    began = time.monotonic()
    with store.write() as tx:
        rows = claim(store, tx, due, LANE, ROWS, LEASE)
    took = time.monotonic() - began
    assert len(rows) == ROWS
    with store.write() as tx:
        finish_due(store, tx, [Claim(row.id, row.fence) for row in rows])
    return took * 1000


def _rows_per_second(store: Store, times: int) -> float:
    began = time.monotonic()
    added = [key for _ in range(times) for key in _schedule(store, FAR)]
    took = time.monotonic() - began
    with store.write() as tx:
        for key in added:
            unschedule(tx, LANE, key)
    return len(added) / took


def _schedule(store: Store, wait: timedelta) -> list[str]:
    keys = [uuid4().hex[:26] for _ in range(ROWS)]
    at = store.clock.now() + wait
    with store.write() as tx:
        schedule_all(tx, store, LANE, [(key, at) for key in keys])
    return keys


def _stores(bench: Bench, database: str) -> tuple[Store, Store]:
    """A store with many rows that wait, and one with few; filled once for all figures of this database."""
    return bench.scene(f"waiting {database}", lambda: _both(bench, database))


@contextmanager
def _both(bench: Bench, database: str) -> Iterator[tuple[Store, Store]]:
    urls = [bench.sqlite() if database == "sqlite" else bench.postgres() for _ in range(2)]
    with _filled(urls[0], bench.size.waiting) as many, _filled(urls[1], bench.size.waiting_little) as few:
        yield many, few


@contextmanager
def _filled(url: str, rows: int) -> Iterator[Store]:
    with closing(Store(url, SystemClock())) as store:
        schema.upgrade(store)
        with store.write() as tx:
            tx.execute(text(_FILL_SQLITE if store.is_sqlite else _FILL_POSTGRES), {"lane": LANE, "rows": rows})
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE" if store.is_sqlite else "VACUUM ANALYZE due"))
        yield store


# Two weeks of surveys that are due from the day after tomorrow on, with keys that fall anywhere, as ours do.
_FILL_POSTGRES = """
INSERT INTO due (lane, key, next_at)
SELECT :lane, substr(md5(n::text), 1, 26), now() + interval '2 days' + random() * interval '14 days'
FROM generate_series(1, :rows) AS n
"""
_FILL_SQLITE = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows)
INSERT INTO due (lane, key, next_at)
SELECT :lane, substr(lower(hex(randomblob(13))), 1, 26),
       (unixepoch() + 172800 + abs(random() % 1209600)) * 1000000
FROM numbers
"""
