"""The whole loop in one thread, in a fixed order: for tests and replays that must come out the same each time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from threading import Event

from cxsdk.app import CX, Opened
from cxsdk.domain.clock import Clock, ManualClock
from cxsdk.hooks import Hooks
from cxsdk.journeys import sources
from cxsdk.journeys.lanes import work
from cxsdk.journeys.runtime import Runtime
from cxsdk.journeys.sweep import sweep
from cxsdk.store import accounts, schema
from cxsdk.store.work import next_due
from cxsdk.testing.context import held_open

#: More rounds than this without an end mean that something is owed for ever.
ROUNDS = 500


class InlineDoorbell:
    """Keeps the rings in a queue until ``settle`` works them off."""

    def __init__(self) -> None:
        self.lanes: deque[str] = deque()

    def ring(self, lanes: Iterable[str]) -> None:
        """Puts lanes into the queue, each once."""
        self.lanes.extend(lane for lane in lanes if lane not in self.lanes)

    def taken_up(self, lane: str) -> None:
        """Nothing to do: a lane leaves the queue when it is worked on."""


class Installation:
    """An opened installation whose work is done when ``settle`` is called."""

    def __init__(self, opened: Opened, doorbell: InlineDoorbell) -> None:
        self.opened = opened
        self.runtime: Runtime = opened.runtime
        self._doorbell = doorbell

    def settle(self, *, read: bool = True) -> None:
        """Does all that is owed now, and reads every source to its end, until nothing is left to do."""
        for _ in range(ROUNDS):
            if read:
                self._read_sources()
            if not (self._doorbell.lanes or sweep(self.runtime)):
                return
            while self._doorbell.lanes:
                work(self.runtime, self._doorbell.lanes.popleft())
        raise RuntimeError("There is always something owed: a row neither ends nor waits.")

    def move_to(self, moment: datetime) -> None:
        """Moves the clock on and does what has become due."""
        clock = self.runtime.clock
        if not isinstance(clock, ManualClock):
            raise TypeError("only an installation with a ManualClock can be moved in time")
        clock.move_to(moment)
        self.settle()

    def pass_to(self, moment: datetime) -> None:
        """Lets time pass until this moment: whatever becomes due on the way is done when it is due."""
        while (due := self._next_due()) is not None and due <= moment:
            self.move_to(max(due, self.runtime.clock.now()))
        self.move_to(moment)

    def _next_due(self) -> datetime | None:
        with self.runtime.store.read() as tx:
            pauses = accounts.next_release(tx, self.runtime.clock.now())
            moments = [m for m in (next_due(tx), pauses) if m is not None and m > self.runtime.clock.now()]
        return min(moments, default=None)

    def _read_sources(self) -> None:
        for source in sources.sources_of(self.runtime):
            fence = sources.acquire(self.runtime, source, "inline")
            if fence is not None:
                sources.read_to_the_end(self.runtime, source, fence, Event())


@contextmanager
def installed(cx: CX, *, clock: Clock | None = None, hooks: Hooks | None = None) -> Iterator[Installation]:
    """An installation with its schema made, opened, and closed at the end."""
    with closing(cx.store()) as store:
        schema.upgrade(store)
    doorbell = InlineDoorbell()
    with held_open(cx.accounts()), cx.open(lambda _: doorbell, clock=clock, hooks=hooks) as opened:
        yield Installation(opened, doorbell)
