"""How far the replay is: bars on a terminal, a plain line a month elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


@dataclass(frozen=True)
class Point:
    """Where a replay stands: how much of everything is done, and how much there is of it."""

    at: datetime
    counts: dict[str, tuple[int, int]]


def follow(points: Iterable[Point], stream: TextIO) -> None:
    """Shows a replay's points as they come."""
    console = Console(file=stream)
    (_show_bars if console.is_terminal else _print_lines)(points, console)


def _show_bars(points: Iterable[Point], console: Console) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bars: dict[str, TaskID] = {}
        for point in points:
            for name, (done, total) in point.counts.items():
                if name not in bars:
                    bars[name] = progress.add_task(name)
                progress.update(bars[name], completed=done, total=total)


def _print_lines(points: Iterable[Point], console: Console) -> None:
    month = ""
    for point in points:
        if f"{point.at:%Y-%m}" != month:
            month = f"{point.at:%Y-%m}"
            done = ", ".join(f"{done:,} {name}" for name, (done, _) in point.counts.items())
            console.print(f"{month}: {done}", highlight=False)
