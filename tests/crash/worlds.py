"""Worlds on a pair of database and broker, several at a time: a killed process is mostly waited for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Self
from uuid import uuid4

from sqlalchemy import NullPool, create_engine, make_url, text

from tests.crash.asking import ask
from tests.crash.deployment import Place
from tests.crash.runs import Run, perform
from tests.crash.world import World, opened
from tests.servers.rabbitmq import management_url

#: How many worlds with each sort of CRM there are at the same time.
AT_ONCE = {"upsert": 3, "lookup": 1}
#: The last databases of a Redis; other tests use the first ones.
_REDIS_DATABASES = range(15, 4, -1)


#: The server of each kind of database and broker that has one.
SERVERS = {"postgresql": "postgres", "redis": "redis", "amqp": "rabbitmq"}


@dataclass
class Pair:
    """A kind of database and a kind of broker, with the addresses of their servers."""

    database: str
    broker: str
    addresses: Mapping[str, str]
    folder: Path
    stack: ExitStack
    _numbers: Iterator[int] = field(default_factory=count)

    def place(self) -> Place:
        """A new place for a world: all of it empty."""
        folder = self.folder / str(next(self._numbers))
        folder.mkdir()
        return Place(self._new_database(), self._new_broker(), folder, self._new_database)

    def _new_database(self) -> str:
        if self.database == "sqlite":
            return f"sqlite:///{self.folder}/{uuid4().hex[:12]}.db"
        server, name = make_url(self.addresses["postgresql"]), f"crash_{uuid4().hex[:12]}"
        self.stack.enter_context(_postgres_database(server, name))
        return server.set(database=name).render_as_string(hide_password=False)

    def _new_broker(self) -> str:
        if self.broker == "redis":
            return self._empty_redis(_REDIS_DATABASES[next(self._numbers) % len(_REDIS_DATABASES)])
        if self.broker == "amqp":
            return self.stack.enter_context(_virtual_host(self.addresses["amqp"]))
        return f"{self.broker}://"

    def _empty_redis(self, number: int) -> str:
        import redis

        url = f"{self.addresses['redis'].rstrip('/')}/{number}"
        with redis.Redis.from_url(url) as client:
            client.flushdb()
        return url


@contextmanager
def performing(pair: Pair, runs: Iterable[Run]) -> Iterator[Mapping[Run, Future[None]]]:
    """Performs all these runs meanwhile, in their order; the end of the block gives up those that have not begun."""
    with ExitStack() as stack:
        teams = {kind: stack.enter_context(_Team(pair, kind, size)) for kind, size in AT_ONCE.items()}
        yield {run: teams[run.duplicates].perform(run) for run in runs}


class _Team:
    """Worlds of one sort: a run takes one that is free, and gives it back if all was well in it."""

    def __init__(self, pair: Pair, duplicates: str, size: int) -> None:
        self._pair = pair
        self._duplicates = duplicates
        self._pool = ThreadPoolExecutor(size)
        self._free: SimpleQueue[tuple[World, ExitStack]] = SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def perform(self, run: Run) -> Future[None]:
        return self._pool.submit(self._perform, run)

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        while not self._free.empty():
            self._free.get()[1].close()

    def _perform(self, run: Run) -> None:
        world, stack = self._world()
        with ExitStack() as on_failure:
            on_failure.push(stack)
            perform(world, run)
            on_failure.pop_all()
        self._free.put((world, stack))

    def _world(self) -> tuple[World, ExitStack]:
        try:
            return self._free.get_nowait()
        except Empty:
            stack = ExitStack()
            return stack.enter_context(opened(self._pair.place(), duplicates=self._duplicates)), stack


@contextmanager
def _postgres_database(server: object, name: str) -> Iterator[None]:
    engine = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)  # type: ignore[call-overload]
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def _virtual_host(url: str) -> Iterator[str]:
    name = f"crash-{uuid4().hex[:12]}"
    host = f"{management_url(url)}/api/vhosts/{name}"
    ask("PUT", host).raise_for_status()
    yield f"{url.rpartition('/')[0]}/{name}"
    ask("DELETE", host).raise_for_status()
