"""Processes on loopback: started, measured, ended."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.servers.process import listens

ROOT = Path(__file__).parents[2]
#: How long a process may take to start or to end, in seconds.
PATIENCE_S = 60


@contextmanager
def running(
    *command: str, env: Mapping[str, str], log: Path, listens_at: int | None = None
) -> Iterator[psutil.Process]:
    """A program of this environment, ready as soon as it listens, and ended with the block."""
    program = [str(Path(sys.executable).parent / command[0]), *command[1:]]
    with log.open("ab") as output:
        process = psutil.Popen(program, cwd=ROOT, env=dict(env), stdout=output, stderr=output)
    try:
        _wait_until_it_listens(process, listens_at, log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_listens(process: psutil.Process, port: int | None, log: Path) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while port is not None and not listens(port):
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE or time.monotonic() > give_up:
            raise RuntimeError(f"{process} did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


def run(*command: str, env: Mapping[str, str]) -> None:
    """Runs a program of this environment to its end."""
    program = [str(Path(sys.executable).parent / command[0]), *command[1:]]
    subprocess.run(program, cwd=ROOT, env=dict(env), check=True, capture_output=True, timeout=PATIENCE_S)


def cpu_s(process: psutil.Process) -> float:
    """The CPU seconds that a process and its children have used so far."""
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def memory_mb(process: psutil.Process) -> float:
    """The memory that a process holds, in MB."""
    return float(process.memory_info().rss) / 1e6
