"""What the core hands over to whoever runs it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class Doorbell(Protocol):
    """Wakes a worker for a lane. A ring carries no work, may be lost, and is harmless when repeated."""

    def ring(self, lanes: Iterable[str]) -> None:
        """Rings for each lane, unless a ring that nobody has taken up is waiting for it already. Never raises."""

    def taken_up(self, lane: str) -> None:
        """A worker has come for the lane, and looks for work only after this: the next ring is needed again."""
