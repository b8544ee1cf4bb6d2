"""What a simulation was made of, and how long it took."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Report:
    """The numbers of all days together, and in ``least`` those of the poorest day."""

    seed: int
    days: int
    totals: Counter[str] = field(default_factory=Counter)
    least: dict[str, int] = field(default_factory=dict)
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def add_day(self, **numbers: int) -> None:
        """One day more."""
        self.totals.update(numbers)
        self.least = {name: min(number, self.least.get(name, number)) for name, number in numbers.items()}

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Measures what is done in the block."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall_s, self.cpu_s = time.perf_counter() - wall, time.process_time() - cpu

    def __str__(self) -> str:
        told = ", ".join(f"{number} {name}" for name, number in self.totals.items())
        return f"seed {self.seed}: {self.days} days, {told}; {self.wall_s:.1f} s, {self.cpu_s:.1f} s of CPU"
