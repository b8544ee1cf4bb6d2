"""Of cxsdk, a plugin imports what any third party may: the public names, and never another plugin."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import cxsdk
from tests.project.tree import PLUGINS

MODULES = [(plugin.name, module) for plugin in PLUGINS for module in sorted(plugin.rglob("*.py"))]


def _imported(source: str) -> Iterator[tuple[str, str]]:
    """Each import as (module, name); a plain ``import module`` has no name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield from (("." * node.level + (node.module or ""), alias.name) for alias in node.names)


def _is_public(module: str, name: str) -> bool:
    return module == "cxsdk" and name in ("", *cxsdk.__all__)


def _forbidden(plugin: str, source: str) -> list[tuple[str, str]]:
    of_ours = [found for found in _imported(source) if found[0].startswith(("cxsdk", "."))]
    return [found for found in of_ours if found[0].partition(".")[0] != plugin and not _is_public(*found)]


@pytest.mark.parametrize(("plugin", "module"), MODULES, ids=[f"{name}/{path.stem}" for name, path in MODULES])
def test_a_plugin_imports_public_names_only(plugin: str, module: Path) -> None:
    assert _forbidden(plugin, module.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "from cxsdk.domain.raw import Raw",
        "from cxsdk import domain",
        "import cxsdk.store",
        "from cxsdk_other import Other",
        "def later():\n    import cxsdk_other.rest",
        "from . import neighbour",
    ],
)
def test_an_import_behind_the_public_names_is_seen(line: str) -> None:
    assert _forbidden("cxsdk_sample", line)


@pytest.mark.parametrize(
    "line", ["import cxsdk", "from cxsdk import CRM, Secret", "from cxsdk_sample.mapping import x", "import requests"]
)
def test_a_public_import_is_allowed(line: str) -> None:
    assert not _forbidden("cxsdk_sample", line)
