"""Every crash point that the code has, found by reading it: no new commit or call to the outside can be forgotten."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cxsdk.journeys.lanes import DESKS
from cxsdk.journeys.routing import RoutingDesk

ROOT = Path(__file__).parents[2]
#: What runs in processes that may be killed; stand-ins and the demo have none of their own.
PACKAGES = (ROOT / "cxsdk", ROOT / "workers" / "cxsdk_workers")
_LEFT_OUT = {"testing", "demo", "crashing.py"}

#: Whose methods lead to the outside, by what our code calls them; and those of their methods that do not.
OUTSIDERS = frozenset({"crm", "_crm", "channel", "plugin", "hooks", "provider", "_broker", "source"})
PURE = frozenset(
    {"supports", "parse", "verify", "event_key", "listeners", "log_after", "usage", "pages", "classes_of", "hooks_of"}
)

#: The desks of outward work: each has a call of its own.
DESK_NAMES = sorted({desk.__name__ for desk in (*DESKS.values(), RoutingDesk) if isinstance(desk, type)})


@dataclass(frozen=True)
class _Call:
    """A call in our code: in which function, of what, and whose method it is, if it is one."""

    place: str
    owner: str
    name: str
    arguments: list[ast.expr]


def points() -> list[str]:
    """The names of all crash points."""
    return list(dict.fromkeys(point for call in _calls() for point in _points_at(call)))


def outside_calls() -> set[str]:
    """Where our code calls what leads to the outside: ``place method``."""
    return {f"{call.place} {call.name}" for call in _calls() if call.owner in OUTSIDERS and call.name not in PURE}


def commits() -> list[str]:
    """Where a transaction is begun that may write; twice in one place, its crash points could not be told apart."""
    return [call.place for call in _calls() if _is_commit(call)]


def _points_at(call: _Call) -> Iterator[str]:
    if _is_commit(call):
        yield from (f"{call.place}/before commit", f"{call.place}/after commit")
    elif call.name == "calling":
        # the only word that is told there is a desk's name
        for what in DESK_NAMES if call.arguments else [""]:
            yield from (f"{call.place}/{when} {what} call".replace("  ", " ") for when in ("before", "after"))
    elif call.name == "passing" and call.place != "store.engine:Store.write":
        yield f"{call.place}/{ast.literal_eval(call.arguments[0])}"


def _is_commit(call: _Call) -> bool:
    return call.owner != "" and call.name == "write" and not call.arguments


@cache
def _calls() -> list[_Call]:
    found: list[_Call] = []
    for path in (path for package in PACKAGES for path in sorted(package.rglob("*.py"))):
        parts = path.relative_to(ROOT).parts[1:]
        if not _LEFT_OUT & set(parts):
            module = ".".join(parts).removesuffix(".py")
            found += _calls_in(ast.parse(path.read_text(encoding="utf-8")), f"{module}:", "")
    return found


def _calls_in(node: ast.AST, module: str, scope: str) -> Iterator[_Call]:
    """The calls below a node, each with the qualified name of the function in which it stands."""
    for child in ast.iter_child_nodes(node):
        inner = scope
        if isinstance(child, ast.ClassDef):
            inner = f"{scope}{child.name}."
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = f"{scope}{child.name}.<locals>."
        elif isinstance(child, ast.Call):
            *_, owner, name = ["", *_names(child.func)]
            yield _Call(f"{module}{scope.removesuffix('.<locals>.')}", owner, name, child.args)
        yield from _calls_in(child, module, inner)


def _names(function: ast.expr) -> list[str]:
    """``runtime.crm.log`` as its names; what is no name is ``?``."""
    if isinstance(function, ast.Attribute):
        return [*_names(function.value), function.attr]
    return [function.id if isinstance(function, ast.Name) else "?"]
