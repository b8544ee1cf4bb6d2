"""Time as a parameter: one clock that everything asks, so that tests and replays can turn it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time in UTC."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until somebody moves it: for tests and for fast replays."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The moment the clock was last moved to."""
        return self._now

    def move_to(self, moment: datetime) -> None:
        """Moves the clock on to this moment; it never goes back."""
        self._now = max(self._now, moment.astimezone(UTC))

    def advance(self, by: timedelta) -> None:
        """Moves the clock on by this much."""
        self.move_to(self._now + by)


def stopwatch() -> float:
    """Seconds on a clock that runs on while the process, or the whole machine, is stopped."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
