"""An installation and all that is outside of it: who sends, what must come of it, and whether it did."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import requests
from sqlalchemy import create_engine, text

from tests.crash.asking import ask
from tests.crash.deployment import APP, PATIENCE_S, Deployment, NotReached, Place
from tests.crash.vendor import ODD, Row, Vendor, open_for_business
from tests.servers.oauth import Provider, granting

#: As configured: how long a claim lasts, and how often the clock sweeps, in seconds.
LEASE_S, SWEEP_S = 1.0, 1.0
#: How long the work itself may take on a busy machine, beyond lease, sweep and start, in seconds.
WORK_S = 15.0

#: What is still to be done. A look that was claimed comes back when the lease ends; others are minutes or days away.
_UNDONE = """
SELECT 'inbox', id, lane, state FROM inbox WHERE state NOT IN ('done', 'dead', 'cancelled')
UNION ALL
SELECT 'outbox', id, lane, state FROM outbox
WHERE state NOT IN ('done', 'dead', 'unknown', 'cancelled') OR (state = 'done' AND marked_at IS NOT NULL)
UNION ALL SELECT 'due', id, lane, state FROM due WHERE state = 'owed' AND next_at <= {soon}
"""
_ASIDE = """
SELECT 'inbox', id, reason FROM inbox WHERE state = 'dead'
UNION ALL SELECT 'outbox', id, reason FROM outbox WHERE state IN ('dead', 'unknown')
UNION ALL SELECT 'due', id, reason FROM due WHERE state = 'dead'
"""


class Lost(AssertionError):
    """Something that was acknowledged did not get where it belongs."""


class Doubled(AssertionError):
    """Something is at the vendor more often than it should be."""


class World:
    """Whoever waits here watches over the processes."""

    def __init__(self, processes: Deployment, vendor: Vendor, provider: Provider) -> None:
        self.processes = processes
        self.vendor = vendor
        self.provider = provider  #: who grants access by OAuth
        self.unwanted: set[str] = set()  #: what must never be at the vendor
        self.reaching_s = self.settling_s = PATIENCE_S  #: how long the point, and then the work, is waited for
        self._expected: Counter[str] = Counter()
        self._people = 0
        self._engine = create_engine(processes.place.database)

    def close(self) -> None:
        """Ends all processes."""
        self.processes.stop_all()
        self._engine.dispose()

    def somebody(self) -> str:
        """A customer whom nobody knows yet."""
        self._people += 1
        return f"n{self._people}"

    # What providers, customers and operators do

    def post(self, fact: str, **fields: Any) -> None:
        """Brings an event, the very same each time, until it is acknowledged."""
        event = {"fact": fact, "at": time.time(), **fields}
        self.until(lambda: self._try_to_post(event), "an acknowledgement")

    def post_together(self, fact: str, *events: Mapping[str, Any]) -> None:
        """Brings many events in the same moment, and those again that were not acknowledged."""
        left = [{"fact": fact, **event} for event in events]

        def try_all() -> bool:
            taken = list(pool.map(self._try_to_post, left))
            left[:] = [event for event, is_taken in zip(left, taken, strict=True) if not is_taken]
            return not left

        with ThreadPoolExecutor(len(left)) as pool:
            self.until(try_all, "all acknowledgements")

    def _try_to_post(self, event: Mapping[str, Any]) -> bool:
        return self._ask(f"{self.processes.url}/webhooks/line", json=event) == 202

    def answer(self, link: str, **form: str) -> None:
        """Answers on the survey's page until that is acknowledged."""
        self.until(lambda: self._ask(link, data=form) == 303, "an acknowledged answer")

    def _ask(self, url: str, **body: Any) -> int:
        try:
            return ask("POST", url, **body).status_code
        except requests.RequestException:
            return 0

    def rows(self, query: str, **values: Any) -> list[Any]:
        """Rows of the installation's database."""
        with self._engine.connect() as connection:
            return list(connection.execute(text(query), values))

    def change(self, statement: str, **values: Any) -> None:
        """Changes rows of the installation's database by hand."""
        with self._engine.begin() as connection:
            connection.execute(text(statement), values)

    # What must be so

    def expect(self, *things: str) -> None:
        """Each of these must be at the vendor in the end, once for each time that it was expected."""
        self._expected.update(things)

    def until(self, look: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
        """Waits until there is something. Raises Lost where it does not come."""
        end = time.monotonic() + patience_s
        while True:
            self.processes.tend()
            if found := look():
                return found
            if time.monotonic() > end:
                raise Lost(f"{what} did not come: {self._told()}")
            time.sleep(0.05)

    def settle(self) -> None:
        """Waits until all is done that was acknowledged."""
        self.until(lambda: not self._missing() and not self._undone(), "everything acknowledged", self.settling_s)

    def recover(self) -> None:
        """Waits until the process was killed at its point, and until all is done then, no longer than promised."""
        armed = self.processes.armed
        assert armed is not None
        try:
            killed_at = self.until(lambda: armed.killed_at, "the point", self.reaching_s)
        except Lost as error:
            raise NotReached(f"{armed.point} was not passed: {error}") from None
        ready_at = self.until(lambda: armed.ready_at, f"{armed.role} after it was killed")
        self.settle()
        took, start_s = time.monotonic() - killed_at, ready_at - killed_at
        promised = LEASE_S + SWEEP_S + start_s + WORK_S
        if not self._has_rested():  # a vendor that is too slow for us, as on a busy machine, is not our delay
            assert took <= promised, f"{armed.point}: it took {took:.1f} s, promised were {promised:.1f} s."
        self.processes.armed = None

    def check(self) -> None:
        """Everything that was expected is at the vendor, nothing more often, and nothing was set aside."""
        if missing := self._missing():
            raise Lost(f"{sorted(missing)} is not there.")
        if doubled := {what: times for what, times in self.vendor.counted().items() if times > self._allowed(what)}:
            raise Doubled(f"{doubled}: more often than expected.")
        assert not self.vendor.problems
        assert not self.aside()
        assert not self._unheard()

    def aside(self) -> list[Any]:
        """What was set aside: table, id, reason."""
        return self.rows(_ASIDE)

    def aside_names(self) -> list[str]:
        """The same, as commands call it."""
        return [f"{table}:{id}" for table, id, _ in self.aside()]

    def _missing(self) -> Counter[str]:
        return self._expected - self.vendor.counted()

    def _allowed(self, what: str) -> int:
        return 0 if what in self.unwanted else max(1, self._expected[what])

    def _unheard(self) -> list[Row]:
        """Contacts that were logged, and of which no plugin heard."""
        logged = [row for row in self.vendor.rows if " entry " in row.what and not row.what.endswith(ODD)]
        return [row for row in logged if not self.vendor.told[f"logged {row.id}"]]

    def _undone(self) -> list[Any]:
        is_sqlite = self._engine.dialect.name == "sqlite"
        soon = f"{time.time_ns() // 1000 + 10_000_000}" if is_sqlite else "now() + interval '10 seconds'"
        return self.rows(_UNDONE.format(soon=soon))

    def _has_rested(self) -> bool:
        return any("account_rests" in said for said in self.processes.said().values())

    def _told(self) -> str:
        logs = {role: said[-1500:] for role, said in self.processes.said().items()}
        return f"missing {dict(self._missing())}, undone {self._undone()}, aside {self.aside()}, logs {logs}"


@contextmanager
def opened(place: Place, *, duplicates: str = "upsert", bug: str = "") -> Iterator[World]:
    """A world with an upgraded database, and all processes running."""
    with ExitStack() as stack:
        vendor, url = stack.enter_context(open_for_business(keeps_keys=duplicates == "upsert"))
        provider = stack.enter_context(granting())
        processes = Deployment(place, url, provider.url, duplicates=duplicates, bug=bug)
        world = World(processes, vendor, provider)
        stack.callback(world.close)
        processes.command("db", "upgrade", APP)
        for role in processes.roles:
            processes.start(role)
        world.until(lambda: processes.is_listening, "the web")
        yield world
