"""The demo's clock: moved in steps while it replays, running on by itself after that."""

from __future__ import annotations

from datetime import datetime, timedelta

from cxsdk.domain.clock import ManualClock, stopwatch


class ReplayClock(ManualClock):
    """Stands still until it is moved, or until it is let go."""

    _let_go_at: float | None = None

    def now(self) -> datetime:
        """The moment it was last moved to, and what has passed since it was let go."""
        stood = super().now()
        return stood if self._let_go_at is None else stood + timedelta(seconds=stopwatch() - self._let_go_at)

    def let_go(self) -> None:
        """From now on it runs like any other clock."""
        self._let_go_at = stopwatch()
