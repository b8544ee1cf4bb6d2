"""The calls that the shipped code makes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from parts.layout import ROOT


def shipped() -> Iterator[Path]:
    """The modules that run in production."""
    for parent in ("cxsdk", "workers", "plugins"):
        for path in sorted((ROOT / parent).rglob("*.py")):
            if not {"testing", "demo"} & set(path.relative_to(ROOT).parts):
                yield path


def module_of(path: Path) -> str:
    """The name by which a module is imported."""
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removeprefix("workers.").removeprefix("plugins.").removesuffix(".__init__")


@cache
def nodes(path: Path) -> list[ast.AST]:
    """All that a module says."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@cache
def calls() -> list[tuple[str, ast.Call]]:
    """Each call, with the module that makes it."""
    return [(module_of(path), node) for path in shipped() for node in nodes(path) if isinstance(node, ast.Call)]
