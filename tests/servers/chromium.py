"""Chromium from Debian: no server, but had and missed like one; playwright starts it where a test needs it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers import debian


@contextmanager
def running() -> Iterator[str]:
    """The path of the program."""
    program = shutil.which("chromium")
    if program is None:
        debian.require("chromium")
        program = "/usr/bin/chromium"
    yield program
