"""The governor: the one place that knows how much of its limits an account has used, shared by all processes.

The meters are one row for each account. A worker takes the permits for a whole call together with its claim, in one
transaction; what the call used beyond them, and what its answers told of the limits, is settled with the next permits.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

import requests

from cxsdk.capabilities import Plugin
from cxsdk.domain.clock import SystemClock
from cxsdk.domain.limits import Usage
from cxsdk.observe import count as count_up
from cxsdk.observe import logger
from cxsdk.policy.limits import FAIR_TURN, ask, is_scarce, learn
from cxsdk.store import Store, Transaction, accounts
from cxsdk.store.outbox import OutKind, lane_of
from cxsdk.store.tables import outbox
from cxsdk.store.work import is_owed

#: Who goes first where permits are scarce.
URGENCY = (OutKind.TASK, OutKind.MESSAGE, OutKind.PERSON, OutKind.ENTRY)
#: How long somebody less urgent steps aside, in seconds.
ASIDE_S = 0.05
#: A worker waits for permits itself if they come within this, in seconds; for later ones the account rests.
PATIENCE_S = 1.0
#: How many workers of a process may wait at once: the others go on with what has no limits.
WAITERS = 4
#: How much a new count weighs in how many requests a call is expected to make.
_WEIGHT = 0.2


class NoPermit(Exception):
    """Not now. ``limit`` says which one is used up; none is where somebody more urgent goes first."""

    def __init__(self, wait_s: float, limit: str = "") -> None:
        super().__init__(wait_s, limit)
        self.wait_s = wait_s
        self.limit = limit


@dataclass
class _Tally:
    """What this process knows of an account and has not settled yet."""

    unpaid: float = 0.0
    told: dict[tuple[str, str], tuple[Usage, datetime]] = field(default_factory=dict)
    expected: dict[str, float] = field(default_factory=dict)


class Governor:
    """Hands out permits, and hears of every answer. Safe to use from many threads."""

    def __init__(self, store: Store, plugins: Mapping[str, Plugin]) -> None:
        self._store = store
        self._plugins = plugins
        self._tallies: defaultdict[str, _Tally] = defaultdict(_Tally)
        self._lock = threading.Lock()
        self._here = threading.local()
        self._turns, self._batches = count(1), count(1)
        self._waiting = threading.Semaphore(WAITERS)

    def listener(self, plugin: Plugin) -> Callable[[requests.Response | None, Exception | None], None]:
        """Hears of each request of this account: with its answer, or with the error that it ended in."""

        def told(answer: requests.Response | None, _: Exception | None) -> None:
            self._count(plugin.name)
            if answer is not None and plugin.limits:
                self._note(plugin, answer)

        return told

    def has_limits(self, account: str) -> bool:
        """Whether there is anything to ask for."""
        plugin = self._plugins.get(account)
        return plugin is not None and bool(plugin.limits)

    def permit(self, tx: Transaction, account: str, kind: str) -> float:
        """Takes the permits for one call of this kind, and tells how many requests they are for.

        Raises NoPermit, which must roll the transaction back; then nothing was taken.
        """
        plugin = self._plugins.get(account)
        if plugin is None or not plugin.limits:
            return 1.0
        now, tally = self._store.moment(tx), self._snapshot(plugin.name)
        meters = learn(plugin.limits, accounts.meters(self._store, tx, plugin.name), tally.told.values())
        expected = tally.expected.get(kind, 1.0)
        if is_scarce(plugin.limits, meters, now) and self._steps_aside(tx, plugin.name, kind):
            raise NoPermit(ASIDE_S)
        answer = ask(plugin.limits, meters, max(0.0, expected + tally.unpaid), now)
        if not answer.is_granted:
            count_up("permits_refused", account=plugin.name, limit=answer.limit)
            raise NoPermit(answer.wait, answer.limit)
        accounts.save_meters(self._store, tx, plugin.name, answer.meters)
        self._settled(plugin.name, tally)
        return expected

    def wait(self, refused: NoPermit) -> bool:
        """Waits until it is worth asking again; False where too many wait already, or time is not the machine's."""
        if not isinstance(self._store.clock, SystemClock) or not self._waiting.acquire(blocking=False):
            return False
        try:
            time.sleep(refused.wait_s)
        finally:
            self._waiting.release()
        return True

    def newest(self, limit: int) -> int:
        """How many of a batch come from the fresh end of its lane, so that a backlog does not hold up what is new."""
        return limit // FAIR_TURN if limit >= FAIR_TURN else int(next(self._batches) % FAIR_TURN == 0)

    @contextmanager
    def counting(self, account: str, kind: str, permitted: float) -> Iterator[None]:
        """Counts the requests that this thread makes, and owes those for which it had no permits."""
        self._here.requests = 0
        try:
            yield
        finally:
            # A plugin that does not use our session makes as many as we think
            made, self._here.requests = self._here.requests or permitted, None
            with self._lock:
                tally = self._tallies[account]
                tally.unpaid += made - permitted
                before = tally.expected.get(kind, float(made))
                tally.expected[kind] = before + _WEIGHT * (made - before)

    def _count(self, account: str) -> None:
        made = getattr(self._here, "requests", None)
        if made is not None:
            self._here.requests = made + 1
        else:  # beside any permit, as an acknowledgement is: settled with the next one
            with self._lock:
                self._tallies[account].unpaid += 1

    def _note(self, plugin: Plugin, answer: requests.Response) -> None:
        try:
            told = list(plugin.usage(answer))
        except Exception as error:  # noqa: BLE001 - a plugin's code: what became of the call matters more
            logger("cxsdk.governor").warning("usage_failed", account=plugin.name, kind=type(error).__name__)
            return
        now = self._store.clock.now()
        with self._lock:
            kept = self._tallies[plugin.name].told
            for usage in told:
                before, _ = kept.get((usage.limit, usage.key), (None, None))
                spent = (usage.spent or 0.0) + (before.spent or 0.0 if before else 0.0)
                kept[usage.limit, usage.key] = usage.model_copy(update={"spent": spent or None}), now

    def _steps_aside(self, tx: Transaction, account: str, kind: str) -> bool:
        """Whether somebody more urgent waits; now and then nobody steps aside, so that nobody starves."""
        urgent = URGENCY[: URGENCY.index(OutKind(kind))] if kind in URGENCY else ()
        if not urgent or next(self._turns) % FAIR_TURN == 0:
            return False
        return any(is_owed(self._store, tx, outbox, lane_of(account, each)) for each in urgent)

    def _snapshot(self, account: str) -> _Tally:
        with self._lock:
            tally = self._tallies[account]
            return _Tally(tally.unpaid, dict(tally.told), dict(tally.expected))

    def _settled(self, account: str, settled: _Tally) -> None:
        with self._lock:
            tally = self._tallies[account]
            tally.unpaid -= settled.unpaid
            tally.told = {key: told for key, told in tally.told.items() if settled.told.get(key) is not told}
