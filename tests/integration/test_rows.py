"""Many rows written in one statement, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import select

from cxsdk.domain.clock import SystemClock
from cxsdk.store import Store
from cxsdk.store.rows import insert_new, update_each
from cxsdk.store.tables import inbox, outbox
from cxsdk.store.work import schedule_all
from tests.acceptance.databases import BOTH

NOON = datetime(2026, 3, 2, 12, 0, 0, 123_456, tzinfo=UTC)
TEXTS = ["plain", "O'Brien", 'a "quote"', "Київ 🙂", "50% :off?", "back\\slash", "{a,b}", "line\nend\ttab"]


@pytest.fixture(params=BOTH)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with closing(Store(request.param(request), SystemClock())) as store:
        yield store


def thing(key: str, **values: Any) -> dict[str, Any]:
    row = {"account": "crm", "kind": "entry", "key": key, "body": {"text": key, "parts": [1, None, True]}}
    return row | {"automatic": False, "created_at": NOON, "lane": "l", "next_at": NOON, "subject_id": None} | values


def things(store: Store) -> list[Any]:
    with store.read() as tx:
        return list(tx.execute(select(outbox).order_by(outbox.c.id)))


def test_rows_are_kept_as_they_were_given_and_in_their_order(store: Store) -> None:
    with store.write() as tx:
        insert_new(tx, outbox, [thing(text, automatic=text == "plain") for text in TEXTS])
    rows = things(store)
    assert [row.key for row in rows] == TEXTS
    assert [row.body["text"] for row in rows] == TEXTS
    assert [row.automatic for row in rows] == [True] + [False] * (len(TEXTS) - 1)
    assert {(row.created_at, row.subject_id, row.state, row.wanted) for row in rows} == {(NOON, None, "owed", 1)}


def test_only_what_is_new_is_inserted_and_told(store: Store) -> None:
    with store.write() as tx:
        assert set(insert_new(tx, outbox, [thing("a"), thing("b")], "key")) == {("a",), ("b",)}
        assert set(insert_new(tx, outbox, [thing("b"), thing("c"), thing("c")], "key")) == {("c",)}
    assert [row.key for row in things(store)] == ["a", "b", "c"]


@pytest.mark.parametrize("known", ["", "a", "e", "h", "abcdefgh"])
def test_of_many_rows_only_what_is_new_is_inserted_and_told(store: Store, known: str) -> None:
    with store.write() as tx:
        if known:
            insert_new(tx, outbox, [thing(key, body={"text": "the first one"}) for key in known])
        told = insert_new(tx, outbox, [thing(key) for key in "abcdefgh"], "kind", "key")
        assert set(told) == {("entry", key) for key in "abcdefgh" if key not in known}
        assert insert_new(tx, outbox, [thing(key) for key in "iijjkkll"], "key") == [(key,) for key in "ijkl"]
    assert sorted(row.key for row in things(store)) == list("abcdefghijkl")
    assert {row.key for row in things(store) if row.body == {"text": "the first one"}} == set(known)


def test_bytes_stay_what_they_are(store: Store) -> None:
    body = bytes(range(256)) * 3
    row = {"account": "pbx", "event_key": "e1", "source": "webhook", "body": body, "headers": {"X-A": "é"}}
    with store.write() as tx:
        insert_new(tx, inbox, [row | {"received_at": NOON, "lane": "l", "next_at": NOON}])
    with store.read() as tx:
        kept = tx.execute(select(inbox)).one()
    assert (kept.body, kept.headers) == (body, {"X-A": "é"})


def test_a_moment_is_the_same_moment_whatever_its_zone(store: Store) -> None:
    with store.write() as tx:
        insert_new(tx, outbox, [thing("a", created_at=NOON.astimezone(timezone(timedelta(hours=5, minutes=45))))])
    assert things(store)[0].created_at == NOON


def test_each_row_gets_its_own_values(store: Store) -> None:
    with store.write() as tx:
        insert_new(tx, outbox, [thing(key) for key in "abc"])
    first, second, _ = (row.id for row in things(store))
    later = NOON + timedelta(hours=1)
    with store.write() as tx:
        update_each(tx, outbox, [
            {"id": first, "state": "dead", "reason": "wrong", "next_at": NOON},
            {"id": second, "state": "owed", "reason": None, "next_at": NOON},
            {"id": second, "state": "done", "reason": None, "next_at": later},
        ])  # fmt: skip
    kept = [(row.state, row.reason, row.next_at) for row in things(store)]
    assert kept == [("dead", "wrong", NOON), ("done", None, later), ("owed", None, NOON)]


def test_no_rows_are_no_statement(store: Store) -> None:
    with store.write() as tx:
        update_each(tx, outbox, [])


def test_a_look_that_is_scheduled_twice_at_once_is_one_row(store: Store) -> None:
    with store.write() as tx:
        schedule_all(tx, store, "due:call", [("k1", NOON), ("k2", NOON), ("k1", NOON + timedelta(hours=1))])
