"""How much time is left: for everything that one outward call of a plugin does, however many requests that is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from cxsdk.domain.clock import stopwatch

_ends_at: ContextVar[float] = ContextVar("ends_at", default=math.inf)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """All HTTP inside ends within so many seconds; nothing is sent after them, also where the machine slept."""
    token = _ends_at.set(ends_at(seconds))
    try:
        yield
    finally:
        _ends_at.reset(token)


def ends_at(seconds: float) -> float:
    """When something that may take so many seconds must end, on the stopwatch, within the deadlines around it."""
    return min(_ends_at.get(), stopwatch() + seconds)
