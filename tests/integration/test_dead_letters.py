"""What was set aside, and replay, on PostgreSQL; and with a broker, the bell that rings for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from cxsdk import CX
from cxsdk.errors import BadInput
from cxsdk.journeys import dead_letters, replaying
from cxsdk.store import aside
from cxsdk.store.aside import Ref, Wanted
from cxsdk.store.tables import CANCELLED, DEAD, DONE, OWED, inbox, outbox
from cxsdk.testing.crm import fake_crm
from cxsdk_workers.brokers import QUEUE
from cxsdk_workers.process import connected
from tests.acceptance.office import Office, Wire
from tests.installing import installed

SECOND = timedelta(seconds=1)


@pytest.fixture
def office(postgres_url: str) -> Iterator[Office]:
    crm, wire = fake_crm(), Wire()
    with installed(CX(crm=crm, channels=[wire], database=postgres_url)) as installation:
        office = Office(installation, crm, wire)
        office.introduce("ann")
        yield office


def refuse(office: Office, *texts: str) -> list[Ref]:
    for text in texts:
        office.crm.refuse(text, "The timeline is closed.")
    office.write(*texts)
    office.crm.recover()
    return [Ref("outbox", office.row(text).id) for text in texts]


def test_what_was_set_aside_is_listed_tried_again_and_dropped(office: Office) -> None:
    one, two, three = refuse(office, "one", "two", "three")
    office.receive({"fact": "NeverHeardOf"}, "bad")
    office.settle()
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    with office.runtime.store.read() as tx:
        assert aside.count(tx, Wanted()) == aside.count(tx, Wanted(since=long_ago)) == 4
        assert aside.count(tx, Wanted(account="fakecrm", kinds=frozenset({"entry"}), state=DEAD)) == 3
        found = list(aside.latest(tx, Wanted()))
        assert [one.kind for one in found] == ["record", "entry", "entry", "entry"]
        assert all(abs(datetime.now(UTC) - one.set_aside_at) < 30 * SECOND for one in found)
        assert aside.accounts_with_some(tx) == {"wire", "fakecrm"}
    assert dead_letters.retry(office.runtime, [one]).done == [one]
    assert dead_letters.drop(office.runtime, [two], "noise").done == [two]
    told = list(dead_letters.retry_all(office.runtime, Wanted(account="fakecrm")))
    assert [ref for some in told for ref in some.done] == [three]
    office.settle()
    assert [office.row(text).state for text in ("one", "two", "three")] == [DONE, CANCELLED, DONE]
    assert office.crm.counted()["one"] == office.crm.counted()["three"] == 1


def test_a_replay_on_postgresql_is_paced_and_changes_nothing(office: Office) -> None:
    office.write("one", "two", "three")
    before = office.crm.entries()
    parts = list(replaying.replay(office.runtime, ["wire"], datetime.now(UTC) - timedelta(hours=1), per_second=3))
    assert [part.records for part in parts] == [3, 1]
    first, *_, last = [row.next_at for row in office.rows(table=inbox)]
    assert last - first == SECOND
    with office.runtime.store.write() as tx:
        tx.execute(inbox.update().values(next_at=first))
    office.settle()
    assert office.crm.entries() == before
    assert {row.state for row in office.rows(table=inbox)} == {DONE}
    assert replaying.replay_event(office.runtime, "e1", ["wire"]) == 1
    assert [row.state for row in office.rows(table=inbox)].count(OWED) == 1


def test_of_two_who_decide_on_a_row_at_the_same_moment_one_is_told_to_look_again(office: Office) -> None:
    [one] = refuse(office, "one")
    told: list[str] = []

    def drop() -> None:
        try:
            dead_letters.drop(office.runtime, [one])
        except BadInput as error:
            told.append(error.code)

    with office.runtime.store.write() as tx:
        aside.still_aside(office.runtime.store, tx, aside.named(tx, [one]))
        other = threading.Thread(target=drop)
        other.start()
        other.join(0.2)  # it waits for our lock
        tx.execute(outbox.update().where(outbox.c.id == one.id).values(state=OWED))
    other.join(30)
    assert told == ["row_not_aside"]
    assert office.row("one").state == OWED


def test_what_is_owed_again_is_rung_for_over_the_broker(postgres_url: str, redis_url: str) -> None:
    import redis

    cx = CX(crm=fake_crm(), channels=[Wire()], database=postgres_url, broker=redis_url)
    with installed(cx) as installation:
        office = Office(installation, installation.runtime.crm, installation.runtime.channels["wire"])
        office.introduce("ann")
        rows = refuse(office, "one")
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen(f"cxsdk:{QUEUE}") == 0
        with connected(cx) as (opened, _):
            dead_letters.retry(opened.runtime, rows)
            replaying.replay_event(opened.runtime, "e1", ["wire"])
        assert client.llen(f"cxsdk:{QUEUE}") == 2
