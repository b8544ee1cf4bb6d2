"""The stepping engine: the clock moves on when nothing is left to do at the present moment, and not before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from cxsdk.demo.clock import ReplayClock
from cxsdk.demo.hours import STEP, step_end
from cxsdk.demo.world import World
from cxsdk.journeys import sources
from cxsdk.journeys.housekeeping import purge_raw
from cxsdk.journeys.runtime import Runtime
from cxsdk.journeys.sources import Source
from cxsdk.journeys.sweep import sweep
from cxsdk.store import accounts
from cxsdk.store.work import next_due


class Replay:
    """One installation and the world around it, moved on together."""

    def __init__(
        self, runtime: Runtime, clock: ReplayClock, world: World, work_off: Callable[[], None], keep_raw: timedelta
    ) -> None:
        self._runtime = runtime
        self._clock = clock
        self._world = world
        self._work_off = work_off
        self._keep_raw = keep_raw
        self._sources: list[tuple[Source, int]] = []

    def run(self, until: datetime) -> Iterator[datetime]:
        """Steps on to this moment; yields the clock's time after each step that had something in it."""
        day = self._clock.now().date()
        self._take_sources()
        while (moment := self._next()) and moment <= until:
            self._step(moment)
            yield moment
            if moment.date() != day:
                day = moment.date()
                purge_raw(self._runtime, self._keep_raw)
        while sweep(self._runtime):
            self._work_off()

    def _step(self, end: datetime) -> None:
        self._clock.move_to(end)
        self._world.live(end)
        sweep(self._runtime)  # rings for what has become due; for all else, whoever owes it rings
        self._read_news()
        self._work_off()
        while self._world.look(end):
            self._read_news()
            self._work_off()

    def _next(self) -> datetime | None:
        """The end of the next step in which something happens or is due."""
        now = self._clock.now()
        with self._runtime.store.read() as tx:
            owed, release = next_due(tx), accounts.next_release(tx, now)
        moments = [moment for moment in (owed, release, self._world.agenda.next_at) if moment is not None]
        return max(step_end(min(moments)), now + STEP) if moments else None

    def _take_sources(self) -> None:
        """Nobody else reads here: each source is taken once."""
        for source in sources.sources_of(self._runtime):
            fence = sources.acquire(self._runtime, source, "replay")
            if fence is not None:
                self._sources.append((source, fence))

    def _read_news(self) -> None:
        """Reads to their end the sources of those who say that there is something new.

        They say so as IDLE does. Without it, nearly all the time would go into polls that find nothing.
        """
        news = self._world.take_news()
        for source, fence in self._sources:
            if source.name in news:
                sources.read_to_the_end(self._runtime, source, fence, threading.Event())
