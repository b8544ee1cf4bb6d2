"""The two sides of most figures: an installation of cxsdk and the naive integration, each with a CRM of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests

from tests.benchmarks.bench import Bench
from tests.benchmarks.contacts import Contacts
from tests.benchmarks.processes import cpu_s, run, running
from tests.benchmarks.sender import Sent, send
from tests.servers.process import LOOPBACK, free_port

#: How long a CRM takes for a call, in milliseconds.
CALL_MS = 50.0
#: How many calls a worker makes at once.
THREADS = "8"
#: How long nothing more may come before a run is given up, in seconds.
PATIENCE_S = 90


@dataclass(frozen=True)
class Delivered:
    """How a run went."""

    contacts: int
    sent: Sent
    last_at: float  #: when the last contact reached the CRM, by the machine's monotonic clock
    calls: int  #: of the CRM
    cpu_s: float  #: of web and workers

    @property
    def per_second(self) -> float:
        """Contacts a second, from the first webhook to the last contact in the CRM."""
        return self.contacts / (self.last_at - self.sent.began)


@dataclass
class Side:
    """Web, workers and CRM at work."""

    bench: Bench
    regulars: int  #: customers who call again and again
    port: int  #: of web
    crm: str
    processes: dict[str, psutil.Process] = field(default_factory=dict)  #: those whose work is measured
    sent: int = 0
    looks_up: bool = True  #: whether it asks the CRM who somebody is

    def deliver(self, count: int, *, only_regulars: bool = False, per_second: float | None = None) -> Delivered:
        """Sends contacts, and waits until the CRM has each of them."""
        before, worked = self.figures(), self._cpu_s()
        sent = self.send(count, only_regulars=only_regulars, per_second=per_second)
        after = self.wait_for(self.sent)
        time.sleep(0.5)  # what follows from the last answers belongs to the work
        calls = after["calls"] - before["calls"]
        return Delivered(count, sent, after["last_at"], calls, self._cpu_s() - worked)

    def send(self, count: int, *, only_regulars: bool = False, per_second: float | None = None) -> Sent:
        """Sends contacts that were never sent before, and has all of them acknowledged."""
        contacts = Contacts(self.sent, count, self.regulars, only_regulars)
        self.sent += count
        return self.bench.elsewhere(send, f"http://{LOOPBACK}:{self.port}", contacts, per_second=per_second)

    def warm_up(self) -> None:
        """Has everything used once; regular customers are known to the CRM afterwards, where anybody asks for them."""
        count = self.regulars if self.looks_up else min(self.regulars, self.bench.size.few)
        if self.processes.keys() & {"worker", "run"}:
            self.deliver(count, only_regulars=True)
        else:
            self.send(count)

    def figures(self) -> dict[str, Any]:
        """What the CRM has by now."""
        figures: dict[str, Any] = requests.get(f"{self.crm}/figures", timeout=10).json()
        return figures

    def wait_for(self, contacts: int) -> dict[str, Any]:
        """What the CRM has as soon as it has so many contacts, each once."""
        figures, came_at = self.figures(), time.monotonic()
        while (had := figures["contacts"]) < contacts:
            if time.monotonic() > came_at + PATIENCE_S:
                raise RuntimeError(f"Of {contacts} contacts {had} arrived, and none in the last {PATIENCE_S} s.")
            time.sleep(0.05)
            figures = self.figures()
            came_at = time.monotonic() if figures["contacts"] > had else came_at
        if figures["doubled"]:
            raise RuntimeError(f"{figures['doubled']} contacts are in the CRM twice.")
        return figures

    def _cpu_s(self) -> float:
        return sum(cpu_s(process) for process in self.processes.values())


@contextmanager
def ours(
    bench: Bench,
    database: str,
    parts: Sequence[str] = ("web", "clock", "worker"),
    *,
    batches: bool = True,
    call_ms: float = CALL_MS,
) -> Iterator[Side]:
    """An installation of cxsdk, by the commands that run it; ``run`` is all of them in one process, without Redis."""
    with ExitStack() as stack:
        side, env, log = _side(bench, stack, call_ms, regulars=bench.size.regulars if batches else bench.size.few)
        env |= {"BENCH_DATABASE": database, "BENCH_BATCHES": "yes" if batches else "no"}
        env["BENCH_BROKER"] = "memory://" if "run" in parts else bench.redis()
        run("cxsdk", "db", "upgrade", _APP, env=env)
        for part in parts:
            serves = part in ("web", "run")
            listening = ["--port", str(side.port), "--private-port", "0"] if serves else []
            working = ["--threads", THREADS] if part in ("worker", "run") else []
            port = side.port if serves else None
            process = running("cxsdk", part, _APP, *listening, *working, env=env, log=log, listens_at=port)
            side.processes[part] = stack.enter_context(process)
        side.processes.pop("clock", None)
        yield side


@contextmanager
def naive(bench: Bench, parts: Sequence[str] = ("web", "worker")) -> Iterator[Side]:
    """The naive integration: the same ASGI server, one worker process with as many threads."""
    with ExitStack() as stack:
        side, env, log = _side(bench, stack, CALL_MS, regulars=bench.size.regulars)
        side.looks_up = False
        env["BENCH_BROKER"] = bench.redis()
        web = ["uvicorn", f"{_NAIVE}:app", "--port", str(side.port), "--no-access-log", "--log-level", "warning"]
        side.processes["web"] = stack.enter_context(running(*web, env=env, log=log, listens_at=side.port))
        if "worker" in parts:
            worker = running("dramatiq", _NAIVE, "-p", "1", "-t", THREADS, env=env, log=log)
            side.processes["worker"] = stack.enter_context(worker)
        yield side


@contextmanager
def both(us: AbstractContextManager[Side], them: AbstractContextManager[Side]) -> Iterator[tuple[Side, Side]]:
    """Two sides at work and warm."""
    with us as ours, them as theirs:
        ours.warm_up()
        theirs.warm_up()
        yield ours, theirs


_APP = "tests.benchmarks.app"
_NAIVE = "tests.benchmarks.naive"


def _side(bench: Bench, stack: ExitStack, call_ms: float, *, regulars: int) -> tuple[Side, dict[str, str], Path]:
    """A side with its CRM; then what its processes, still to be started, are given."""
    folder = bench.folder()
    log, port = folder / "log", free_port()
    asked = ["--port", str(port), "--delay-ms", str(call_ms), "--ledger", str(folder / "ledger")]
    crm = running("python", "-m", "tests.benchmarks.crm", *asked, env=os.environ, log=log, listens_at=port)
    stack.enter_context(crm)
    side = Side(bench, regulars, free_port(), crm=f"http://{LOOPBACK}:{port}")
    return side, {**os.environ, "BENCH_CRM": side.crm}, log
