"""Figures can be had and are told in valid lines. How good it is, a loaded machine cannot tell."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.benchmarks import page
from tests.benchmarks.__main__ import main
from tests.benchmarks.contacts import Contacts
from tests.benchmarks.figure import Expected, Measured
from tests.benchmarks.figures import FIGURES
from tests.benchmarks.processes import ROOT
from tests.benchmarks.sizes import SIZES

#: One of each kind: processes over Redis and PostgreSQL, one process, waiting rows, a program's start.
SOME = ["contacts_batch_crm", "contacts_embedded", "claim_sqlite", "import"]
PARTS = {"name", "ours", "baseline", "ratio", "runs", "unit", "expected", "reached"}


@pytest.fixture(scope="module")
def lines(address_of: Callable[[str], str]) -> dict[str, dict[str, Any]]:
    """What `make bench` prints of some figures in the smallest size, by the figure's name."""
    used = {servers.SERVERS[name].variable: address_of(name) for name in ("postgres", "redis")}
    smoke = [sys.executable, "-m", "tests.benchmarks", "--size", "smoke", *(f"--figure={name}" for name in SOME)]
    done = subprocess.run(smoke, cwd=ROOT, env=os.environ | used, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {told["name"]: told for told in map(json.loads, done.stdout.splitlines())}


@pytest.mark.integration
@pytest.mark.timeout(900)
def test_each_figure_is_told_in_a_line(lines: dict[str, dict[str, Any]]) -> None:
    assert list(lines) == SOME


@pytest.mark.integration
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", SOME)
def test_a_line_tells_both_sides(lines: dict[str, dict[str, Any]], name: str) -> None:
    line = lines[name]
    assert line.keys() == PARTS
    assert line["ours"] > 0
    assert line["baseline"] > 0
    assert line["ratio"] == pytest.approx(line["ours"] / line["baseline"], rel=0.01)
    assert line["reached"] in ((None,) if line["expected"] == "" else (True, False))


@pytest.mark.parametrize(
    ("expected", "met", "missed"), [(Expected(at_least=20), 20.0, 19.9), (Expected(at_most=0.3), 0.3, 0.31)]
)
def test_a_bound_itself_is_good_enough(expected: Expected, met: float, missed: float) -> None:
    assert expected.is_met_by(met) is True
    assert expected.is_met_by(missed) is False


def test_the_page_says_what_was_not_reached(tmp_path: Path) -> None:
    figure = next(figure for figure in FIGURES if figure.name == "crm_calls")
    measured = Measured("crm_calls", 0.06, 1.0, 0.06, 3, "calls", "<= 0.03", reached=False)
    page.write([(figure, measured)], SIZES["full"], tmp_path / "performance.md")
    assert "| 0.06 | <= 0.03 | **no** |" in (tmp_path / "performance.md").read_text()


def test_every_figure_has_a_row_on_the_page() -> None:
    told = page.PAGE.read_text(encoding="utf-8")
    rows = {figure.name: re.sub(r"\\{\w+:,\\}", r"[0-9,]+", re.escape(f"| {figure.title} |")) for figure in FIGURES}
    assert [name for name, row in rows.items() if not re.search(row, told)] == []


def test_the_page_names_the_amounts_that_were_measured(tmp_path: Path) -> None:
    figure = next(figure for figure in FIGURES if figure.name == "claim_sqlite")
    measured = Measured("claim_sqlite", 2.0, 1.0, 2.0, 1, "ms", "<= 1.4", reached=False)
    page.write([(figure, measured)], replace(SIZES["full"], waiting=5_000), tmp_path / "performance.md")
    told = (tmp_path / "performance.md").read_text()
    assert "with 5,000 waiting; SQLite" in told
    assert "with 10,000 waiting" in told
    assert "Not everything was measured in full: `waiting=5,000`." in told


def test_only_a_whole_run_is_written_down() -> None:
    with pytest.raises(SystemExit):
        main(["--figure", "import", "--write"])


def test_regular_customers_call_again_and_new_ones_come_once() -> None:
    contacts = Contacts(first=1_000, count=1_000, regulars=50)
    callers = [contacts.caller(number) for number in contacts]
    again = [caller for caller in callers if callers.count(caller) > 1]
    assert len(set(again)) <= 50
    assert len(callers) - len(again) == 100


def test_what_an_earlier_run_has_found_is_not_measured_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier = Measured("import", 1.5, 3.0, 0.5, 3, "ms", "<= 1.3", reached=True)
    (tmp_path / "lines").write_text(f"make: something else\n{earlier.line()}\n")
    assert main(["--figure", "import", "--found", str(tmp_path / "lines")]) == 0
    assert capsys.readouterr().out == f"{earlier.line()}\n"
