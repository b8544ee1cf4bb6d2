"""``docs/performance.md``, made of what was measured."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import psutil

from tests.benchmarks.figure import Figure, Measured
from tests.benchmarks.processes import ROOT
from tests.benchmarks.sizes import SIZES, Size

PAGE = ROOT / "docs" / "performance.md"

HEAD = """\
# Performance

`make bench` measures each figure against a baseline in the same run, turn by turn, and prints a line of JSON for it;
`make bench FIGURE=crm_calls` measures one. `ARGS=--write` makes this page, also of
several runs (`--found FILE`). It was found on

> {machine}

On these cores everything runs at once: the load, web, worker, clock, the database, Redis and two CRMs.{less}

| figure | ours | baseline | ratio | expected | reached |
| --- | --- | --- | --- | --- | --- |
"""

TAIL = """
Runs of each side: {runs}, of which the median counts, after a warm-up; the memory is that of one long run.

**Naive** is what one writes in an afternoon: the same ASGI server checks the same signature and sends a dramatiq
message through Redis, and an actor on 8 threads posts each contact to the CRM with `requests`. It looks nobody up, and
it loses and doubles contacts when something dies. It is in `tests/benchmarks/naive.py`.

**Ours** is the whole way with nothing left out: signature, raw record on disk before the 202, parsing, who it was,
people whom the CRM does not know yet, outbox, receipts. One worker process of 8 threads.

**The CRM** is a process of its own that takes 50 ms for each call. The rate of contacts counts from the first webhook
sent until the last contact stands in the CRM. The latency includes the CRM's own 50 ms on both sides.
"""


def write(found: Sequence[tuple[Figure, Measured]], size: Size, page: Path = PAGE) -> None:
    """Writes the page anew, of figures that were measured with these amounts."""
    rows = "".join(_row(figure, measured, size) for figure, measured in found)
    page.write_text(HEAD.format(machine=machine(), less=_less(size)) + rows + TAIL.format(runs=size.runs), "utf-8")


def _less(size: Size) -> str:
    """Which amounts are not those of a whole run."""
    whole = asdict(SIZES["full"])
    other = [f"`{name}={value:,}`" for name, value in asdict(size).items() if value != whole[name]]
    return f" Not everything was measured in full: {', '.join(other)}." if other else ""


def machine() -> str:
    """What all of this was measured on."""
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{psutil.cpu_count()} cores ({_processor()}), {memory:.0f} GB; "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}."
    )


def _processor() -> str:
    names = (line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    return next(names, "").partition(":")[2].strip() or platform.machine()


def _row(figure: Figure, found: Measured, size: Size) -> str:
    reached = {True: "yes", False: "**no**", None: ""}[found.reached]
    ours, baseline = (
        f"{_rounded(found.ours)} {found.unit}",
        f"{_rounded(found.baseline)} {found.unit} {named(figure.baseline, size)}",
    )
    title = named(figure.title, size)
    return f"| {title} | {ours} | {baseline} | {_rounded(found.ratio)} | {found.expected} | {reached} |\n"


def named(words: str, size: Size) -> str:
    """A title or a baseline's name with the amounts that were measured."""
    return words.format(**asdict(size))


def _rounded(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
