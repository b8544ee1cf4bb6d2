"""How PostgreSQL finds rows: by an index, also with the plan that it keeps for all values and made of empty tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest
from sqlalchemy import Table

from cxsdk import journeys
from cxsdk import store as store_package
from cxsdk.domain.clock import SystemClock
from cxsdk.store import Store, Transaction, work
from cxsdk.store.engine import Dialect
from cxsdk.store.prepared import Prepared

pytestmark = pytest.mark.integration

POSTGRESQL = Dialect(is_sqlite=False, tells_time=True)
#: Tables that hold a few rows, whatever the installation.
SMALL = {"accounts"}

#: What is asked of SQLite alone.
ONLY_ON_SQLITE = {f"store.rows.{name}" for name in ("_CHANGES", "_BEGIN_TRYING", "_TAKE_BACK")}


def statements() -> dict[str, Prepared]:
    """Those of ours that are the same for all that they are asked, by their names."""
    names = [m.name for p in (store_package, journeys) for m in iter_modules(p.__path__, f"{p.__name__}.")]
    modules = {name.removeprefix("cxsdk."): vars(import_module(name)) for name in names}
    found = {f"{n}.{k}": each for n, m in modules.items() for k, each in m.items() if isinstance(each, Prepared)}
    return {name: each for name, each in found.items() if name not in ONLY_ON_SQLITE}


def of_owed(table: Table) -> dict[str, Prepared]:
    """Those that are made for each table of owed work."""
    return {
        f"claim {table.name}": work._claim(POSTGRESQL, table, both_ends=False),
        f"claim both ends of {table.name}": work._claim(POSTGRESQL, table, both_ends=True),
        f"look whether {table.name} is owed": work._is_owed(POSTGRESQL, table),
        f"find lanes of {table.name}": Prepared(work._owed_lanes_of(POSTGRESQL, table)),
    }


@pytest.fixture
def tx(postgres_url: str) -> Iterator[Transaction]:
    with closing(Store(postgres_url, SystemClock())) as store, store.write() as tx:
        tx.connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
        yield tx


def plan_of(tx: Transaction, statement: Prepared) -> str:
    """The plan that PostgreSQL keeps for a statement."""
    parameters: list[str] = []

    def numbered(name: re.Match[str]) -> str:
        parameters.extend({name[1]} - set(parameters))
        return f"${parameters.index(name[1]) + 1}"

    text = re.sub(r"%\((\w+)\)s", numbered, statement.plan(tx.dialect).text)
    cursor: Any = tx.connection.connection.cursor()
    cursor.execute(f"PREPARE it AS {text.replace('%%', '%')}")
    cursor.execute(f"EXPLAIN EXECUTE it ({', '.join(['NULL'] * len(parameters))})".replace(" ()", ""))
    plan = "\n".join(line for (line,) in cursor.fetchall())
    cursor.execute("DEALLOCATE it")
    return plan


def test_moments_come_in_utc_whatever_zone_the_server_is_in(postgres_url: str) -> None:
    elsewhere = f"{postgres_url}?options=-c%20timezone%3DAsia/Kathmandu"
    with closing(Store(elsewhere, SystemClock())) as store, store.read() as tx:
        moment = store.moment(tx)
    assert moment.isoformat().endswith("+00:00")
    assert abs(moment - SystemClock().now()) < timedelta(minutes=1)


@pytest.mark.parametrize("name", statements())
def test_no_statement_goes_through_a_whole_table(tx: Transaction, name: str) -> None:
    plan = plan_of(tx, statements()[name])
    assert set(re.findall(r"Seq Scan on (\w+)", plan)) <= SMALL, plan


@pytest.mark.parametrize("table", work.OWED_TABLES, ids=lambda table: table.name)
def test_owed_rows_are_found_by_the_index_that_holds_them_alone(tx: Transaction, table: Table) -> None:
    for name, statement in of_owed(table).items():
        plan = plan_of(tx, statement)
        assert f"ix_{table.name}_owed" in plan, f"{name}:\n{plan}"
        assert "Seq Scan" not in plan, f"{name}:\n{plan}"
