"""The way into the inbox: what was answered 202 is kept, what was refused left nothing, nobody suffers for others."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import NullPool, create_engine, event, make_url, select, text, update
from starlette.testclient import TestClient

from cxsdk import CX, Raw, Secret
from cxsdk.domain.clock import ManualClock, SystemClock
from cxsdk.errors import StoreUnavailable
from cxsdk.store import Store, connecting, tokens
from cxsdk.store.inbox import Arrival, Stored
from cxsdk.store.tables import DEAD, inbox
from cxsdk.testing.inline import Installation
from cxsdk.web import intake as module
from cxsdk.web import public_app
from cxsdk.web.intake import Intake
from cxsdk.web.serving import serving
from cxsdk_localcrm import LocalCRM
from cxsdk_telephony import Telephony
from tests.acceptance.databases import BOTH
from tests.acceptance.pbx import SECRET, signed
from tests.installing import installed, migrate
from tests.integration.processes import Deployment, deployed

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NEW, SAME, CONFLICT = Stored.NEW, Stored.SAME, Stored.CONFLICT


def record(key: str, said: str = "hello", **headers: str) -> Arrival:
    return Arrival("pbx", Raw(id=key, body=said.encode(), headers=headers, received_at=NOON))


@contextmanager
def taking(store: Store) -> Iterator[Intake]:
    intake = Intake(store)
    intake.start()
    try:
        yield intake
    finally:
        intake.stop()


@contextmanager
def empty_store(url: str) -> Iterator[Store]:
    migrate(url)
    with closing(Store(url, SystemClock())) as store:
        yield store


@pytest.fixture(params=BOTH)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with empty_store(request.param(request)) as store:
        yield store


@contextmanager
def held(store: Store) -> Iterator[None]:
    """Nobody else gets a record into the inbox meanwhile."""
    with store.write() as tx:
        if not store.is_sqlite:
            tx.execute(text("LOCK TABLE inbox IN EXCLUSIVE MODE"))
        yield


numbers = itertools.count()


def together(intake: Intake, *requests: Sequence[Arrival], meanwhile: Callable[[], None] = lambda: None) -> list[Any]:
    """What became of requests that came while another one was committed, and so all wait for the next commit."""

    async def put_all() -> list[Any]:
        with held(intake._store):
            first = asyncio.ensure_future(intake.put([record(f"first-{next(numbers)}")]))
            while not intake._records or not intake._queue.empty():  # noqa: ASYNC110 - the thread tells nobody
                await asyncio.sleep(0.001)
            puts = [asyncio.ensure_future(intake.put(request)) for request in requests]
            await asyncio.sleep(0)
            meanwhile()
        await first
        return await asyncio.gather(*puts, return_exceptions=True)

    return asyncio.run(put_all())


def kept(store: Store) -> dict[str, str]:
    """What stands in the inbox: bodies by key."""
    with store.read() as tx:
        rows = tx.execute(select(inbox.c.event_key, inbox.c.body).where(inbox.c.event_key.not_like("first-%")))
        return {key: bytes(body).decode() for key, body in rows}


# -- many requests, one commit


def test_requests_that_come_together_share_a_commit(store: Store) -> None:
    commits: list[Any] = []
    requests = [[record(f"{n}-{m}") for m in range(1 + n % 3)] for n in range(200)]
    with taking(store) as intake:
        event.listen(store.engine, "commit", commits.append)
        outcomes = together(intake, *requests)
    assert len(commits) == 3  # of the request before them, of theirs, and of the lock that held them up
    assert outcomes == [[NEW] * len(request) for request in requests]
    assert len(kept(store)) == sum(map(len, requests))


def test_a_request_of_which_one_record_conflicts_stores_nothing_and_hurts_nobody(store: Store) -> None:
    with taking(store) as intake:
        together(intake, [record("k", "one")])
        outcomes = together(
            intake,
            [record("a")],
            [record("b"), record("k", "other"), record("c")],
            [record("d"), record("e")],
            [record("k", "other")],
            [record("k", "one"), record("f")],
        )
    assert outcomes == [[NEW], [NEW, CONFLICT, NEW], [NEW, NEW], [CONFLICT], [SAME, NEW]]
    assert kept(store) == {"k": "one"} | dict.fromkeys("adef", "hello")


def test_the_same_request_again_is_the_same_and_stores_nothing(store: Store) -> None:
    requests = [[record("a"), record("b")] for _ in range(3)]
    with taking(store) as intake:
        assert together(intake, *requests[:2]) == [[NEW, NEW], [SAME, SAME]]
        assert together(intake, requests[2]) == [[SAME, SAME]]
    assert len(kept(store)) == 2


def test_of_two_requests_under_one_key_in_one_commit_one_is_stored_whole(store: Store) -> None:
    with taking(store) as intake:
        outcomes = together(intake, [record("k", "one"), record("a")], [record("b"), record("k", "other")])
    assert outcomes == [[NEW, NEW], [NEW, CONFLICT]]
    assert kept(store) == {"k": "one", "a": "hello"}


def test_what_a_refused_request_brought_is_in_nobodys_way(store: Store) -> None:
    with taking(store) as intake:
        together(intake, [record("k", "one")])
        refused, single, whole = together(
            intake,
            [record("a", "refused"), record("b", "refused"), record("k", "other")],
            [record("a", "single")],
            [record("b", "whole"), record("c")],
        )
    assert CONFLICT in refused
    assert (single, whole) == ([NEW], [NEW, NEW])
    assert kept(store) == {"k": "one", "a": "single", "b": "whole", "c": "hello"}


def test_a_record_that_corrects_one_in_quarantine_is_kept_beside_it_with_all_of_its_request(store: Store) -> None:
    with taking(store) as intake:
        together(intake, [record("k", "garbled")])
        with store.write() as tx:
            tx.execute(update(inbox).values(state=DEAD))
        requests = [[record("k", "mended"), record("a")] for _ in range(2)]
        assert together(intake, *requests) == [[NEW, NEW], [SAME, SAME]]
    assert sorted(kept(store).values()) == ["garbled", "hello", "mended"]


@pytest.fixture(scope="module")
def busy_intake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Intake]:
    """An intake for many examples, each under keys of its own."""
    with empty_store(f"sqlite:///{tmp_path_factory.mktemp('busy')}/cx.db") as store, taking(store) as intake:
        yield intake


some_record = st.tuples(st.sampled_from("abcde"), st.sampled_from(["one", "two"]))
some_request = st.lists(some_record, min_size=1, max_size=3)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(some_request, min_size=1, max_size=6), min_size=1, max_size=2))
def test_what_is_kept_is_all_of_what_was_taken_and_nothing_of_what_was_refused(
    busy_intake: Intake, rounds: list[list[list[tuple[str, str]]]]
) -> None:
    mark = f"{next(numbers)}:"
    taken: set[tuple[str, str]] = set()
    refused: list[list[tuple[str, str]]] = []
    for requests in rounds:
        puts = [[record(mark + key, said) for key, said in request] for request in requests]
        for request, outcome in zip(requests, together(busy_intake, *puts), strict=True):
            if CONFLICT in outcome:
                refused.append(request)
            else:
                taken |= set(request)
    found = {(k.removeprefix(mark), said) for k, said in kept(busy_intake._store).items() if k.startswith(mark)}
    assert found == taken
    assert all(not set(request) <= found for request in refused)


@pytest.mark.integration
def test_processes_that_store_the_same_records_in_other_orders_do_not_lock_each_other_out(
    postgres_url: str,
) -> None:
    both_ready = threading.Barrier(2)

    def put_all(intake: Intake, order: int) -> list[Stored]:
        outcomes: list[Stored] = []
        for turn in range(10):
            request = [record(f"{turn}-{n}") for n in range(400)][::order]
            both_ready.wait(10)
            outcomes += asyncio.run(intake.put(request))
        return outcomes

    with (
        empty_store(postgres_url) as store,
        closing(Store(postgres_url, SystemClock())) as other,
        taking(store) as one,
        taking(other) as two,
        ThreadPoolExecutor(2) as threads,
    ):
        outcomes = [outcome for mine in threads.map(put_all, (one, two), (1, -1)) for outcome in mine]
        assert (outcomes.count(NEW), outcomes.count(SAME)) == (4_000, 4_000)


# -- what cannot be stored


def poison(store: Store, key: str) -> Arrival:
    """A record that the database refuses."""
    return record(key, agent="\ud800" if store.is_sqlite else "\0")


def test_a_record_that_the_database_refuses_does_not_fail_others(store: Store) -> None:
    requests = [[record(f"{n}")] for n in range(40)]
    requests[7:7] = [[poison(store, "p")], [record("beside"), poison(store, "q")]]
    with taking(store) as intake:
        outcomes = together(intake, *requests)
    refused = [outcome for outcome in outcomes if isinstance(outcome, StoreUnavailable)]
    assert [outcomes[7], outcomes[8]] == refused
    assert sorted(kept(store)) == sorted(str(n) for n in range(40))


def test_when_the_database_goes_away_between_two_commits_all_that_still_wait_are_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, calls = module.inbox.put, itertools.count()

    def put_twice(*args: Any) -> list[Stored]:
        if next(calls) == 2:  # the first was of the request before these, the second tore one of these
            raise StoreUnavailable
        return put(*args)

    monkeypatch.setattr(module.inbox, "put", put_twice)
    with taking(store) as intake:
        requests = [[record("a")], [record("k", "one")], [record("b"), record("k", "other")], [record("c")]]
        outcomes = together(intake, *requests)
        assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 4
        assert kept(store) == {}
        assert together(intake, requests[2]) == [[NEW, NEW]]


def test_who_comes_when_too_many_wait_is_turned_away_and_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITING", 11)  # one of them is the request that all wait for
    with taking(store) as intake:
        outcomes = together(intake, *([record(f"{n}")] for n in range(15)))
        assert outcomes[:10] == [[NEW]] * 10
        assert [type(outcome) for outcome in outcomes[10:]] == [StoreUnavailable] * 5
        assert sorted(kept(store), key=int) == [str(n) for n in range(10)]
        assert together(intake, [record("11")]) == [[NEW]]


def test_requests_of_many_records_leave_room_for_those_of_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING", 20)
    bulk = [[record(f"{n}-{m}") for m in range(4)] for n in range(5)]
    with taking(store) as intake:
        outcomes = together(intake, *bulk, [record("call")])
    assert outcomes[:2] == [[NEW] * 4] * 2
    assert [type(outcome) for outcome in outcomes[2:5]] == [StoreUnavailable] * 3
    assert outcomes[5] == [NEW]


def test_a_stop_commits_and_answers_what_waits_and_takes_nothing_more(store: Store) -> None:
    intake = Intake(store)
    intake.start()
    stopping = threading.Thread(target=intake.stop)
    requests = [[record(f"{n}"), record(f"{n}'")] for n in range(50)]
    assert together(intake, *requests, meanwhile=stopping.start) == [[NEW, NEW]] * 50
    stopping.join()
    assert len(kept(store)) == 100
    with pytest.raises(StoreUnavailable):
        asyncio.run(intake.put([record("late")]))


# -- over HTTP


class Office:
    """A company with a phone system and a shop that post to it."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.store = installation.runtime.store
        self.app = public_app(installation.opened)
        with self.store.write() as tx:
            self.token = tokens.create(self.store, tx, "shop") or ""

    def call(self, number: object) -> httpx2.Request:
        """An event of a call, signed as its PBX signs."""
        told = {"event_id": "1", "call_id": f"c{number}", "type": "missed", "at": NOON.isoformat()}
        body = json.dumps(told | {"from": "+12125550123", "to": "+12125550100"}).encode()
        return httpx2.Request("POST", "http://cx.example.com/webhooks/pbx", content=body, headers=signed(body, NOON))

    def orders(self, *numbers: object, key: str | None = None) -> httpx2.Request:
        """Purchases that a shop tells of at once."""
        usual = {"at": NOON.isoformat(), "kind": "purchase", "customer": {"phone": "+12125550123"}}
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key or f"key-{numbers}"}
        items = [usual | {"id": str(number)} for number in numbers]
        return httpx2.Request("POST", "http://cx.example.com/api/v1/events", json=items, headers=headers)

    def together(self, *requests: httpx2.Request) -> list[httpx2.Response]:
        """All at the same moment."""

        async def send_all() -> list[httpx2.Response]:
            transport = httpx2.ASGITransport(app=self.app)
            async with self.app.router.lifespan_context(self.app), httpx2.AsyncClient(transport=transport) as web:
                return await asyncio.gather(*(web.send(request) for request in requests))

        return asyncio.run(send_all())


@contextmanager
def office_on(database: str, tmp_path: Path) -> Iterator[Office]:
    crm = LocalCRM(database=str(tmp_path / "crm.db"))
    cx = CX(crm=crm, channels=[Telephony(name="pbx", secret=Secret(SECRET))], database=database)
    with installed(cx, clock=ManualClock(NOON)) as installation:
        yield Office(installation)


@pytest.fixture(params=BOTH)
def office(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr(connecting, "BUSY_TIMEOUT_S", 0.05)
    with office_on(request.param(request), tmp_path) as office:
        yield office


def test_a_thousand_requests_under_one_id_at_once_are_one_row_and_all_are_taken(office: Office) -> None:
    answers = office.together(*[office.call(1)] * 1_000)
    assert {answer.status_code for answer in answers} == {202}
    assert list(kept(office.store)) == ["c1 1"]


def test_calls_and_orders_that_come_at_once_are_all_taken_and_the_conflicting_refused(office: Office) -> None:
    calls = [office.call(n) for n in range(100)]
    orders = [office.orders(n, n + 1, n + 2, key=f"key-{n}") for n in range(0, 60, 3)]
    rivals = [office.orders(f"rival-{n}", key=f"key-{n}") for n in range(0, 60, 3)]
    answers = [answer.status_code for answer in office.together(*calls, *orders, *rivals)]
    assert (answers[:100], sorted(answers[100:])) == ([202] * 100, [202] * 20 + [422] * 20)
    assert answers[100:120] == [202 if status == 422 else 422 for status in answers[120:]]
    items = [key for key in kept(office.store) if key.startswith("event:")]
    assert len(items) == 3 * answers[100:120].count(202) + answers[120:].count(202)


def check_unavailable(answer: httpx2.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    assert "refused" not in answer.json()["detail"]  # that would be the record's fault


def test_while_the_database_is_locked_senders_are_told_to_come_back_and_later_all_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "BUSY_TIMEOUT_S", 0.05)
    with office_on(f"sqlite:///{tmp_path}/cx.db", tmp_path) as office, TestClient(office.app) as web:
        with closing(sqlite3.connect(tmp_path / "cx.db", isolation_level=None)) as another_process:
            another_process.execute("BEGIN IMMEDIATE")
            for request in (office.call(1), office.orders(1, 2)):
                check_unavailable(web.send(request))
            another_process.execute("ROLLBACK")
        assert kept(office.store) == {}
        assert [web.send(request).status_code for request in (office.call(1), office.orders(1, 2))] == [202, 202]


@pytest.mark.integration
def test_while_the_database_cannot_be_reached_senders_are_told_to_come_back_and_later_all_is_well(
    postgres_url: str, tmp_path: Path
) -> None:
    url = make_url(postgres_url)
    server = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def let_in(allowed: str) -> None:
        with server.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS {allowed}"))
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
                {"name": url.database},
            )

    with office_on(postgres_url, tmp_path) as office, TestClient(office.app) as web:
        assert web.send(office.call(1)).status_code == 202
        let_in("false")
        check_unavailable(web.send(office.call(2)))
        check_unavailable(web.send(office.orders(1)))
        check_unavailable(web.get("/readyz"))
        let_in("true")
        assert web.send(office.call(2)).status_code == 202
        assert sorted(kept(office.store)) == ["c1 1", "c2 1"]


def test_when_too_many_wait_senders_are_told_to_come_back(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING", 10)
    with TestClient(office.app) as web, ThreadPoolExecutor(30) as threads:
        with held(office.store):
            sent = [threads.submit(web.send, office.call(n)) for n in range(30)]
            while sum(one.done() for one in sent) < 20:
                time.sleep(0.01)
            refused = [one for one in sent if one.done()]
        taken = [one.result() for one in sent if one not in refused]
    for one in refused:
        check_unavailable(one.result())
    assert [answer.status_code for answer in taken] == [202] * 10
    assert len(kept(office.store)) == 10


def test_when_every_connection_is_in_use_senders_are_told_to_come_back(office: Office) -> None:
    pool: Any = office.store._reader.pool
    pool._timeout = 0.01
    with TestClient(office.app) as web:
        in_use = []
        while pool.checkedout() < pool.size() + pool._max_overflow:
            in_use.append(office.store._reader.connect())
        check_unavailable(web.get("/readyz"))
        for connection in in_use:
            connection.close()
        assert web.get("/readyz").status_code == 200


# -- senders that go away, and a process that is killed


def wire_form(request: httpx2.Request) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return f"{request.method} {request.url.path} HTTP/1.1\r\n{head}\r\n".encode() + request.read()


def test_senders_that_go_away_harm_nobody(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(office.app, "127.0.0.1", 0) as port:

        def connect(sent: bytes) -> socket.socket:
            connection = socket.create_connection(("127.0.0.1", port))
            connection.sendall(sent)
            return connection

        with held(office.store):
            whole = [connect(wire_form(office.call(n))) for n in range(10)]
            part = [connect(wire_form(request)[:-40]) for request in (office.call("part"), office.orders("part"))]
            for connection in (*whole, *part):
                connection.close()
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as web:
            for request in (office.call("later"), office.orders("later")):
                headers = {name: value for name, value in request.headers.items() if name != "host"}
                answer = web.request(request.method, request.url.path, content=request.read(), headers=headers)
                assert answer.status_code == 202
    assert {"clater 1", "event:later"} <= set(kept(office.store))
    assert not [key for key in kept(office.store) if "part" in key]
    assert "Traceback" not in "".join(capsys.readouterr())


def test_nothing_that_was_acknowledged_is_missing_after_the_process_was_killed(tmp_path: Path) -> None:
    database = tmp_path / "cx.db"
    with deployed(tmp_path, f"sqlite:///{database}", "memory://") as deployment:
        deployment.start("run")
        acknowledged = _load_until(deployment, lambda: _kill_while_nothing_can_be_written(deployment, database))
    with closing(sqlite3.connect(database)) as connection:
        found = {key for (key,) in connection.execute("SELECT event_key FROM inbox")}
    assert len(acknowledged) >= 100
    assert acknowledged - found == set()


def _load_until(deployment: Deployment, end: Callable[[], None]) -> set[str]:
    """The keys of the events that were answered 202 until the process was ended."""
    ids, ended = itertools.count(), threading.Event()
    acknowledged: set[str] = set()

    def post() -> None:
        while not ended.is_set():
            call = f"c{next(ids)}"
            try:
                if deployment.post("missed", call) == 202:
                    acknowledged.add(f"{call} missed")
            except OSError:  # requests' own errors are of this kind
                return

    with ThreadPoolExecutor(8) as threads:
        for _ in range(8):
            threads.submit(post)
        while len(acknowledged) < 100:
            time.sleep(0.01)
        end()
        ended.set()
    return acknowledged


def _kill_while_nothing_can_be_written(deployment: Deployment, database: Path) -> None:
    """Whoever is answered now was answered before the commit."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=10)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(0.2)
        deployment.kill("run", signal.SIGKILL)
        connection.execute("ROLLBACK")
