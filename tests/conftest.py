"""Fixtures of all tests: real servers, each new to the test that asks for it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import hypothesis
import pytest

from cxsdk.observe import redaction
from tests import servers
from tests.places import MEMORY
from tests.servers.process import Unavailable

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.servers.mail import MailServer

#: A deadline measures the machine, which has other work too; examples that found something are printed for replay.
hypothesis.settings.register_profile("cxsdk", deadline=None, print_blob=True)
hypothesis.settings.load_profile("cxsdk")

#: What takes half a minute or more, longest first.
LONGEST = (
    "tests/crash/",
    "tests/integration/test_brokers.py",
    "tests/benchmarks/",
    "tests/soak/",
    "tests/browser/",
    "tests/acceptance/test_outward.py",
    "tests/integration/test_processes.py",
    "tests/project/test_snippets.py",
)
UNIT = Path(__file__).parent / "unit"
NEEDS = {
    "postgres_url": "integration",
    "empty_postgres_url": "integration",
    "redis_url": "integration",
    "amqp_url": "integration",
    "mail_server": "integration",
    "browser": "browser",
}


def pytest_configure() -> None:
    """Makes SIGTERM end a run like Ctrl-C: what the tests started is stopped. Temporary files are kept in memory."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if MEMORY:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", MEMORY)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test is marked with what it needs by the fixtures it asks for; a unit test needs nothing."""
    items.sort(key=_turn)
    for item in items:
        needs = NEEDS.keys() & set(getattr(item, "fixturenames", ()))
        if needs and UNIT in item.path.parents:
            raise pytest.UsageError(f"{item.nodeid} asks for {min(needs)}: move it to tests/integration")
        for fixture in needs:
            item.add_marker(NEEDS[fixture])


def _turn(item: pytest.Item) -> int:
    """The files that take longest begin, lest one worker be at them when the others have nothing left."""
    return next((turn for turn, begin in enumerate(LONGEST) if item.nodeid.startswith(begin)), len(LONGEST))


@pytest.fixture(scope="session")
def address_of() -> Iterator[_Addresses]:
    """The addresses of servers, each started when it is first asked for and stopped at the end of the session."""
    with ExitStack() as stack:
        yield _Addresses(stack)


class _Addresses:
    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._known: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        if name not in self._known:
            try:
                self._known[name] = self._stack.enter_context(servers.use(name))
            except Unavailable as reason:
                _miss(name, str(reason))
        return self._known[name]


def _miss(name: str, reason: str) -> None:
    """Skips a test that cannot run here, which continuous integration does not let pass."""
    give_up = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
    give_up(f"{servers.MISSING}{name}: {reason}")


@pytest.fixture
def postgres_url(address_of: _Addresses, postgres_template: str) -> Iterator[str]:
    """The URL of a new PostgreSQL database with all tables, which is dropped after the test."""
    with _database(address_of("postgres"), f"TEMPLATE {postgres_template}") as url:
        yield url


@pytest.fixture
def empty_postgres_url(address_of: _Addresses) -> Iterator[str]:
    """The URL of a new PostgreSQL database without any table, which is dropped after the test."""
    with _database(address_of("postgres")) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(address_of: _Addresses) -> Iterator[str]:
    """The name of a PostgreSQL database that the migrations have made, to be copied."""
    from cxsdk.domain.clock import SystemClock
    from cxsdk.store import Store, schema

    with _database(address_of("postgres")) as url:
        with closing(Store(url, SystemClock())) as store:
            schema.upgrade(store)
        yield url.rpartition("/")[2]


@contextmanager
def _database(server: str, made: str = "") -> Iterator[str]:
    from sqlalchemy import NullPool, create_engine, make_url, text

    url = make_url(server)
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    name = f"test_{uuid4().hex[:12]}"
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} {made}"))
    yield url.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def redis_url(address_of: _Addresses, worker_id: str) -> str:
    """The URL of an empty Redis database; each of the parallel test processes has its own."""
    import redis

    number = int(worker_id.removeprefix("gw")) if worker_id != "master" else 0
    url = f"{address_of('redis').rstrip('/')}/{number}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture
def amqp_url(address_of: _Addresses) -> Iterator[str]:
    """The URL of a new virtual host of RabbitMQ, which is deleted after the test."""
    import requests

    from tests.servers.rabbitmq import management_url

    url = address_of("rabbitmq")
    name = f"test-{uuid4().hex[:12]}"
    host = f"{management_url(url)}/api/vhosts/{name}"
    requests.put(host, timeout=10).raise_for_status()
    yield f"{url.rpartition('/')[0]}/{name}"
    requests.delete(host, timeout=10).raise_for_status()


@pytest.fixture
def mail_server(address_of: _Addresses) -> MailServer:
    """A mail host, where ``mailbox("support")`` makes an address that nobody wrote to yet."""
    from tests.servers.mail import MailServer

    return MailServer.at(address_of("mail"))


@pytest.fixture
def browser(address_of: _Addresses) -> Iterator[Browser]:
    """Chromium, without a window."""
    from playwright.sync_api import sync_playwright

    # the sandbox needs rights that root in a container lacks; the pages are our own
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=address_of("chromium"), args=["--no-sandbox"])


@pytest.fixture(autouse=True)
def no_secrets_left() -> Iterator[None]:
    """What a test hides is hidden for that test: to the next one the same words are plain."""
    before = set(redaction._known._spellings)
    yield
    redaction.forget(*(redaction._known._spellings - before))


@pytest.fixture
def own_secrets() -> Iterator[None]:
    """The test hides its own secrets alone: those that were named while tests were collected are plain words too."""
    others = set(redaction._known._spellings)
    redaction.forget(*others)
    yield
    redaction.register(*others)
