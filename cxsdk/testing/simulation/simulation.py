"""A simulation: so many days of the real journeys, with everything that can go wrong, in seconds."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from cxsdk.store import accounts
from cxsdk.store.work import next_due
from cxsdk.testing.simulation.company import Company
from cxsdk.testing.simulation.report import Report
from cxsdk.testing.simulation.scene import START, Scene
from cxsdk.testing.simulation.troubles import Troubles
from cxsdk.testing.simulation.verdict import Verdict

#: At least so many troubles have an effect on each day.
LEAST_TROUBLES = 3
#: So many lines of the history are shown where something was wrong.
SHOWN = 40
#: When all is well, everything must be over after so many looks.
_PATIENCE = 700
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


class Violation(AssertionError):
    """Something happened that must never happen. The message tells how to see it again."""


class Simulation:
    """The real journeys on a virtual clock and SQLite in memory, with troubles at every boundary.

    The same seed gives the same history, byte for byte, in every process: a seed that fails is a bug report::

        print(Simulation(seed=1).run(days=30))

    A history belongs to the code that made it: after a change of cxsdk, the same seed may go another way.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        #: What happened, one line each.
        self.history: list[bytes] = []

    def run(self, *, days: int) -> Report:
        """Simulates so many days, and the time until all is over. Raises Violation, an AssertionError."""
        scene, report = Scene(self.seed), Report(self.seed, days)
        self.history = scene.history
        with _quiet(), report.timed(), Company.opened(scene) as company:
            scene.note(repr(company.scenario))
            run = _Run(scene, company, report)
            try:
                run.days()
                run.until_all_is_over()
                Verdict(company).give()
                run.check()
                scene.note(f"the database is {_digest(company)}")
            except _Found:
                raise Violation(self._told(scene, days)) from None
        return report

    def _told(self, scene: Scene, days: int) -> str:
        last = "\n".join(line.decode() for line in scene.history[-SHOWN:])
        return (
            f"seed {self.seed}, day {(scene.now - START).days + 1}: {'; '.join(scene.violations[:5])}\n"
            f"See it again: python -m cxsdk.testing.simulation --seed {self.seed} --days {days}\n{last}"
        )


class _Found(Exception):
    """Something is wrong."""


class _Run:
    """One run of a simulation, step by step."""

    def __init__(self, scene: Scene, company: Company, report: Report) -> None:
        self._scene, self._company, self._report = scene, company, report
        self._troubles = Troubles(company)

    def check(self) -> None:
        """Ends the run where something is wrong."""
        if self._scene.violations:
            raise _Found

    def days(self) -> None:
        """All days, one after the other."""
        for number in range(self._report.days):
            self._scene.clock.move_to(START + number * _DAY)
            self._scene.note(f"day {number + 1}")
            self._day(self._scene.now)

    def _day(self, midnight: datetime) -> None:
        world = self._company.world
        moments = self._moments(midnight)
        world.plan_day(moments[-1])
        self._troubles.plan_day(moments[-1])
        for moment in moments:
            self._step_to(moment)
        self._company.tidy()
        self._tidy_people()
        self._scene.clock.move_to(midnight + _DAY - _HOUR)
        self._troubles.top_up(LEAST_TROUBLES)
        self._report.add_day(**world.done, troubles=self._troubles.today)

    def _moments(self, midnight: datetime) -> list[datetime]:
        """When everybody does what has come up since the last time: what happens together is worked off together."""
        rng = self._scene.rng
        looks = rng.choices((1, 2, 6), (75, 20, 5))[0]
        hours = [rng.uniform(7.5, 22.5) for _ in range(looks)] + ([rng.uniform(1, 6)] if rng.random() < 0.1 else [])
        return [midnight + hour * _HOUR for hour in sorted(hours)]

    def _step_to(self, moment: datetime) -> None:
        """Where something went wrong, what becomes of it is seen in smaller steps."""
        rng, before = self._scene.rng, self._troubles.today
        self._scene.clock.move_to(moment)
        self._step()
        if self._troubles.today > before and rng.random() < 0.3:
            for _ in range(rng.randint(1, 2)):
                self._scene.clock.advance(timedelta(seconds=rng.choice((1, 5, 31, 45, 70))))
                self._step()

    def _step(self) -> None:
        self._company.act()
        self.check()

    def _tidy_people(self) -> None:
        rng, staff = self._scene.rng, self._company.staff
        if rng.random() < 0.3:
            staff.merge_two()
        if rng.random() < 0.12:
            staff.erase_one()

    def until_all_is_over(self) -> None:
        """All goes well from now on, and time passes until nobody owes anybody anything."""
        self._troubles.end()
        ended_at = self._scene.now
        for _ in range(_PATIENCE):
            self._step()
            moment = self._next()
            if moment is None:
                return
            self._scene.clock.move_to(max(moment, self._scene.now + _hop(self._scene.now - ended_at)))
        self._scene.violated(f"something is owed for ever: {self._company.owed()}")

    def _next(self) -> datetime | None:
        """When there is something to do again."""
        with self._company.runtime.store.read() as tx:
            moments = [next_due(tx), accounts.next_release(tx, self._scene.now), self._scene.next_at]
        return min((moment for moment in moments if moment is not None), default=None)


def _hop(passed: timedelta) -> timedelta:
    """Longer and longer steps: at first minutes, after some days a day and an hour."""
    if passed < 6 * _HOUR:
        return timedelta(minutes=20)
    return 4 * _HOUR if passed < 4 * _DAY else _DAY + _HOUR


def _digest(company: Company) -> str:
    """A hash of all rows of all tables."""
    digest = hashlib.sha256()
    for (table,) in company.store.look("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"):
        for row in company.store.look(f'SELECT * FROM "{table}" ORDER BY rowid'):  # noqa: S608 - our own tables
            digest.update(repr(row).encode())
    return digest.hexdigest()


@contextmanager
def _quiet() -> Iterator[None]:
    """What goes wrong on purpose is logged nowhere."""
    log = logging.getLogger("cxsdk")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)
