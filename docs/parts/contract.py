"""The public names: each as the code defines it, with its exact signature and what it means."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from inspect import cleandoc
from textwrap import indent

from parts.layout import DOCS, plain
from parts.sources import Source, find

#: What the names of a module are about, in the order of the page.
TITLES = {
    "cxsdk.capabilities": "What a plugin is",
    "cxsdk.domain.outward": "What goes out, and what becomes of it",
    "cxsdk.domain.case": "Tasks",
    "cxsdk.domain.raw": "What comes in",
    "cxsdk.domain.facts": "What is understood",
    "cxsdk.domain.deals": "Deals of a CRM",
    "cxsdk.domain.interaction": "Contacts",
    "cxsdk.domain.identity": "People",
    "cxsdk.domain.survey": "Surveys",
    "cxsdk.domain.limits": "Limits",
    "cxsdk.domain.oauth": "OAuth",
    "cxsdk.domain.secret": "Secrets",
    "cxsdk.webhooks": "Signatures",
    "cxsdk.hooks": "Hooks",
    "cxsdk.errors": "Errors",
    "cxsdk.app": "The configuration",
}
#: Classes of ours that the page tells of in its own words.
FOUNDATIONS = {"Value", "Settings"}
_TOLD = {"property", "classmethod", "staticmethod", "abstractmethod", "contextmanager", "final"}


def contract() -> Iterator[str]:
    """All that ``from cxsdk import`` offers, by what it is about."""
    homes: dict[str, tuple[str, ...]] = import_module("cxsdk")._HOMES  # noqa: SLF001 - which is what it is about
    if untitled := homes.keys() - TITLES.keys():
        sys.exit(f"What are the names of {', '.join(sorted(untitled))} about? Write it into TITLES.")
    public = {name: find(home, name) for home in TITLES for name in homes[home]}
    for home, title in TITLES.items():
        yield from ("", f"## {title}")
        yield from _sections((name, public[name]) for name in homes[home])
    yield from ("", "## What these name", "")
    yield "Not imported by themselves: the types of what the names above hold and return."
    yield from _sections(_named_by(public))


def contract_of_tests() -> Iterator[str]:
    """All that ``from cxsdk.testing import`` offers, and the classes that these are made of."""
    public = {name: find("cxsdk.testing", name) for name in import_module("cxsdk.testing").__all__}
    yield from _sections(public.items())
    known = set(import_module("cxsdk").__all__)
    yield from ("", "## What these name", "")
    yield "Not imported by themselves: what the classes above inherit, hold and return."
    yield from _sections(_named_by(public, known))


def _named_by(public: Mapping[str, Source | None], known: Iterable[str] = ()) -> Iterator[tuple[str, Source]]:
    """The definitions of ours that public ones name as their bases and types, and those that these name."""
    seen = {*public, *known, *FOUNDATIONS}
    waiting = list(filter(None, public.values()))
    for source in waiting:
        for node in ast.walk(ast.parse("\n".join(_shape(source)))):
            if isinstance(node, ast.Name) and node.id not in seen and (found := _type(source.module, node.id)):
                seen.add(node.id)
                waiting.append(found)
                yield node.id, found


def _type(module: str, name: str) -> Source | None:
    """The definition of a type of ours; a type variable stands for any."""
    found = find(module, name)
    if found and isinstance(found.node, ast.Assign) and "TypeVar(" in ast.unparse(found.node):
        return None
    return found


def _sections(names: Iterable[tuple[str, Source | None]]) -> Iterator[str]:
    for name, source in names:
        if source is None:
            sys.exit(f"Where is {name} defined? Nothing that a public module imports tells.")
        yield from ("", f"### {name}", "", "```python", *_shape(source), "```", "", plain(cleandoc(source.said)))
        if isinstance(source.node, ast.ClassDef):
            yield from _members(name, source)


def _shape(source: Source) -> Iterator[str]:
    """A definition without what it does."""
    node = source.node
    if isinstance(node, ast.FunctionDef):
        yield from (f"@{name}" for name in map(ast.unparse, node.decorator_list) if name.rpartition(".")[2] in _TOLD)
        returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        yield f"def {node.name}({ast.unparse(node.args)}){returns}: ..."
    elif isinstance(node, ast.ClassDef):
        bases = f"({', '.join(map(ast.unparse, node.bases))})" if node.bases else ""
        inner = [line for _, member in source.inside() for line in _shape(member)]
        yield f"class {node.name}{bases}:" + ("" if inner else " ...")
        yield from (f"    {line}" for line in inner)
    else:
        yield ast.unparse(node)


def _members(name: str, source: Source) -> Iterator[str]:
    if _has_settings_page(name):
        yield from ("", f"Its settings: [{name}](settings.md#{name.lower()}).")
    for member, inner in source.inside():
        is_setting = isinstance(inner.node, ast.AnnAssign) and _has_settings_page(name)
        if inner.said and not is_setting:
            yield from ("", f"- `{member}`: " + indent(plain(cleandoc(inner.said)), "  ").strip())


@cache
def _has_settings_page(name: str) -> bool:
    return f":{name} -->" in (DOCS / "settings.md").read_text(encoding="utf-8")
