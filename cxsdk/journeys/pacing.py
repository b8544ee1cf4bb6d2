"""A short wait under load, so that what comes soon after travels along: many contacts a call instead of a few.

A lane that was worked on a moment ago is not worked on again at once: whoever comes for it waits until so much time has
passed, and takes all that came meanwhile. A lane that was quiet is worked on without a wait, and so is one whose last
batch was full.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from cxsdk.domain.clock import stopwatch


class Pacing:
    """The lanes of one process, and when each was last worked on. Safe to use from many threads."""

    def __init__(
        self, *, lingers: bool, stopwatch: Callable[[], float] = stopwatch, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._lingers = lingers
        self._stopwatch, self._sleep = stopwatch, sleep
        self._lock = threading.Lock()
        self._last: dict[str, float] = {}
        self._awaited: set[str] = set()

    def come(self, lane: str, wait_s: float) -> bool:
        """Waits until ``wait_s`` seconds after the lane was last come for.

        False, at once, where another thread waits for it: that one takes what this one came for.
        """
        if not self._lingers or wait_s <= 0:
            return True
        with self._lock:
            if lane in self._awaited:
                return False
            now = self._stopwatch()
            left = self._last.get(lane, now - wait_s) + wait_s - now
            if left <= 0:
                self._last[lane] = now
                return True
            self._awaited.add(lane)
        self._sleep(left)
        with self._lock:
            self._awaited.discard(lane)
            self._last[lane] = self._stopwatch()
        return True

    def goes_on(self, lane: str) -> None:
        """There is more in this lane than one batch takes: whoever comes next need not wait."""
        with self._lock:
            self._last.pop(lane, None)
