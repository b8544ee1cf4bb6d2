"""What everything in a simulation shares: the clock, chance, the history, and what is going to happen when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random

from cxsdk.domain.clock import ManualClock

#: Every simulation begins on this Monday.
START = datetime(2026, 1, 5, tzinfo=UTC)

#: Something that is done when its time has come.
Act = Callable[[], None]


class Scene:
    """All chance comes from ``rng``, in one order, so that a seed tells the whole history."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)  # noqa: S311 - chance that can be repeated
        self.clock = ManualClock(START)
        #: What happened, one line each.
        self.history: list[bytes] = []
        #: What must never be: found in the middle of something, raised as soon as that is over.
        self.violations: list[str] = []
        self._agenda: list[tuple[datetime, int, Act]] = []
        self._numbers, self._order = count(1), count()

    @property
    def now(self) -> datetime:
        """The present moment."""
        return self.clock.now()

    def number(self) -> int:
        """A number that nothing else has."""
        return next(self._numbers)

    def note(self, text: str) -> None:
        """A line of the history."""
        self.history.append(f"{self.now.isoformat()} {text}".encode())

    def violated(self, text: str) -> None:
        """Something happened that must never happen."""
        self.note(f"VIOLATED {text}")
        self.violations.append(text)

    def plan(self, at: datetime, act: Act) -> None:
        """Has this done at this moment, or as soon after it as anything is done."""
        heappush(self._agenda, (at, next(self._order), act))

    def plan_in(self, shortest: float, longest: float, act: Act) -> None:
        """Has this done so many minutes from now."""
        self.plan(self.now + timedelta(minutes=self.rng.uniform(shortest, longest)), act)

    def take(self) -> list[Act]:
        """What is to be done by now, in the order of its times."""
        taken = []
        while self._agenda and self._agenda[0][0] <= self.now:
            taken.append(heappop(self._agenda)[2])
        return taken

    @property
    def next_at(self) -> datetime | None:
        """When the next thing is to be done."""
        return self._agenda[0][0] if self._agenda else None
