"""What the company owes a customer, and whether it kept its word."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from cxsdk.domain.case import PromiseKind
from cxsdk.domain.values import Moment, Value


class PromiseState(StrEnum):
    """How a promise stands."""

    RUNNING = "running"  #: not kept, and there is time left
    KEPT = "kept"  #: in time
    KEPT_LATE = "kept_late"  #: after its time
    BROKEN = "broken"  #: not kept, and its time is over

    @property
    def is_late(self) -> bool:
        """Whether it counts as missed, kept later or not."""
        return self in (PromiseState.KEPT_LATE, PromiseState.BROKEN)


class Promise(Value):
    """A deadline the company owes a customer. What happens at ``due_at`` itself is still in time."""

    kind: PromiseKind
    made_at: Moment
    due_at: Moment
    kept_at: Moment | None = None

    @classmethod
    def made(cls, kind: PromiseKind, at: datetime, within: timedelta) -> Self:
        """A promise made at this moment, due after ``within`` of the clock (not of working hours)."""
        return cls(kind=kind, made_at=at, due_at=at + within)

    @property
    def late_from(self) -> datetime:
        """The first instant at which the promise is broken if nobody kept it: when to look at it."""
        return self.due_at + timedelta(microseconds=1)

    def kept(self, at: datetime) -> Self:
        """The promise, kept at this moment. The first moment holds, in whatever order they become known."""
        first = at if self.kept_at is None else min(at, self.kept_at)
        return type(self)(kind=self.kind, made_at=self.made_at, due_at=self.due_at, kept_at=first)

    def state(self, now: datetime) -> PromiseState:
        """How the promise stands; ``now`` matters only while it is not kept."""
        if self.kept_at is not None:
            return PromiseState.KEPT if self.kept_at <= self.due_at else PromiseState.KEPT_LATE
        return PromiseState.RUNNING if now <= self.due_at else PromiseState.BROKEN
