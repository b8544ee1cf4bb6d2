"""What the outside world is going to do, and when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from heapq import heappop, heappush
from itertools import count
from typing import Any, Protocol


class Actor(Protocol):
    """Somebody outside who does things."""

    def act(self, things: Sequence[Any], now: datetime) -> None:
        """Does all of these, which fall into the step that ends now."""


class Agenda:
    """Things to do, each with its time and its actor."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Actor, Any]] = []
        self._count = count()

    def add(self, at: datetime, actor: Actor, thing: Any) -> None:
        """Has this done at this moment."""
        heappush(self._heap, (at, next(self._count), actor, thing))

    @property
    def next_at(self) -> datetime | None:
        """When the next thing is to be done, or None."""
        return self._heap[0][0] if self._heap else None

    def take(self, until: datetime) -> Iterator[tuple[Actor, list[Any]]]:
        """Takes off what falls before this moment or on it: all that an actor has to do, actor by actor."""
        taken: dict[int, tuple[Actor, list[Any]]] = {}
        while self._heap and self._heap[0][0] <= until:
            _, _, actor, thing = heappop(self._heap)
            taken.setdefault(id(actor), (actor, []))[1].append(thing)
        yield from taken.values()
