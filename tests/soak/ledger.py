"""The ledger of a CRM: what it stored, a line each, written before it answers. It is only ever added to."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """One record: what it is, by what its sender wrote into it, and when it came, in seconds since 1970."""

    what: str
    at: float


def add(path: Path, what: str) -> None:
    """Writes down one record."""
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{json.dumps([what, time.time()])}\n")


def read(path: Path, whose: str = "") -> list[Entry]:
    """All that was written so far, with the owner's name before it."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    told = (json.loads(line) for line in lines if line.endswith("\n"))
    return [Entry(f"{whose}{what}", at) for what, at in told]
