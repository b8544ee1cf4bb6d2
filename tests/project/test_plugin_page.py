"""The table of plugins has them all, and says of each what its own tests said."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cxsdk import Plugin
from tests.project.pages import DOCS, page
from tests.project.tree import PLUGINS, ROOT

PAGE = page("plugins/index.md")
NOTES: dict[str, Any] = json.loads((DOCS / "plugins/conformance.json").read_text(encoding="utf-8"))


def _bundled() -> Iterator[type[Plugin]]:
    for package in PLUGINS:
        module = import_module(package.name)
        public = (getattr(module, name) for name in module.__all__)
        yield from (cls for cls in public if isinstance(cls, type) and issubclass(cls, Plugin))


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """What makes the pages."""
    monkeypatch.syspath_prepend(str(DOCS))
    return lambda name: import_module(f"parts.{name}")


@pytest.mark.parametrize("plugin", list(_bundled()))
def test_a_bundled_plugin_is_in_the_table_and_what_the_kit_says_of_it_below(plugin: type[Plugin]) -> None:
    [row] = re.findall(rf"^\| \[{plugin.__name__}\]\((\w+\.md)\) \|", PAGE, re.MULTILINE)
    assert (DOCS / "plugins" / row).is_file()
    assert re.search(rf"^### {plugin.__name__}\n\n\d+ kinds of test pass", PAGE, re.MULTILINE)


def test_every_page_of_a_plugin_is_in_the_table() -> None:
    pages = {path.name for path in (DOCS / "plugins").glob("*.md")} - {"index.md"}
    assert pages == set(re.findall(r"^\| \[\w+\]\((\w+\.md)\) \|", PAGE, re.MULTILINE))


def test_the_notes_are_of_the_conformance_classes_that_there_are() -> None:
    files = (ROOT / "tests/plugins").glob("*/test_*conformance.py")
    assert set(NOTES) == {f"{path.parent.name}/{name}" for path in files for name in _classes(path)}


def _classes(path: Path) -> list[str]:
    return re.findall(r"^class (Test\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)


def note(plugin: str, passed: str, **skipped: list[str]) -> dict[str, Any]:
    return {"plugin": plugin, "passed": passed.split(), "skipped": skipped}


@pytest.mark.parametrize(
    ("notes", "passed", "left_out"),
    [
        ([note("A", "poison zones")], {"poison", "zones"}, {}),
        ([note("A", "poison", zones=["None."])], {"poison"}, {"zones": ("None.",)}),
        ([note("A", "poison", poison=["Not one."])], {"poison"}, {"poison": ("Not one.",)}),
        ([note("A", "poison"), note("A", "", poison=["No webhook."])], {"poison"}, {}),
        ([note("A", "", zones=["b", "a"]), note("A", "", zones=["a"])], set(), {"zones": ("a", "b")}),
    ],
)
def test_what_one_class_leaves_out_another_may_pass(
    parts: Callable[[str], Any], notes: list[Any], passed: set[str], left_out: dict[str, Any]
) -> None:
    verdict = parts("plugins")._together(notes)
    assert (verdict.passed, dict(verdict.left_out)) == (passed, left_out)
