"""The two sides that are soaked: cxsdk and the naive integration, each with one account for each sort of CRM."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import NullPool, create_engine, make_url, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from tests.benchmarks.sender import PATH
from tests.servers.postgres import url_of
from tests.servers.process import LOOPBACK
from tests.soak.processes import Command, Process, Program, Supervisor
from tests.soak.servers import Postgres, Redis, free_port

#: The sorts of CRM: one knows a key again, one can only be searched.
ACCOUNTS = ("upsert", "lookup")
#: How many processes there are of a role.
EACH = 2

_APP, _NAIVE = "tests.soak.app", "tests.benchmarks.naive"
_THREADS = "4"
_OWED = """
SELECT (SELECT count(*) FROM inbox WHERE state = 'owed')
     + (SELECT count(*) FROM outbox WHERE state IN ('owed', 'waiting'))
"""


@dataclass
class Account:
    """A CRM, and whoever brings contacts into it."""

    name: str
    folder: Path
    number: int
    crm_port: int = field(default_factory=free_port)
    web_ports: Sequence[int] = field(default_factory=lambda: [free_port() for _ in range(EACH)])

    @property
    def crm(self) -> str:
        """Where the CRM is asked."""
        return f"http://{LOOPBACK}:{self.crm_port}"

    @property
    def webhooks(self) -> list[str]:
        """Where contacts are posted."""
        return [f"http://{LOOPBACK}:{port}{PATH}" for port in self.web_ports]

    @property
    def ledger(self) -> Path:
        """What the CRM has."""
        return self.folder / f"{self.name}.ledger"

    def log(self, role: str) -> Path:
        """What the processes of a role say."""
        return self.folder / f"{self.name}-{role}.log"


class Side:
    """The processes under the supervisor; ``roles`` names those to whom troubles may come."""

    name: str

    def __init__(self, folder: Path, supervisor: Supervisor) -> None:
        self.accounts = [Account(name, folder, number) for number, name in enumerate(ACCOUNTS)]
        self.roles: dict[str, list[str]] = {}
        self._supervisor = supervisor
        self._redis = Redis(folder)
        for account in self.accounts:
            supervisor.keep(f"{account.name}-crm", lambda account=account: _crm(account))  # type: ignore[misc]

    def is_settled(self) -> bool:
        """Whether nothing is owed to any CRM, as far as the side itself knows."""
        return True

    @property
    def steady(self) -> list[str]:
        """Whom nobody stops: what is sent after one was stopped is found by no search that was made meanwhile."""
        return [name for name in self.roles.get("worker", ()) if name.startswith("lookup")]

    def _keep(self, role: str, name: str, start: Callable[[], Process]) -> None:
        self.roles.setdefault(role, []).append(name)
        self._supervisor.keep(name, start)


class Ours(Side):
    """cxsdk on PostgreSQL and Redis: two web processes, two workers and two clocks for each account."""

    name = "cxsdk"

    def __init__(self, folder: Path, supervisor: Supervisor) -> None:
        super().__init__(folder, supervisor)
        self._postgres = Postgres(folder)
        self._keep("database", "database", self._postgres.start)
        self._keep("broker", "broker", self._redis.start)
        for account in self.accounts:
            self._make_database(account.name)
            self._to_its_end(account, "db", "upgrade", _APP)
            for role, number in _each("web", "worker", "clock"):
                self._keep(role, f"{account.name}-{role}-{number}", self._starting(account, role, number))

    def is_settled(self) -> bool:
        try:
            return not any(self._owed(account.name) for account in self.accounts)
        except SQLAlchemyError:  # it was killed a moment ago
            return False

    def _starting(self, account: Account, role: str, number: int) -> Callable[[], Process]:
        more = {
            "web": ["--port", str(account.web_ports[number]), "--private-port", "0"],
            "worker": ["--threads", _THREADS],
            "clock": [],
        }[role]
        return lambda: Command(role, _APP, *more, env=self._env(account), log=account.log(role))

    def _to_its_end(self, account: Account, *command: str) -> None:
        run = Command(*command, env=self._env(account), log=account.log(command[0]))
        run.wait(60)
        if run.code != 0:
            raise RuntimeError(f"{command} ended with {run.code}: {run.said()}")
        run.end()

    def _env(self, account: Account) -> dict[str, str]:
        return {
            "SOAK_ACCOUNT": account.name, "SOAK_CRM": account.crm, "SOAK_DATABASE": self._database(account.name),
            "SOAK_BROKER": self._redis.url(account.number),
        }  # fmt: skip

    def _database(self, name: str) -> str:
        return make_url(url_of(self._postgres.port)).set(database=name).render_as_string(hide_password=False)

    @retry(retry=retry_if_exception_type(OperationalError), stop=stop_after_delay(60), wait=wait_fixed(0.1))
    def _make_database(self, name: str) -> None:
        engine = create_engine(self._database("postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))

    def _owed(self, name: str) -> int:
        with create_engine(self._database(name), poolclass=NullPool).connect() as connection:
            return int(connection.scalar(text(_OWED)) or 0)


class Naive(Side):
    """The naive integration on Redis: two web processes and two workers for each account."""

    name = "naive"

    def __init__(self, folder: Path, supervisor: Supervisor) -> None:
        super().__init__(folder, supervisor)
        self._keep("broker", "broker", self._redis.start)
        for account in self.accounts:
            for role, number in _each("web", "worker"):
                self._keep(role, f"{account.name}-{role}-{number}", self._starting(account, role, number))

    def _starting(self, account: Account, role: str, number: int) -> Callable[[], Process]:
        quiet = ["--no-access-log", "--log-level", "warning"]
        command = {
            "web": ["uvicorn", f"{_NAIVE}:app", "--port", str(account.web_ports[number]), *quiet],
            "worker": ["dramatiq", _NAIVE, "--processes", "1", "--threads", _THREADS],
        }[role]
        env = {**os.environ, "BENCH_CRM": account.crm, "BENCH_BROKER": self._redis.url(account.number)}
        return lambda: Program([sys.executable, "-m", *command], env=env, log=account.log(role))


def _crm(account: Account) -> Program:
    keeps_keys = ["--keeps-keys"] if account.name == "upsert" else []
    where = ["--port", str(account.crm_port), "--ledger", str(account.ledger)]
    return Program([sys.executable, "-m", "tests.soak.crm", *where, *keeps_keys], log=account.log("crm"))


def _each(*roles: str) -> Iterator[tuple[str, int]]:
    return ((role, number) for role in roles for number in range(EACH))
