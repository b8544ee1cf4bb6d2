"""A doorbell whose rings are taken up in any order, and are lost or doubled now and then."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from cxsdk.testing.simulation.boundaries import Boundaries, Place

#: What lanes are called that owe work to others, the first ones first.
_FIRST = ("inbox", "due", "person", "message", "task")


class UnreliableDoorbell:
    """Rings that wait until somebody comes."""

    def __init__(self, rng: Random, boundaries: Boundaries) -> None:
        self._rng = rng
        self._boundaries = boundaries
        self.lanes: list[str] = []
        self.loses = False  #: every ring is lost
        self.doubles = False  #: every ring comes twice

    def ring(self, lanes: Iterable[str]) -> None:
        """Whoever rings may be killed before it does."""
        self._boundaries.cross(Place.RING)
        if not self.loses:
            self.lanes += [lane for lane in lanes if self.doubles or lane not in self.lanes]

    def taken_up(self, lane: str) -> None:
        """Nothing to do: a ring is gone when it is taken."""

    def take(self) -> str:
        """One of the rings: mostly that of the work which most other work waits for, so that much is done together."""
        if self._rng.random() < 0.15:
            return self.lanes.pop(self._rng.randrange(len(self.lanes)))
        return self.lanes.pop(min(range(len(self.lanes)), key=lambda n: _rank(self.lanes[n])))


def _rank(lane: str) -> int:
    return next((n for n, part in enumerate(_FIRST) if part in lane), len(_FIRST))
