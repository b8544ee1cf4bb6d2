"""A short wait under load, so that what comes soon after travels along: many contacts a call instead of a few.

A lane that was worked on a moment ago is not worked on again at once: whoever comes for it waits until so much time has
passed, and takes all that came meanwhile. A lane that was quiet is worked on without a wait, and so is one whose last
batch was full: that also ends the wait of whoever waits already.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from cxsdk.domain.clock import stopwatch


class Pacing:
    """The lanes of one process, and when each was last worked on. Safe to use from many threads."""

    def __init__(
        self,
        *,
        lingers: bool,
        stopwatch: Callable[[], float] = stopwatch,
        wait: Callable[[threading.Event, float], object] = threading.Event.wait,
    ) -> None:
        self._lingers = lingers
        self._stopwatch, self._wait = stopwatch, wait
        self._lock = threading.Lock()
        self._last: dict[str, float] = {}
        self._awaited: dict[str, threading.Event] = {}

    def come(self, lane: str, wait_s: float) -> bool:
        """Waits until ``wait_s`` seconds after the lane was last come for, or until it is known to go on.

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
            goes_on = self._awaited[lane] = threading.Event()
        self._wait(goes_on, left)
        with self._lock:
            del self._awaited[lane]
            self._last[lane] = self._stopwatch()
        return True

    def goes_on(self, lane: str) -> None:
        """There is more in this lane than one batch takes: whoever waits, or comes next, need not."""
        with self._lock:
            self._last.pop(lane, None)
            if waiting := self._awaited.get(lane):
                waiting.set()
