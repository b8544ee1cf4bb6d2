"""What goes wrong on a day: drawn from the seed, at every boundary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from cxsdk.domain.outward import Receipt
from cxsdk.errors import AuthenticationError, OutcomeUnknown, RateLimited, StoreUnavailable, Transient
from cxsdk.testing.crm import Act, cut, failing, limited, lost
from cxsdk.testing.simulation.boundaries import Killed, Place, Trap
from cxsdk.testing.simulation.line import Line, Turn

if TYPE_CHECKING:
    from cxsdk.testing.simulation.company import Company

#: Ways in which one call goes wrong.
TURNS: Mapping[str, Callable[[Random], Act]] = {
    "limit": lambda rng: limited(rng.choice((None, 1, 30, 3600))),
    "busy": lambda rng: failing(Transient("503", retry_after=rng.choice((None, 20)))),
    "error before": lambda _: failing(OutcomeUnknown("500")),
    "error after": lambda _: lost(),
    "refused connection": lambda _: failing(ConnectionRefusedError()),
    "timeout before": lambda _: Turn(OutcomeUnknown("timeout"), stores=0, receipts=0, seconds=20),
    "timeout after": lambda _: Turn(TimeoutError(), receipts=0, seconds=20),
    "credentials": lambda _: failing(AuthenticationError("expired")),
    "bug": lambda _: lost(KeyError("id")),
    "some, then reset": lambda rng: cut(rng.randint(0, 2), OutcomeUnknown("reset"), stores=rng.randint(2, 4)),
    "some, then limit": lambda rng: cut(rng.randint(0, 3), RateLimited(retry_after=5)),
    "no receipts": lambda _: Act(receipts=0),
    "garbage": lambda rng: Act(receipts=rng.randint(0, 2), surplus=("ok",)),
    "not now": lambda _: Turn(says=Receipt.deferred("greylisted")),
    "perhaps": lambda _: Turn(says=Receipt.unknown("no answer from the next server")),
}
_ACTORS = ("worker", "worker", "web", "clock")
_WITHIN = (Place.BEGIN, Place.COMMIT, Place.RING, Place.COMMITTED)
#: How often a worker is killed at each of the places.
_KILLS = (1, 2, 2, 1, 2, 4)
_LINES = {"crm": 3, "mailbox": 2, "office": 1}
#: For how long nothing gets through, in minutes.
_SPELLS = (2, 30, 200, 700)


@dataclass(frozen=True)
class _Illness:
    name: str
    error: Exception


_ILLNESSES = (
    _Illness("is down", ConnectionRefusedError()),
    _Illness("answers 500", OutcomeUnknown("500")),
    _Illness("answers 503", Transient("503")),
    _Illness("refuses the credentials", AuthenticationError("expired")),
    _Illness("is over a limit", RateLimited("429")),
)


class Troubles:
    """Draws them, and counts those that had an effect."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._scene, self._rng = company.scene, company.scene.rng
        self.today = 0
        self._kinds: dict[Callable[[], None], int] = {
            self._kill_worker: 22, self._stop_worker: 12, self._refuse_commit: 8, self._lose_commit: 8,
            self._kill_web: 6, self._call_goes_wrong: 34, self._vendor_is_ill: 10, self._rings_are_lost: 6,
            self._rings_are_doubled: 3, self._clock_is_away: 4, self._workers_are_away: 4, self._database_is_away: 4,
            self._kill_clock: 4, self._pages_come_again: 5, self._poison: 3, self._storm: 3, self._conflict: 2,
        }  # fmt: skip
        for line in company.lines.values():
            line.met = partial(self._had_effect, "a call went wrong")

    def plan_day(self, until: datetime) -> None:
        """Puts the day's troubles onto the agenda; what is left over from yesterday may still happen."""
        self.today = 0
        for _ in range(self._rng.randint(3, 5) * self._company.scenario.roughness):
            self._scene.plan(self._scene.now + self._rng.random() * (until - self._scene.now), self._happen)

    def top_up(self, least: int) -> None:
        """Sees to it that so many happened today."""
        while self.today < least:
            self._rings_are_lost()

    def end(self) -> None:
        """From now on all goes well."""
        company = self._company
        company.boundaries.traps.clear()
        company.store.is_away = company.bell.loses = company.bell.doubles = False
        company.clock_is_away = company.workers_are_away = False
        for line in company.lines.values():
            line.turns.clear()
            line.illness = None
        self._scene.note("all is well")

    def _happen(self) -> None:
        kinds, weights = list(self._kinds), list(self._kinds.values())
        self._rng.choices(kinds, weights)[0]()

    def _had_effect(self, kind: str, about: str = "") -> None:
        self.today += 1
        self._scene.note(f"TROUBLE {kind} {about}".rstrip())

    # Processes

    def _trap(self, kind: str, actor: str, place: Place, effect: Callable[[], None], *, lane: str = "") -> None:
        def spring() -> None:
            self._had_effect(kind, f"at {place}")
            effect()

        trap = Trap(kind, actor, lane, place, self._rng.choice((1, 1, 2, 3, 5)), spring)
        self._company.boundaries.traps.append(trap)

    def _some_lane(self, place: Place) -> str:
        """A lane whose workers come by this place."""
        lanes = ["", "outbox:crm:", "outbox:mailbox:", "outbox:office:"]
        lanes += [] if place in (Place.CALL, Place.STORED) else ["inbox:", "due:"]
        return self._rng.choice(lanes)

    def _kill_worker(self) -> None:
        """Mostly between what a vendor did and its answer: that is where things are doubled."""
        place = self._rng.choices(list(Place), _KILLS)[0]
        self._trap("a worker was killed", "worker", place, _die, lane=self._some_lane(place))

    def _kill_web(self) -> None:
        self._trap("a web process was killed", "web", self._rng.choice((Place.COMMIT, Place.RING)), _die)

    def _kill_clock(self) -> None:
        self._trap("a clock was killed", "clock", self._rng.choice(_WITHIN), _die)

    def _stop_worker(self) -> None:
        """Only ``upsert`` withstands a process that is stopped in a call, before the vendor has done what it asks."""
        places = [Place.BEGIN, Place.RING, Place.COMMITTED, Place.STORED]
        places += [Place.CALL] if self._company.scenario.withstands_stops else []
        wakes = partial(self._company.go_on_elsewhere, self._rng.choice((15, 31, 45, 300, 4000)))
        place = self._rng.choice(places)
        self._trap("a worker was stopped", "worker", place, wakes, lane=self._some_lane(place))

    def _refuse_commit(self) -> None:
        actor, place = self._rng.choice(_ACTORS), self._rng.choice((Place.BEGIN, Place.COMMIT))
        self._trap("a commit was refused", actor, place, _unavailable)

    def _lose_commit(self) -> None:
        self._trap("a commit's answer was lost", self._rng.choice(_ACTORS), Place.RING, _unavailable)

    # Vendors

    def _some_line(self) -> Line:
        accounts = self._rng.choices(list(_LINES), list(_LINES.values()))
        return self._company.lines[accounts[0]]

    def _call_goes_wrong(self) -> None:
        names = sorted(TURNS)
        line = self._some_line()
        for _ in range(self._rng.choice((1, 1, 2, 3))):
            line.turns.append(TURNS[self._rng.choice(names)](self._rng))

    def _vendor_is_ill(self) -> None:
        line, illness = self._some_line(), self._rng.choice(_ILLNESSES)
        self._spell(f"{line.account} {illness.name}", partial(setattr, line, "illness"), illness.error, None)

    def _spell(self, kind: str, put: Callable[[Any], None], on: Any, off: Any) -> None:
        self._had_effect(kind)
        put(on)
        minutes = self._rng.choice(_SPELLS)
        self._scene.plan_in(minutes / 2, minutes, partial(put, off))

    # Everything between

    def _rings_are_lost(self) -> None:
        self._company.bell.lanes.clear()
        self._spell("rings are lost", partial(setattr, self._company.bell, "loses"), True, False)

    def _rings_are_doubled(self) -> None:
        self._spell("rings are doubled", partial(setattr, self._company.bell, "doubles"), True, False)

    def _clock_is_away(self) -> None:
        self._spell("the clock is away", partial(setattr, self._company, "clock_is_away"), True, False)

    def _workers_are_away(self) -> None:
        self._spell("the workers are away", partial(setattr, self._company, "workers_are_away"), True, False)

    def _database_is_away(self) -> None:
        self._spell("the database is away", partial(setattr, self._company.store, "is_away"), True, False)

    def _pages_come_again(self) -> None:
        self._had_effect("pages come again")
        self._company.mailbox.repeat(self._rng.choice((3, 12, 100_000)))
        self._company.crm.repeat(self._rng.choice((3, 12, 100_000)))

    def _poison(self) -> None:
        id, account = f"poison-{self._scene.number()}", self._rng.choice(("office", "mailbox"))
        body = self._rng.choice((b"{", b'{"fact": "Nonsense"}', b'{"fact": "InteractionFact", "key": ""}', b"\xff\xfe"))
        self._company.truth.poison.add(id)
        self._company.gateway.webhook(account, body, id, partial(self._had_effect, "a record is no record", id))

    def _storm(self) -> None:
        """What was brought lately comes again, all at once."""
        brought = self._company.gateway.brought
        some = self._rng.sample(brought, min(len(brought), self._rng.randint(3, 25)))
        if some:
            self._had_effect("old records come again", str(len(some)))
            self._company.gateway.again(some)

    def _conflict(self) -> None:
        """Something else comes under an id that is known."""
        brought = [arrival for arrival in self._company.gateway.brought if arrival.raw.id.startswith("message-")]
        if brought:
            one = self._rng.choice(brought)
            self._had_effect("an id is used twice", one.raw.id)
            other = one.raw.model_copy(update={"body": one.raw.body.replace(b"hello", b"good day") + b" "})
            self._company.gateway.again([type(one)(one.account, other)])


def _die() -> None:
    raise Killed


def _unavailable() -> None:
    raise StoreUnavailable("The connection to the database was lost.")
