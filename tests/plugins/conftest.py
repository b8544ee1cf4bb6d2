"""What the conformance kit says of each bundled plugin is noted, and is what the plugins' page says of it."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from cxsdk.testing.conformance.base import Conformance

NOTES = Path(__file__).parents[2] / "docs/plugins/conformance.json"
#: With this in the environment the notes are written; else they are compared.
WRITE = "CXSDK_NOTE_CONFORMANCE"
CURE = "The plugins' page says something else of it. Run: make plugin-table"

Heard = dict[str, dict[str, list[str]]]
_HEARD: defaultdict[type, Heard] = defaultdict(dict)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Notes of each test of the kit why it was skipped, or nothing where it passed."""
    report = yield
    kind = getattr(getattr(item, "function", None), "kind", None)
    if kind and isinstance(item, pytest.Function) and (report.when == "call" or not report.passed):
        why = report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else report.outcome
        _HEARD[item.cls].setdefault(item.originalname, {}).setdefault(kind, []).append(why)  # type: ignore[index]
    return report


@pytest.fixture(scope="class", autouse=True)
def said_on_the_page(request: pytest.FixtureRequest) -> Iterator[None]:
    """After all tests of a conformance class: what they said is what was noted."""
    yield
    cls = request.cls
    if cls is None or not issubclass(cls, Conformance) or not _is_whole(cls):
        return
    name, now = f"{request.path.parent.name}/{cls.__name__}", _told(cls)
    notes = json.loads(NOTES.read_text(encoding="utf-8")) if NOTES.exists() else {}
    if os.environ.get(WRITE) == "1":
        text = json.dumps({**notes, name: now}, indent=1, sort_keys=True, ensure_ascii=False)
        NOTES.write_text(text + "\n", encoding="utf-8")
    else:
        assert notes.get(name) == now, CURE


def _is_whole(cls: type[Conformance]) -> bool:
    """Whether all tests of a class ran, and none failed: what is wrong elsewhere is told there."""
    names = {name for name in dir(cls) if name.startswith("test_")}
    outcomes = {why for kinds in _HEARD[cls].values() for said in kinds.values() for why in said}
    return names == _HEARD[cls].keys() and "failed" not in outcomes


def _told(cls: type[Conformance]) -> dict[str, Any]:
    by_kind: defaultdict[str, list[str]] = defaultdict(list)
    for kinds in _HEARD[cls].values():
        for kind, said in kinds.items():
            by_kind[kind] += said
    return {
        "plugin": type(cls().bare()).__name__,
        "passed": sorted(kind for kind, said in by_kind.items() if "passed" in said),
        "skipped": {kind: sorted(set(said) - {"passed"}) for kind, said in by_kind.items() if set(said) != {"passed"}},
    }
