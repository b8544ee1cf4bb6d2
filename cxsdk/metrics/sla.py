"""Service level: how many promises were kept in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from cxsdk.domain.values import Value
from cxsdk.metrics.intervals import Estimate, share


class Timed(Protocol):
    """A clock that runs from one moment to another; a Promise is one."""

    @property
    def made_at(self) -> datetime:
        """When it was started."""

    @property
    def due_at(self) -> datetime:
        """When it runs out; to be stopped then is still in time."""

    @property
    def kept_at(self) -> datetime | None:
        """When it was stopped, if it was."""


class ServiceLevel(Value):
    """How the clocks of a period ended: in time or not; ``running`` ones are not late and shown apart."""

    kept: int
    missed: int
    running: int

    @property
    def percent(self) -> Estimate | None:
        """SLA % = kept within target / all whose clock has ended or run out x 100 %, 0 to 100 (source U)."""
        level = share(self.kept, self.kept + self.missed)
        return level.times(100) if level else None


def service_level(clocks: Iterable[Timed], since: datetime, until: datetime) -> ServiceLevel:
    """The service level of the period from ``since`` until just before ``until``, as it was known then.

    A clock counts once, in the period in which it was settled: when it was stopped in time, or ran out. What is done
    late was missed when it ran out, and does not count again.
    """
    found = Counter(_outcome(clock, since, until) for clock in clocks)
    return ServiceLevel(kept=found["kept"], missed=found["missed"], running=found["running"])


def _outcome(clock: Timed, since: datetime, until: datetime) -> str:
    in_time = clock.kept_at is not None and clock.kept_at <= clock.due_at
    settled = clock.kept_at if in_time and clock.kept_at is not None else clock.due_at
    if settled >= until:
        return "running" if clock.made_at < until else "later"
    if settled < since:
        return "earlier"
    return "kept" if in_time else "missed"
