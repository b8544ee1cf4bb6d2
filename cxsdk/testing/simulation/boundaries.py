"""The places where a process meets the rest of the world, and what may become of it there.

Whatever a process does lies between two of these, so that what happens to it at one of them could happen at any line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cxsdk.domain.clock import Clock


class Killed(BaseException):
    """The process was killed here: nothing after this line was done."""


class Place(StrEnum):
    """Where a process meets something that is not its own."""

    BEGIN = "begin"  #: before a transaction
    COMMIT = "commit"  #: all is written, and not committed
    RING = "ring"  #: committed, and nobody was rung for
    COMMITTED = "committed"  #: committed, and whoever had to be rung for was rung for
    CALL = "call"  #: before a vendor has done anything
    STORED = "stored"  #: the vendor has done it, and said nothing yet


@dataclass
class Piece:
    """One piece of work of one process; what it made at vendors, as they name it."""

    actor: str
    lane: str  #: of a worker: what it works on
    number: int
    began_at: datetime
    made: list[str] = field(default_factory=list)
    #: Something went wrong in it, so that what it makes may be made again.
    is_troubled: bool = False
    #: It did not get to its end as it wanted, so that nobody may know what it knew.
    is_cut_off: bool = False
    is_over: bool = False


@dataclass
class Trap:
    """Goes off when processes of a sort have come by so many times."""

    name: str
    actor: str
    lane: str  #: how the lane begins; empty: whatever is done
    place: Place
    left: int
    effect: Callable[[], None]

    def lies_at(self, place: Place, piece: Piece) -> bool:
        """Whether a process that comes by here steps on it."""
        return (place, piece.actor) == (self.place, self.actor) and piece.lane.startswith(self.lane)


class Boundaries:
    """Who is at work, and the traps on their way."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.pieces: list[Piece] = []  #: the innermost last: others work while one is stopped
        self.traps: list[Trap] = []
        self.begun = 0

    def enter(self, actor: str, lane: str = "") -> Piece:
        """A process begins a piece of work."""
        self.begun += 1
        self.pieces.append(Piece(actor, lane, self.begun, self._clock.now()))
        return self.pieces[-1]

    def leave(self) -> None:
        """It is over, one way or the other."""
        self.pieces.pop().is_over = True

    def cross(self, place: Place) -> None:
        """The process comes by this place."""
        if not self.pieces:
            return
        piece = self.pieces[-1]
        for trap in [trap for trap in self.traps if trap.lies_at(place, piece)]:
            trap.left -= 1
            if trap.left <= 0 and trap in self.traps:
                self.traps.remove(trap)
                piece.is_troubled = piece.is_cut_off = True
                trap.effect()
