"""What every figure is measured with: servers, places for files, and a process for the load."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import count, cycle
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from uuid import uuid4

import redis
from sqlalchemy import URL, NullPool, create_engine, make_url, text

from tests import servers
from tests.benchmarks.sizes import Size
from tests.servers.process import scratch

T = TypeVar("T")
P = ParamSpec("P")
#: Which of the 16 databases of a Redis are used, one after the other; tests use the first ones.
REDIS_DATABASES = range(8, 16)


class Bench:
    """One run of the benchmarks. Servers are started when a figure first asks for them."""

    def __init__(self, size: Size, stack: ExitStack) -> None:
        self.size = size
        self._home = stack.enter_context(scratch("bench"))
        self._pool = stack.enter_context(ProcessPoolExecutor(1, mp_context=get_context("spawn")))
        self._servers = stack.enter_context(ExitStack())
        self._addresses: dict[str, str] = {}
        self._scene = stack.enter_context(ExitStack())
        self._on: tuple[str, Any] = ("", None)
        self._folders = count()
        self._redis_databases = cycle(REDIS_DATABASES)

    def scene(self, name: str, make: Callable[[], AbstractContextManager[T]]) -> T:
        """What figures that follow each other share; it ends when another scene begins, so that it disturbs nobody."""
        if self._on[0] != name:
            self._scene.close()
            self._on = ("", None)
            self._on = (name, self._scene.enter_context(make()))
        found: T = self._on[1]
        return found

    def elsewhere(self, work: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
        """Runs a function in a process of its own, to its end."""
        return self._pool.submit(work, *args, **options).result()

    def folder(self) -> Path:
        """A new place for files."""
        made = self._home / str(next(self._folders))
        made.mkdir()
        return made

    def sqlite(self) -> str:
        """The URL of a new SQLite file."""
        return f"sqlite:///{self.folder()}/cx.db"

    def postgres(self) -> str:
        """The URL of a new PostgreSQL database, which goes with the scene."""
        server = make_url(self._server("durable postgres"))
        name = f"bench_{uuid4().hex[:12]}"
        self._scene.enter_context(_database(server, name))
        return server.set(database=name).render_as_string(hide_password=False)

    def redis(self) -> str:
        """The URL of an empty Redis database."""
        url = f"{self._server('redis').rstrip('/')}/{next(self._redis_databases)}"
        with redis.Redis.from_url(url) as client:
            client.flushdb()
        return url

    def _server(self, name: str) -> str:
        if name not in self._addresses:
            self._addresses[name] = self._servers.enter_context(servers.use(name))
        return self._addresses[name]


@contextmanager
def _database(server: URL, name: str) -> Iterator[None]:
    engine = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
