"""A server of our own: a child process on loopback, ready before it is used, stopped by its pid."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

LOOPBACK = "127.0.0.1"
#: Whom servers run as that refuse root; every Debian machine has this user.
UNPRIVILEGED = "nobody"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0


class Unavailable(Exception):
    """A server cannot be had here; the message says why, and what would help."""


def is_root() -> bool:
    """Whether this process may become any other user."""
    return os.geteuid() == 0


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def listens(port: int) -> bool:
    """Whether somebody accepts connections on this port."""
    with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
        return True
    return False


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """A temporary directory into which other users may look: a server may run as one of them."""
    with TemporaryDirectory(prefix=f"cxsdk-{name}-", ignore_cleanup_errors=True) as directory:
        path = Path(directory)
        path.chmod(0o755)
        yield path


def give_away(directory: Path) -> Path:
    """Makes a directory that belongs to whom servers run as, for itself alone."""
    directory.mkdir(mode=0o700)
    if is_root():
        shutil.chown(directory, UNPRIVILEGED, "nogroup")
    return directory


def unprivileged() -> list[str]:
    """The options of setpriv that turn root into somebody else."""
    return [f"--reuid={UNPRIVILEGED}", "--regid=nogroup", "--clear-groups"] if is_root() else []


def run(command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
    """Runs a preparatory command to its end. Raises Unavailable with what it said when it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=env)
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(command)} failed: {_end_of(done.stderr or done.stdout)}")


@contextmanager
def serving(
    command: Sequence[str],
    *,
    log: Path,
    ready: Callable[[], bool],
    privileges: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    stop_by: signal.Signals = signal.SIGTERM,
) -> Iterator[None]:
    """Runs a server while the block runs.

    It has a session of its own, so that Ctrl-C reaches the tests and not the server under them, and the kernel stops
    it should this process be killed.
    """
    orphaned = f"--pdeathsig={stop_by.name.removeprefix('SIG')}"
    with log.open("ab") as output:
        process = subprocess.Popen(
            ["setpriv", orphaned, *privileges, "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
        )
    try:
        if not _becomes_ready(process, ready):
            raise Unavailable(f"{command[0]} did not start: {_end_of(log.read_text(errors='replace'))}")
        yield
    finally:
        _stop(process, stop_by)


def _becomes_ready(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> bool:
    give_up = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < give_up:
        if ready():
            return True
        time.sleep(0.05)
    return False


def _stop(process: subprocess.Popen[bytes], stop_by: signal.Signals) -> None:
    process.send_signal(stop_by)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_TIMEOUT_S)
    with suppress(ProcessLookupError):  # what it left behind, and itself if it would not end
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _end_of(text: str) -> str:
    return " ".join(text.split())[-400:]
