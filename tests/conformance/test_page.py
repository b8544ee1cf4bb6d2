"""The page on the kit shows what happens: its plugin fails where it says, and passes with what it adds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.conformance.running import verdicts

PAGE = (Path(__file__).parents[2] / "docs/conformance.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
TOLD = re.findall(r"^```text\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def page(programs: int) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "acme"}
    for program in PROGRAMS[:programs]:
        exec(compile(program, "page", "exec", dont_inherit=True), names)  # noqa: S102 - the page's own
    return names


def test_the_example_is_refused_for_its_one_mistake_in_the_words_of_the_page() -> None:
    refused = [verdict for verdict in verdicts(page(2)["TestAcme"]) if verdict.outcome not in ("passed", "skipped")]
    assert {verdict.kind for verdict in refused} == {"every limit is honoured"}
    said = " ".join(" ".join(verdict.said for verdict in refused).split())
    assert " ".join(TOLD[0].split()) in said


def test_the_example_passes_once_it_is_mended() -> None:
    told = [verdict for verdict in verdicts(page(3)["TestAcme"]) if verdict.outcome != "skipped"]
    assert {verdict.outcome for verdict in told} == {"passed"}
    assert len(told) > 30
