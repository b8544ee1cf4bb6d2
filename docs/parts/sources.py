"""Definitions as the code has them: where a name comes from, what is said at it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from parts.layout import ROOT

Definition = ast.ClassDef | ast.FunctionDef | ast.Assign | ast.AnnAssign
_SAID = re.compile(r"\s*#: ?(.*)")


@dataclass(frozen=True)
class Source:
    """A definition, and the module that it stands in."""

    module: str
    node: Definition

    @property
    def said(self) -> str:
        """Its docstring, or the ``#:`` comment at it."""
        if isinstance(self.node, ast.ClassDef | ast.FunctionDef):
            return ast.get_docstring(self.node) or ""
        return comment(self.module, self.node)

    def inside(self) -> Iterator[tuple[str, Source]]:
        """What a class defines for its users, by name."""
        for node in getattr(self.node, "body", ()):
            if isinstance(node, Definition) and not hidden(name := named(node)):
                yield name, Source(self.module, node)


def hidden(name: str) -> bool:
    """Whether a name is nobody's business: private, a test of the conformance kit, or the libraries' own."""
    return name.startswith(("_", "test_", "pytest_")) or name == "model_config"


def named(node: ast.stmt) -> str:
    """The name that a statement defines, or nothing."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return node.name
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return targets[0].id if targets and isinstance(targets[0], ast.Name) else ""


def find(module: str, name: str) -> Source | None:
    """The definition of a name that a module of ours has, wherever it imports it from."""
    for node in _statements(module):
        if isinstance(node, Definition) and named(node) == name:
            return Source(module, node)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cxsdk"):
            for alias in node.names:
                if (alias.asname or alias.name) == name and node.module != module:
                    return find(str(node.module), alias.name)
    return None


def comment_at(module: str, cls: str, name: str) -> str:
    """What is said at a member of a class."""
    found = find(module, cls)
    return dict(found.inside())[name].said if found else ""


def _statements(module: str) -> Iterator[ast.stmt]:
    """All that stands in a module, also what only type checkers read."""
    for node in _tree(module).body:
        yield from node.body if isinstance(node, ast.If) else [node]


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_path(module).read_text(encoding="utf-8"))


@cache
def _lines(module: str) -> list[str]:
    return _path(module).read_text(encoding="utf-8").splitlines()


def _path(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def comment(module: str, node: ast.stmt) -> str:
    """The ``#:`` comment behind a definition, or those above it."""
    lines = _lines(module)
    _, mark, behind = lines[(node.end_lineno or node.lineno) - 1].rpartition("  #: ")
    if mark:
        return behind
    above: list[str] = []
    for line in reversed(lines[: node.lineno - 1]):
        if not (said := _SAID.fullmatch(line)):
            break
        above.insert(0, said[1])
    return " ".join(above)
