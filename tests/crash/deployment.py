"""The processes of an installation; one of them may be told to be killed at a point, and is started again then."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from cxsdk.observe.crashing import VARIABLE
from cxsdk.store.sealing import new_key
from tests.children import Child, cxsdk
from tests.servers.process import listens

APP = "tests.crash.app"
#: How long anything may take at all, in seconds.
PATIENCE_S = 60.0
#: Ports that the kernel gives to no outgoing connection: while a process is down, nobody may take its place.
_PORTS = range(10_000, 32_000)
_numbers = count(os.getpid() * 100)


class NotReached(AssertionError):
    """No process came by the point at which it was to be killed."""


@dataclass(frozen=True)
class Place:
    """Where an installation keeps its things; ``another`` makes a further database."""

    database: str
    broker: str
    folder: Path
    another: Callable[[], str]


@dataclass(frozen=True)
class Ended:
    """A process that has ended: its exit code, and what it said."""

    code: int | None
    said: str


@dataclass
class Armed:
    """A process that is to be killed at a point, when it was, and when it was ready again."""

    role: str
    point: str
    killed_at: float | None = None
    ready_at: float | None = None


class Deployment:
    """Web, worker and clock, or all of it in one process."""

    def __init__(self, place: Place, vendor: str, oauth: str, *, duplicates: str, bug: str) -> None:
        self.place = place
        self.roles = ("run",) if place.broker == "memory://" else ("web", "worker", "clock")
        self.armed: Armed | None = None
        self._port, self._private_port = _free_port(), _free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._env = {
            "CRASH_VENDOR": vendor, "CRASH_DUPLICATES": duplicates, "CRASH_URL": self.url, "CRASH_BUG": bug,
            "CRASH_DATABASE": place.database, "CRASH_BROKER": place.broker, "CRASH_OAUTH": oauth,
            "CRASH_KEY": new_key(),
        }  # fmt: skip
        self._children: dict[str, Child] = {}

    @property
    def is_listening(self) -> bool:
        """Whether the web can be asked."""
        return listens(self._port)

    def role(self, name: str) -> str:
        """The process that does what ``name`` does where each has its own."""
        return name if name in self.roles else self.roles[0]

    def start(self, role: str, point: str = "") -> None:
        """Starts a process; with a point, it will be killed there."""
        serves = role in ("run", "web")
        ports = ["--port", f"{self._port}", "--private-port", f"{self._private_port}"] if serves else []
        self._children[role] = self._child(role, APP, *ports, point=point)
        if point:
            self.armed = Armed(role, point)

    def stop(self, role: str) -> None:
        """Ends a process at once."""
        self._children.pop(role).kill()

    def stop_all(self) -> None:
        """Ends all of them."""
        for role in list(self._children):
            self.stop(role)

    def tend(self) -> None:
        """Starts a process again that was killed at its point; any other that has ended is a failure."""
        for role, child in list(self._children.items()):
            if child.code is not None:
                self._bury(role, child)
        armed = self.armed
        if armed and armed.killed_at and not armed.ready_at and self._is_ready(armed.role):
            armed.ready_at = time.monotonic()

    def _bury(self, role: str, child: Child) -> None:
        armed = self.armed
        if armed is None or role != armed.role or armed.killed_at or not child.was_killed:
            raise AssertionError(f"{role} ended with {child.code}: {child.said()[-3000:]}")
        armed.killed_at = time.monotonic()
        self.stop(role)
        self.start(role)

    def _is_ready(self, role: str) -> bool:
        return self._children[role].is_ready

    def said(self) -> dict[str, str]:
        """What each process that runs has said so far."""
        return {role: child.said() for role, child in self._children.items()}

    def command(self, *arguments: str, point: str = "", database: str = "") -> Ended:
        """Runs a command to its end; with a point, it must be killed there."""
        return self._to_its_end(self._child(*arguments, point=point, database=database), point)

    def call(self, function: Callable[..., None], *arguments: str, point: str = "") -> Ended:
        """Runs a function in a process of its own to its end; with a point, it must be killed there."""
        log = self.place.folder / "function.log"
        return self._to_its_end(Child(function, *arguments, env={**self._env, VARIABLE: point}, log=log), point)

    def _child(self, *arguments: str, point: str, database: str = "") -> Child:
        env = {**self._env, VARIABLE: point} | ({"CRASH_DATABASE": database} if database else {})
        return Child(cxsdk, *arguments, env=env, log=self.place.folder / f"{arguments[0]}.log")

    def _to_its_end(self, child: Child, point: str) -> Ended:
        child.wait(PATIENCE_S)
        ended, was_killed = Ended(child.code, child.said()), child.was_killed
        child.kill()
        if ended.code is None or was_killed != bool(point):
            raise NotReached(f"{point or 'A command'} ended with {ended.code}: {ended.said[-2000:]}")
        return ended


def _free_port() -> int:
    ports = (_PORTS[number % len(_PORTS)] for number in _numbers)
    return next(port for port in ports if not listens(port))
