"""The bundled plugins: what each can do, as it declares, and what the conformance kit says of it, as tests noted."""

from __future__ import annotations

import json
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from cxsdk.capabilities import CRM, Channel, Plugin, SurveyProvider
from parts.layout import DOCS, ROOT, table

KINDS: tuple[tuple[type[Plugin], str], ...] = ((CRM, "CRM"), (Channel, "channel"), (SurveyProvider, "survey provider"))
COLUMNS = (
    "plugin", "is a", "writes to", "sent twice", "at once", "webhook", "reads", "OAuth", "settings", "tests passed",
)  # fmt: skip


class Verdict(NamedTuple):
    """What the kit says of a plugin: kinds of test that passed, and why others, or parts of them, were left out."""

    passed: frozenset[str]
    left_out: Mapping[str, tuple[str, ...]]

    @property
    def in_part(self) -> frozenset[str]:
        """Kinds of which a part was left out."""
        return self.passed & self.left_out.keys()


@cache
def bundled() -> list[type[Plugin]]:
    """The classes that our own distribution brings: CRMs first, then channels, then survey providers."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    modules = map(import_module, project["entry-points"]["cxsdk.plugins"].values())
    public = (getattr(module, name) for module in modules for name in module.__all__)
    classes = [one for one in public if isinstance(one, type) and issubclass(one, Plugin)]
    return sorted(classes, key=lambda cls: ([kind for _, kind in KINDS].index(kind_of(cls)), cls.__name__.lower()))


def kind_of(cls: type[Plugin]) -> str:
    """What sort of plugin this is."""
    return next(name for base, name in KINDS if issubclass(cls, base))


def plugins() -> Iterator[str]:
    """One row for each plugin."""
    yield from table(*COLUMNS, rows=map(_row, bundled()))


def _row(cls: type[Plugin]) -> Iterator[str]:
    sends = cls.supports("send") if issubclass(cls, Channel) else issubclass(cls, CRM)
    yield f"[{cls.__name__}]({_package(cls).removeprefix('cxsdk_')}.md)"
    yield kind_of(cls)
    yield _written_to(cls) if sends else ""
    yield f"`{getattr(cls, 'duplicates', '')}`" if sends else ""
    yield str(cls.batch_size) if sends else ""
    yield _webhook(cls)
    yield "yes" if cls.supports("sources") else ""
    yield "yes" if _speaks_oauth(cls) else ""
    yield f"[{len(cls.model_fields)}](../settings.md#{cls.__name__.lower()})"
    verdict = verdict_on(cls)
    yield f"[{len(verdict.passed)}](#{cls.__name__.lower()})"


def _written_to(cls: type[Plugin]) -> str:
    return getattr(cls, "reaches", None) or ("timeline, tasks" if cls.supports("save_tasks") else "timeline")


def _package(cls: type[Plugin]) -> str:
    return cls.__module__.partition(".")[0]


def _webhook(cls: type[Plugin]) -> str:
    if not cls.supports("verify"):
        return ""
    return "proven" if "unproven requests are refused" in verdict_on(cls).passed else "unproven"


def _speaks_oauth(cls: type[Plugin]) -> bool:
    sources = (ROOT / "plugins" / _package(cls)).glob("*.py")
    return any("OAuth(" in source.read_text(encoding="utf-8") for source in sources)


def conformance_of_plugins() -> Iterator[str]:
    """What the kit leaves out of each plugin, and why."""
    for cls in bundled():
        verdict = verdict_on(cls)
        skipped = len(verdict.left_out.keys() - verdict.passed)
        said = f"{len(verdict.passed)} kinds of test pass"
        said += f", {len(verdict.in_part)} of them in part" if verdict.in_part else ""
        said += f"; {skipped} are left out." if skipped else "; none is left out."
        yield from ("", f"### {cls.__name__}", "", said, "")
        yield from _reasons(verdict)


def _reasons(verdict: Verdict) -> Iterator[str]:
    by_reason: defaultdict[str, list[str]] = defaultdict(list)
    for kind, reasons in sorted(verdict.left_out.items()):
        for reason in reasons:
            by_reason[reason].append(f"{kind} (in part)" if kind in verdict.passed else kind)
    if by_reason:
        yield from table(
            "why", "left out", rows=((reason, "; ".join(by_reason[reason])) for reason in sorted(by_reason))
        )


@cache
def verdict_on(cls: type[Plugin]) -> Verdict:
    """What all its conformance classes noted together."""
    noted = [note for note in _notes().values() if note["plugin"] == cls.__name__]
    if not noted:
        sys.exit(f"The conformance kit says nothing of {cls.__name__}. Run: make plugin-table")
    return _together(noted)


def _together(noted: Iterable[Mapping[str, Any]]) -> Verdict:
    """A kind passes where one class passes it; what one class passes as a whole, is not left out."""
    passed: set[str] = set()
    whole: set[str] = set()
    left_out: defaultdict[str, set[str]] = defaultdict(set)
    for note in noted:
        passed |= set(note["passed"])
        whole |= set(note["passed"]) - note["skipped"].keys()
        for kind, reasons in note["skipped"].items():
            left_out[kind] |= set(reasons)
    rest = {kind: tuple(sorted(reasons)) for kind, reasons in left_out.items() if kind not in whole}
    return Verdict(frozenset(passed), rest)


@cache
def _notes() -> dict[str, Any]:
    notes: dict[str, Any] = json.loads((DOCS / "plugins/conformance.json").read_text(encoding="utf-8"))
    return notes
