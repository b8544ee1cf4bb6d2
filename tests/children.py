"""Processes of the command line: real ones, forked from a server that has imported everything already."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from pathlib import Path

from cxsdk.observe import crashing

#: Starting Python and importing all of it takes a second; a fork takes some milliseconds.
_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.preloaded"])

#: Whoever starts a process looks after all others as well, and two threads that learn of one's end get in each
#: other's way.
_ONE_AT_A_TIME = threading.Lock()
#: How long a busy machine may take to end a process that was killed, in seconds.
KILL_S = 30.0
#: What each process of the command line says when it is ready.
READY = ("Webhooks and surveys:", "Working with", "Ticking.")
_PR_SET_PDEATHSIG = 1


class Child:
    """A function in a process and an environment of its own; what it says is appended to ``log``."""

    def __init__(
        self, function: Callable[..., None], *arguments: str, env: Mapping[str, str] | None = None, log: Path
    ) -> None:
        self._log = log
        self._said_before = log.stat().st_size if log.exists() else 0
        self._process = _FORKS.Process(target=_run, args=(function, arguments, dict(env or {}), str(log)), daemon=True)
        with _ONE_AT_A_TIME:
            self._process.start()

    @property
    def code(self) -> int | None:
        """How it ended, or None while it runs."""
        with _ONE_AT_A_TIME:
            return self._process.exitcode

    @property
    def was_killed(self) -> bool:
        """Whether it ended by SIGKILL."""
        return self.code == -signal.SIGKILL

    def said(self) -> str:
        """What it has said so far."""
        return self._log.read_bytes()[self._said_before :].decode(errors="replace") if self._log.exists() else ""

    @property
    def is_ready(self) -> bool:
        """Whether it has said that it is."""
        said = self.said()
        return any(words in said for words in READY)

    def wait(self, seconds: float) -> None:
        """Waits for its end, at most so long."""
        end = time.monotonic() + seconds
        while self.code is None and time.monotonic() < end:
            time.sleep(0.01)

    def tell(self, number: int) -> None:
        """Sends it a signal."""
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """Ends it at once, wherever it is."""
        if self.code is None:
            self._process.kill()
            self.wait(KILL_S)
        with _ONE_AT_A_TIME:
            self._process.close()


def cxsdk(*command: str) -> None:
    """``cxsdk`` as it is called in a shell."""
    sys.argv = ["cxsdk", *command]
    from cxsdk.cli import main

    main()


def _run(function: Callable[..., None], arguments: tuple[str, ...], env: dict[str, str], log: str) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # nobody is left behind
    os.environ.update(env)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    crashing.arm(env.get(crashing.VARIABLE, ""))
    function(*arguments)
