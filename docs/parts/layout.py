"""Where things are, and how a table looks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent


def table(*columns: str, rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """The lines of a table."""
    yield f"| {' | '.join(columns)} |"
    yield "|" + " --- |" * len(columns)
    yield from (f"| {' | '.join(map(_cell, row))} |" for row in rows)


def _cell(said: str) -> str:
    return plain(re.sub(r"\s*\n\s*", " ", said.strip())).replace("|", "\\|")


def plain(docstring: str) -> str:
    """A docstring's words as a page writes them."""
    return docstring.replace("``", "`")
