"""The line to a vendor: calls get through, or fail in every way in which calls fail."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cxsdk.domain.outward import Receipt
from cxsdk.errors import RateLimited
from cxsdk.testing.crm import WELL, Act
from cxsdk.testing.simulation.boundaries import Boundaries, Piece, Place
from cxsdk.testing.simulation.scene import Scene


@dataclass(frozen=True)
class Turn(Act):
    """What a vendor does in one call; ``says`` is its answer to each value instead of storing it."""

    seconds: float = 0
    says: Receipt | None = None


class Line:
    """What an account's plugin calls its vendor through."""

    def __init__(self, scene: Scene, boundaries: Boundaries, account: str) -> None:
        self._scene = scene
        self._boundaries = boundaries
        self.account = account
        self.turns: deque[Act] = deque()  #: what the next calls meet
        self.illness: Exception | None = None  #: what every call meets
        self.met: Callable[[str], None] = lambda _: None  #: told of each call that met something
        self._limited: tuple[datetime, int, Piece] | None = None

    def call(
        self, method: str, values: Sequence[Any], names: Sequence[str], store: Callable[[Any], Any]
    ) -> Iterator[Any]:
        """One call: stores values and gives an answer to each, as far as this call gets."""
        self._scene.note(f"{self.account}.{method} {' '.join(names)}")
        self._heed_limit()
        self._boundaries.cross(Place.CALL)
        act = self._next(is_search=method.startswith("find_"))
        says = act.says if isinstance(act, Turn) else None
        answers = [says or store(value) for value in values[: act.stores]]
        self._boundaries.pieces[-1].made += [] if says else names[: act.stores]
        if act is not WELL:
            self._boundaries.pieces[-1].is_troubled = True
        self._boundaries.cross(Place.STORED)
        yield from answers[: act.receipts]
        if isinstance(act, Turn):
            self._scene.clock.advance(timedelta(seconds=act.seconds))
        if act.error is not None:
            if len(answers[: act.receipts]) < len(values):
                self._tell_limit(act.error)
            raise act.error
        yield from act.surplus

    def _next(self, *, is_search: bool) -> Act:
        act = self.turns.popleft() if self.turns else WELL
        if is_search and act.error is None:  # it finds what is there, or tells that it cannot
            act = WELL
        if self.illness is not None:
            act = Act(self.illness, stores=0, receipts=0)
        if act is not WELL:
            self._scene.note(f"{self.account} {_told(act)}")
            self.met(_told(act))
        return act

    def _tell_limit(self, error: Exception) -> None:
        if isinstance(error, RateLimited) and error.retry_after:
            until = self._scene.now + timedelta(seconds=error.retry_after)
            self._limited = (until, self._boundaries.begun, self._boundaries.pieces[-1])

    def _heed_limit(self) -> None:
        """Whoever begins when a limit was told of and written down, and before it is over, must not call."""
        if self._limited is None:
            return
        until, begun, piece = self._limited
        is_known = piece.is_over and not piece.is_cut_off and self._boundaries.pieces[-1].number > begun
        if is_known and self._scene.now < until:
            self._scene.violated(f"{self.account} was called before {until.isoformat()}, when its limit ends")


def _told(act: Act) -> str:
    if act.error is not None:
        return type(act.error).__name__ + ("" if act.stores is None else f" after {act.stores}")
    return "says otherwise" if isinstance(act, Turn) and act.says else "answers strangely"
