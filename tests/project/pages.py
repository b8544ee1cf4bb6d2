"""The pages and what stands in their blocks of code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.project.tree import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)
PROSE = [ROOT / "README.md", ROOT / "CHANGELOG.md", *PAGES]
#: What ``docs/generate.py`` makes of the code shows signatures and help, which nobody runs.
GENERATED = re.compile(r"^<!-- generated: .*?^<!-- end -->$", re.DOTALL | re.MULTILINE)
_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Block:
    """One block of code, and the comment above it that says what is done with it."""

    page: Path
    line: int
    language: str
    mark: str
    text: str

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def page(name: str) -> str:
    """A page's text."""
    return (DOCS / name).read_text(encoding="utf-8")


def written(path: Path) -> str:
    """What people wrote of a page; lines keep their numbers."""
    text = path.read_text(encoding="utf-8")
    return GENERATED.sub(lambda part: "\n" * part[0].count("\n"), text)


def blocks(*languages: str) -> Iterator[Block]:
    """Every block of code in these languages, in all that people wrote."""
    for path in PROSE:
        text = written(path)
        for found in _BLOCK.finditer(text):
            if found["language"] in languages:
                line = text.count("\n", 0, found.start("text"))
                yield Block(path, line, found["language"], found["mark"] or "", found["text"])
