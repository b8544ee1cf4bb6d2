"""What was deprecated goes when its time has come, and not before."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest
from packaging.version import Version

from tests.project.pages import page
from tests.project.tree import PYPROJECT

NOTHING = "Nothing is deprecated today."


@dataclass(frozen=True)
class Deprecated:
    """A row of the page's table."""

    what: str
    since: str
    instead: str
    goes_in: str
    not_before: str

    def is_overdue(self, version: str, today: date) -> bool:
        """Whether both the version and the day have come."""
        return Version(version) >= Version(self.goes_in) and today >= date.fromisoformat(self.not_before)


def deprecated(text: str) -> list[Deprecated]:
    """The rows of the table under "Deprecations"."""
    table = text.partition("\n## Deprecations\n")[2].partition("\n## ")[0]
    rows = [re.split(r"\s*(?<!\\)\|\s*", line.strip("| ")) for line in table.splitlines() if line.startswith("|")]
    return [Deprecated(*row) for row in rows[2:]]


def test_nothing_that_was_deprecated_outlives_its_time() -> None:
    today = datetime.now(UTC).date()
    rows = deprecated(page("compatibility.md"))
    assert [row for row in rows if row.is_overdue(PYPROJECT["project"]["version"], today)] == []
    assert bool(rows) is (NOTHING not in page("compatibility.md"))


SAMPLE = page("compatibility.md").replace(
    f"\n\n{NOTHING}", "\n| `cxsdk.old` | 0.2.0, 2026-01-05 | `cxsdk.new` | 0.4.0 | 2026-07-06 |\n"
)


@pytest.mark.parametrize(
    ("version", "today", "is_overdue"),
    [
        ("0.3.9", date(2027, 1, 1), False),
        ("0.4.0", date(2026, 7, 5), False),
        ("0.4.0", date(2026, 7, 6), True),
        ("0.10.0", date(2026, 7, 6), True),
    ],
)
def test_what_is_overdue_is_noticed(version: str, today: date, is_overdue: bool) -> None:
    [row] = deprecated(SAMPLE)
    assert (row.what, row.instead) == ("`cxsdk.old`", "`cxsdk.new`")
    assert row.is_overdue(version, today) is is_overdue
