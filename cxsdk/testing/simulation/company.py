"""The company: the real installation, all its processes in one thread, and its vendors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from threading import Event

from cxsdk.domain.outward import Message
from cxsdk.domain.secret import Secret
from cxsdk.errors import CxsdkError, StoreUnavailable
from cxsdk.hooks import Hooks
from cxsdk.hooks.loading import load
from cxsdk.journeys import replaying, sources
from cxsdk.journeys.housekeeping import purge_raw
from cxsdk.journeys.lanes import work
from cxsdk.journeys.runtime import Runtime
from cxsdk.journeys.sources import Source
from cxsdk.journeys.sweep import sweep
from cxsdk.testing.simulation.boundaries import Boundaries, Killed, Piece
from cxsdk.testing.simulation.channels import Forms, Mailbox, Office, promising
from cxsdk.testing.simulation.crm import Books, SimulatedCRM
from cxsdk.testing.simulation.database import UnreliableStore, installation
from cxsdk.testing.simulation.doorbell import UnreliableDoorbell
from cxsdk.testing.simulation.gateway import Gateway
from cxsdk.testing.simulation.line import Line
from cxsdk.testing.simulation.listener import Listener
from cxsdk.testing.simulation.manners import Manners
from cxsdk.testing.simulation.respondents import Respondents
from cxsdk.testing.simulation.scenario import Scenario
from cxsdk.testing.simulation.scene import Act, Scene
from cxsdk.testing.simulation.staff import Staff
from cxsdk.testing.simulation.truth import Truth
from cxsdk.testing.simulation.world import World

#: What is still to be done.
_OWED = (
    "SELECT lane FROM inbox WHERE state = 'owed'",
    "SELECT lane FROM outbox WHERE state IN ('owed', 'waiting')",
    "SELECT lane FROM due WHERE state = 'owed'",
)
#: While one worker is stopped others work, one of whom may be stopped as well.
_STOPPED_AT_ONCE = 2


class Company:
    """Everything inside, and the vendors; ``opened`` makes one."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.scenario = scene, Scenario.drawn(scene.rng)
        self.truth, self.boundaries = Truth(), Boundaries(scene.clock)
        self.store = UnreliableStore(scene.clock, self.boundaries)
        self.bell = UnreliableDoorbell(scene.rng, self.boundaries)
        self.listener = Listener(scene)
        self.lines = {name: Line(scene, self.boundaries, name) for name in ("crm", "mailbox", "office")}
        self.clock_is_away = self.workers_are_away = False
        self._make_vendors()
        self._items: list[Act] = []
        self._holder = 1

    def _make_vendors(self) -> None:
        plan = self.scenario
        self.books = Books(self.scene, is_upsert=plan.duplicates == "upsert", page_size=plan.batch_size)
        promises = {"batch_size": plan.batch_size, "lookup_lag": plan.lag, "updates_entries": plan.updates_entries}
        self.crm: SimulatedCRM = promising(SimulatedCRM, "crm", plan.duplicates, **promises)
        self.crm.connect(self.scene, self.books, self.lines["crm"])
        self.mailbox: Mailbox = promising(Mailbox, "mailbox", plan.mail_duplicates, lookup_lag=plan.lag)
        self.office = Office()

    @classmethod
    @contextmanager
    def opened(cls, scene: Scene) -> Iterator[Company]:
        """A company at work, between opening and closing."""
        company = cls(scene)
        with ExitStack() as stack:
            stack.enter_context(company._open())
            yield company

    @contextmanager
    def _open(self) -> Iterator[None]:
        plan, scene = self.scenario, self.scene
        cx = installation(
            self.store, crm=self.crm, channels=[self.mailbox, self.office], survey_providers=[Forms()],
            surveys=plan.surveys, budgets=plan.budgets, keep_raw=plan.keep_raw, company="Sample",
            signing_key=Secret("sample-sample-sample"),
        )  # fmt: skip
        hooks = Hooks(*load([("listener", self.listener)] if plan.listens else [], found=()))
        with cx.open(lambda _: self.bell, clock=scene.clock, hooks=hooks) as opened:
            self.runtime: Runtime = replace(
                opened.runtime, stopwatch=self._stopwatch, sleep=self._sleep, chance=scene.rng
            )
            self.sources = sources.sources_of(self.runtime)
            self.gateway = Gateway(scene, self.boundaries, self.runtime)
            self.world = World(scene, self.truth, self.gateway, self.mailbox)
            self.staff = Staff(self.world, self.books)
            manners = Manners(scene, self.truth, self.store, plan.budgets)
            self.respondents = Respondents(self.world, manners, self.boundaries)
            for channel in (self.mailbox, self.office):
                channel.connect(scene, self.lines[channel.name], self._deliverer(channel))
            yield

    def _deliverer(self, channel: Mailbox | Office) -> Callable[[Message, str], None]:
        return partial(self.respondents.get, channel.name, str(channel.reaches))

    def _stopwatch(self) -> float:
        return self.scene.now.timestamp()

    def _sleep(self, seconds: float) -> None:
        self.scene.clock.advance(timedelta(seconds=seconds))

    # Time passes

    def act(self) -> None:
        """Everybody does what is to be done now, in an order that the seed decides, until nothing is left."""
        self._items += self.scene.take()
        self.scene.rng.shuffle(self._items)
        self._sweep()
        self._work_off()
        if self._read_news():
            self._work_off()
        self._understand()

    def _work_off(self) -> None:
        rng = self.scene.rng
        while self._items or (self.bell.lanes and not self.workers_are_away):
            is_busy = self.bell.lanes and not self.workers_are_away
            if self._items and (not is_busy or rng.random() < 0.6):
                for _ in range(min(len(self._items), rng.choices((2, 20, 200), (1, 2, 7))[0])):
                    self._items.pop()()
                self.gateway.answer()
            else:
                self._work(self.bell.take())

    def _work(self, lane: str) -> None:
        piece = self.boundaries.enter("worker", lane)
        try:
            work(self.runtime, lane)
        except Killed:
            self.scene.note(f"killed while it worked on {lane}")
        finally:
            self.boundaries.leave()
        if piece.is_troubled:
            self._excuse(piece)

    def _excuse(self, piece: Piece) -> None:
        """Only a CRM that knows no key again, and cannot be searched, may get what was in doubt once more."""
        if self.scenario.duplicates == "none":
            self.books.excused.update(piece.made)

    def go_on_elsewhere(self, seconds: float) -> None:
        """Whoever is at work is stopped for so long; the others go on."""
        self._excuse(self.boundaries.pieces[-1])
        self.scene.clock.advance(timedelta(seconds=seconds))
        if len(self.boundaries.pieces) <= _STOPPED_AT_ONCE:
            self._sweep()
            self._work_off()
        self.scene.note("goes on")

    # The clock's process

    def _sweep(self) -> None:
        if self.clock_is_away:
            return
        self.boundaries.enter("clock")
        try:
            sweep(self.runtime)
        except (StoreUnavailable, Killed) as error:
            self.scene.note(f"the sweep ended: {type(error).__name__}")
        finally:
            self.boundaries.leave()

    def _read_news(self) -> bool:
        """Reads what is new; tells whether there was anything."""
        unread = [source for source in self.sources if self._unread(source)] if not self.clock_is_away else []
        for source in unread:
            self._read(source)
        return bool(unread)

    def _unread(self, source: Source) -> bool:
        there = self.mailbox.letters if source.account == "mailbox" else len(self.books.changes)
        return self._cursor(source) < there

    def _cursor(self, source: Source) -> int:
        rows = self.store.look("SELECT cursor FROM cursors WHERE account = ?", source.account)
        return int(rows[0][0] or 0) if rows else 0

    def _read(self, source: Source) -> None:
        self.boundaries.enter("clock")
        try:
            fence = sources.acquire(self.runtime, source, f"clock-{self._holder}")
            if fence is not None:
                sources.read_to_the_end(self.runtime, source, fence, Event())
                sources.release(self.runtime, source, fence)
        except Killed:
            self._holder += 1
            self.scene.note(f"killed while it read {source.account}")
        except (CxsdkError, sources.TakenOver) as error:
            self.scene.note(f"reading {source.account} ended: {type(error).__name__}")
        finally:
            self.boundaries.leave()

    def tidy(self) -> None:
        """What is done once a day: old records are forgotten; some are replayed."""
        self.boundaries.enter("clock")
        try:
            purge_raw(self.runtime, self.scenario.keep_raw)
            if self.scene.rng.random() < 0.05:
                since = self.scene.now - timedelta(hours=6)
                parts = replaying.replay(self.runtime, replaying.replayable(self.runtime), since)
                self.scene.note(f"replay of {sum(part.records for part in parts)} records")
        except (StoreUnavailable, Killed) as error:
            self.scene.note(f"tidying ended: {type(error).__name__}")
        finally:
            self.boundaries.leave()

    def _understand(self) -> None:
        """Where nothing waits to be understood, everything told so far must be heeded."""
        if not self.truth.has_news() or self.store.look("SELECT 1 FROM inbox WHERE state = 'owed' LIMIT 1"):
            return
        if not any(self._unread(source) for source in self.sources):
            self.truth.everything_is_understood(self.scene.now)

    def owed(self) -> dict[str, int]:
        """How much is still to be done, lane by lane."""
        return dict(Counter(lane for query in _OWED for (lane,) in self.store.look(query)))
