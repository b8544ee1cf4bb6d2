"""A figure: what is compared with what, by how much it should differ, and how it came out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from tests.benchmarks.bench import Bench

#: One run of a side: the number it comes to.
Run = Callable[[], float]
#: Has both sides ready and warm: ours, then the baseline.
Sides = Callable[[Bench], tuple[Run, Run]]


@dataclass(frozen=True)
class Expected:
    """What the ratio of ours to the baseline should be; neither bound: the figure is for comparison alone."""

    at_least: float | None = None
    at_most: float | None = None

    def is_met_by(self, ratio: float) -> bool | None:
        """Whether a ratio is as good as expected; None where nothing is."""
        if self.at_least is not None:
            return ratio >= self.at_least
        return ratio <= self.at_most if self.at_most is not None else None

    def __str__(self) -> str:
        if self.at_least is not None:
            return f">= {self.at_least:g}"
        return f"<= {self.at_most:g}" if self.at_most is not None else ""


@dataclass(frozen=True)
class Figure:
    """What can be measured. Both sides are numbers of ``unit``; amounts of ``Size`` stand in braces."""

    name: str
    title: str
    unit: str
    baseline: str
    sides: Sides
    expected: Expected = Expected()
    #: Of each side, where a run takes too long for as many as the others have.
    runs: int | None = None


@dataclass(frozen=True)
class Measured:
    """A figure as it came out: medians of all runs."""

    name: str
    ours: float
    baseline: float
    ratio: float
    runs: int
    unit: str
    expected: str
    reached: bool | None

    def line(self) -> str:
        """It as a line of JSON."""
        rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(self).items()}
        return json.dumps(rounded)


def read_lines(path: Path) -> list[Measured]:
    """The figures that a run has printed."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Measured(**json.loads(line)) for line in lines if line.startswith("{")]


def measure(figure: Figure, bench: Bench) -> Measured:
    """Measures both sides in turn, in one run of the bench."""
    runs = min(bench.size.runs, figure.runs or bench.size.runs)
    our_run, baseline_run = figure.sides(bench)
    pairs = [(baseline_run(), our_run()) for _ in range(runs)]
    baseline, ours = (median(side) for side in zip(*pairs, strict=True))
    ratio = ours / baseline
    expected = figure.expected
    return Measured(figure.name, ours, baseline, ratio, runs, figure.unit, str(expected), expected.is_met_by(ratio))
