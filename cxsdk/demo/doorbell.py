"""A doorbell that waits until everybody has spoken, so that what belongs to one step is worked off in batches."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from cxsdk.capabilities import Doorbell

#: How the lanes of a CRM's timeline end.
_ENTRIES = ":entry"


class PatientDoorbell:
    """Gathers rings and passes them on to the real doorbell when it is told to; at once, when it is let go.

    A ring may come late: the database is the truth.
    """

    def __init__(self, doorbell: Doorbell, join: Callable[[], None]) -> None:
        self._doorbell = doorbell
        self._join = join
        self._gathered: set[str] = set()
        self._lock = threading.Lock()
        self._is_patient = True

    def ring(self, lanes: Iterable[str]) -> None:
        """Notes these lanes."""
        if self._is_patient:
            with self._lock:
                self._gathered.update(lanes)
        else:
            self._doorbell.ring(lanes)

    def taken_up(self, lane: str) -> None:
        """A worker has come for the lane."""
        self._doorbell.taken_up(lane)

    def work_off(self) -> None:
        """Rings for what was gathered, waits until the workers have done it, and goes on until no ring is left."""
        while lanes := self._take():
            self._doorbell.ring(lanes)
            self._join()

    def let_go(self) -> None:
        """From now on every ring is passed on at once."""
        self._is_patient = False
        while lanes := self._take():
            self._doorbell.ring(lanes)

    def _take(self) -> list[str]:
        """The lanes to ring for now: the timeline's own only when no other is left, which would owe more entries."""
        with self._lock:
            now = {lane for lane in self._gathered if not lane.endswith(_ENTRIES)} or self._gathered
            self._gathered = self._gathered - now
        return sorted(now)
