"""Statements that are prepared once: they take and give what SQLAlchemy's own way does, and fail as it does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest
from sqlalchemy import Dialect, bindparam, insert, select, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.exc import IntegrityError, StatementError

from cxsdk import journeys
from cxsdk import store as store_package
from cxsdk.domain.clock import SystemClock
from cxsdk.store import Store, Transaction
from cxsdk.store.prepared import Prepared, prepared
from cxsdk.store.tables import outbox
from tests.acceptance.databases import BOTH

NOON = datetime(2026, 3, 2, 12, 0, 0, 123_456, tzinfo=UTC)
BODY = {"text": "Київ 🙂, 50% :off?", "parts": [1, None, True]}

NAMES = ("account", "kind", "key", "body", "automatic", "created_at", "lane", "next_at")
ADD = Prepared(insert(outbox).values({name: bindparam(name) for name in NAMES}).returning(outbox.c.key, outbox.c.id))
FIND = select(outbox).where(outbox.c.key == bindparam("its_key"), outbox.c.kind == "entry")


def row(key: str) -> dict[str, Any]:
    about = {"account": "crm", "kind": "entry", "key": key, "body": BODY, "automatic": True}
    return about | {"created_at": NOON, "lane": "l", "next_at": NOON}


@pytest.fixture(params=BOTH)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with closing(Store(request.param(request), SystemClock())) as store:
        yield store


@pytest.fixture
def tx(store: Store) -> Iterator[Transaction]:
    with store.write() as tx:
        yield tx


def test_rows_come_as_they_come_from_any_other_statement(tx: Transaction) -> None:
    tx.execute(ADD, row("a"))
    [known] = tx.execute(Prepared(FIND), {"its_key": "a"})
    assert tuple(known) == tuple(tx.execute(FIND, {"its_key": "a"}).one())
    assert (known.body, known.automatic, known.created_at, known.marked_at) == (BODY, True, NOON, None)
    assert known._asdict()["key"] == "a"


def test_each_of_several_rows_brings_its_own_results(tx: Transaction) -> None:
    told = tx.execute(ADD, [row("b"), row("a"), row("c")]).all()
    assert [key for key, _ in told] == ["b", "a", "c"]
    assert tx.execute(ADD, []).all() == []
    assert len(tx.execute(select(outbox.c.id)).all()) == 3


def test_nothing_found_is_none(tx: Transaction) -> None:
    assert tx.execute(Prepared(FIND), {"its_key": "nobody"}).one_or_none() is None
    assert tx.scalar(Prepared(FIND), {"its_key": "nobody"}) is None
    assert tx.scalars(Prepared(FIND), {"its_key": "nobody"}) == []


def test_a_statement_without_rows_writes(tx: Transaction) -> None:
    tx.execute(ADD, [row("a"), row("b")])
    change = Prepared(update(outbox).where(outbox.c.key == bindparam("its_key")).values(reason=bindparam("why")))
    tx.execute(change, [{"its_key": "a", "why": "one"}, {"its_key": "b", "why": None}])
    assert dict(tx.execute(select(outbox.c.key, outbox.c.reason)).all()) == {"a": "one", "b": None}


def test_what_the_database_refuses_is_told_as_by_any_other_statement_and_rolled_back(store: Store) -> None:
    with pytest.raises(IntegrityError) as refused, store.write() as tx:
        tx.execute(ADD, [row("a"), row("a")])
    assert "Київ" not in str(refused.value)  # what customers say belongs into no log
    with store.read() as tx:
        assert tx.execute(select(outbox.c.id)).all() == []


def test_a_parameter_that_was_forgotten_is_told_by_its_name(store: Store) -> None:
    with pytest.raises(StatementError, match="its_key"), store.read() as tx:
        tx.execute(Prepared(FIND))


def test_a_constant_is_part_of_the_statement_and_means_what_it_says(tx: Transaction) -> None:
    odd = "it's 50% :off? \\ Київ"
    tx.execute(ADD, [{**row("a"), "lane": odd}, row("b")])
    of_odd = Prepared(select(outbox.c.key).where(outbox.c.lane == odd, outbox.c.kind == bindparam("its_kind")))
    assert tx.scalars(of_odd, {"its_kind": "entry"}) == ["a"]
    assert "50%" in of_odd.plan(tx.dialect).text


def test_the_same_statement_is_prepared_once() -> None:
    @prepared
    def by(name: str) -> Any:
        return select(outbox).where(outbox.c[name] == bindparam("it"))

    assert by("key") is by("key")
    assert by("key") is not by("lane")


@pytest.mark.parametrize("dialect", [sqlite.dialect(), psycopg.dialect()], ids=lambda dialect: dialect.name)
def test_every_statement_of_ours_can_be_prepared(dialect: Dialect) -> None:
    names = [m.name for p in (store_package, journeys) for m in iter_modules(p.__path__, f"{p.__name__}.")]
    ours = [each for name in names for each in vars(import_module(name)).values() if isinstance(each, Prepared)]
    assert len(ours) > 30
    for each in ours:
        each.plan(dialect)


def test_a_list_of_values_is_refused_when_it_is_prepared() -> None:
    with pytest.raises(TypeError, match="one parameter"):
        Prepared(select(outbox).where(outbox.c.key.in_(["a", "b"]))).plan(sqlite.dialect())
