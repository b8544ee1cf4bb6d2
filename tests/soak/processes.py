"""Processes that are killed and stopped, and started again as by systemd."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from cxsdk.observe.crashing import VARIABLE
from tests.benchmarks.processes import ROOT
from tests.children import Child, cxsdk

#: How long whoever has ended stays away, and how long one may take to end by itself, in seconds.
RESTART_S, END_S = 0.5, 10.0


class Process(Protocol):
    """One that runs, or has run."""

    def has_ended(self) -> bool:
        """Whether it runs no more."""

    def signal(self, number: int) -> None:
        """Sends a signal to it and to all that it has started."""

    def end(self) -> None:
        """Ends it, with all that it has started or left behind."""


class Program:
    """A program with all that it starts. ``end_by`` is the signal by which it is asked to end."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        privileges: Sequence[str] = (),
        end_by: signal.Signals = signal.SIGKILL,
    ) -> None:
        orphaned = f"--pdeathsig={end_by.name.removeprefix('SIG')}"
        whole = ["setpriv", orphaned, *privileges, "--", *command]
        self._end_by = end_by
        with log.open("ab") as output:
            self._process = psutil.Popen(whole, cwd=ROOT, env=env, stdout=output, stderr=output, start_new_session=True)

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def signal(self, number: int) -> None:
        with suppress(psutil.NoSuchProcess):
            self._process.suspend()  # or it may start one more meanwhile
            for one in (*self._process.children(recursive=True), self._process):
                with suppress(psutil.NoSuchProcess):
                    one.send_signal(number)

    def end(self) -> None:
        with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            self._process.send_signal(self._end_by)
            self._process.wait(END_S)
        with suppress(ProcessLookupError):  # those whom it has left behind are still of its group
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Command(Child):
    """A command of ``cxsdk``, forked from a server that has imported everything already."""

    def __init__(self, *command: str, env: Mapping[str, str], log: Path) -> None:
        super().__init__(cxsdk, *command, env={VARIABLE: "", **env}, log=log)

    def has_ended(self) -> bool:
        return self.code is not None

    def signal(self, number: int) -> None:
        if self.code is None and self._process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    def end(self) -> None:
        self.kill()


@dataclass
class _Kept:
    start: Callable[[], Process]
    process: Process
    again_at: float | None = None
    was_killed: bool = False


class Supervisor:
    """Keeps processes running."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def keep(self, name: str, start: Callable[[], Process]) -> None:
        """Starts a process now, and again whenever it has ended."""
        self._kept[name] = _Kept(start, start())

    def signal(self, name: str, number: int) -> bool:
        """Sends a signal to a process and tells whether it was there."""
        kept = self._kept[name]
        if kept.process.has_ended():
            return False
        kept.was_killed = number == signal.SIGKILL
        kept.process.signal(number)
        return True

    def tend(self) -> None:
        """Starts again who has ended a while ago."""
        for name, kept in self._kept.items():
            if kept.process.has_ended():
                self._tend(name, kept)

    def go_on(self) -> None:
        """Nobody is stopped any more."""
        for name in self._kept:
            self.signal(name, signal.SIGCONT)

    def end(self) -> None:
        """Ends all of them, the last one first."""
        while self._kept:
            _, kept = self._kept.popitem()
            kept.process.end()

    def _tend(self, name: str, kept: _Kept) -> None:
        if kept.again_at is None:
            if not kept.was_killed:
                print(f"{name} ended by itself.", file=sys.stderr, flush=True)
            kept.again_at = time.monotonic() + RESTART_S
        elif kept.again_at <= time.monotonic():
            kept.process.end()
            kept.process, kept.again_at, kept.was_killed = kept.start(), None, False
