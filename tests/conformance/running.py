"""Runs a conformance class as pytest would, without pytest: what each test says, by its kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from cxsdk.testing.conformance.base import Conformance


@dataclass(frozen=True)
class Verdict:
    """What became of one test."""

    test: str
    kind: str
    outcome: str  #: passed, skipped, failed
    said: str = ""


def verdicts(conformance: type[Conformance], *, kinds: set[str] | None = None) -> Iterator[Verdict]:
    """One verdict for each test and outward method."""
    for name in dir(conformance):
        test = getattr(conformance, name)
        if name.startswith("test_") and (kinds is None or test.kind in kinds):
            for options in _options(conformance, test):
                outcome, said = _run(conformance(), name, options)
                yield Verdict(f"{name}{list(options.values()) or ''}", test.kind, outcome, said)


def _options(conformance: type[Conformance], test: Any) -> list[dict[str, str]]:
    names = test.__code__.co_varnames[: test.__code__.co_argcount]
    return [{"method": method} for method in conformance.methods] if "method" in names else [{}]


def _run(author: Conformance, name: str, options: dict[str, str]) -> tuple[str, str]:
    try:
        getattr(author, name)(**options)
    except pytest.skip.Exception as skipped:
        return "skipped", str(skipped)
    except pytest.fail.Exception as failed:
        return "failed", str(failed)
    except Exception as error:  # noqa: BLE001 - a test that breaks off says nothing that helps an author
        return "broken", repr(error)
    return "passed", ""
