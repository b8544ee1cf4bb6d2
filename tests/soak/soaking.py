"""One soak of one side: load and troubles, then all is well again, then the verdict."""

from __future__ import annotations

import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.crash.asking import ask
from tests.servers.process import listens
from tests.soak import ledger
from tests.soak.plan import GO_ON, KILL, OK, STOP, Trouble, plan
from tests.soak.processes import Supervisor
from tests.soak.sender import Sender
from tests.soak.sides import Side
from tests.soak.verdict import Verdict, judge

#: How long all processes may take to start, and how long what is owed may take once all is well, in seconds.
START_S, DRAIN_S = 60.0, 90.0
_SIGNALS = {KILL: signal.SIGKILL, STOP: signal.SIGSTOP, GO_ON: signal.SIGCONT}


@dataclass(frozen=True)
class Report:
    """The verdict on a side, and what it had to bear."""

    side: str
    seed: int
    duration_s: float
    verdict: Verdict
    kills: int
    stops: int
    moods: dict[str, int]  #: calls of the CRMs that were answered in each
    drained_s: float  #: how long it took once all was well

    def line(self) -> dict[str, object]:
        """The report as the object of a JSON line."""
        told = asdict(self)
        verdict = told.pop("verdict")
        counted = {name: len(verdict[name]) for name in ("lost", "doubled")}
        return {"side": told.pop("side"), **verdict, **counted, **told}


def soak(side: type[Side], *, duration_s: float, seed: int, per_second: float, folder: Path) -> Report:
    """Soaks a side; each account gets so many contacts a second."""
    with ExitStack() as stack:
        supervisor = Supervisor()
        stack.callback(supervisor.end)
        return _Soak(side(folder, supervisor), supervisor, per_second).run(seed, duration_s)


class _Soak:
    def __init__(self, side: Side, supervisor: Supervisor, per_second: float) -> None:
        self._side = side
        self._supervisor = supervisor
        self._senders = {account.name: Sender(account.webhooks, per_second) for account in side.accounts}
        self._crms = {account.name: account.crm for account in side.accounts}
        self._done: Counter[str] = Counter()

    def run(self, seed: int, duration_s: float) -> Report:
        if not self._comes_true(self._is_ready, START_S):
            raise RuntimeError(f"{self._side.name} did not start within {START_S:.0f} s; --logs tells more.")
        troubles = plan(seed, duration_s, self._side.roles, list(self._crms), self._side.steady)
        self._load(troubles, duration_s)
        drained_s = self._drain()
        return Report(
            side=self._side.name,
            seed=seed,
            duration_s=duration_s,
            verdict=self._verdict(),
            kills=self._done[KILL],
            stops=self._done[STOP],
            moods=self._moods(),
            drained_s=round(drained_s, 1),
        )

    def _load(self, troubles: list[Trouble], duration_s: float) -> None:
        for sender in self._senders.values():
            sender.start()
        began, left = time.monotonic(), list(troubles)
        while (passed := time.monotonic() - began) < duration_s:
            while left and left[0].at <= passed:
                self._make(left.pop(0))
            self._supervisor.tend()
            time.sleep(0.05)

    def _make(self, trouble: Trouble) -> None:
        acked = sum(len(sender.acked) for sender in self._senders.values())
        self._say(f"{trouble.at:5.1f} s, {acked} acknowledged: {trouble.what} {trouble.whom}")
        if trouble.whom in self._crms:
            ask("POST", f"{self._crms[trouble.whom]}/mood/{trouble.what}")
        else:
            self._done[trouble.what] += self._supervisor.signal(trouble.whom, _SIGNALS[trouble.what])

    def _drain(self) -> float:
        """Has all well again, and waits until everything acknowledged is there."""
        began = time.monotonic()
        self._supervisor.go_on()
        for crm in self._crms.values():
            ask("POST", f"{crm}/mood/{OK}")
        self._end_senders()
        self._comes_true(lambda: self._side.is_settled() and not self._verdict().lost, DRAIN_S)
        return time.monotonic() - began

    def _end_senders(self) -> None:
        senders = self._senders.values()
        for sender in senders:
            sender.end()
        self._comes_true(lambda: all(sender.has_ended() for sender in senders), DRAIN_S)
        answers = sum((sender.answers for sender in senders), Counter[str]())
        self._say(f"webhooks were answered {dict(answers)}")

    def _verdict(self) -> Verdict:
        acked, entries = {}, []
        for account in self._side.accounts:
            sent = self._senders[account.name].acked
            acked.update({f"{account.name} contact {number}": at for number, at in sent.items()})
            entries += ledger.read(account.ledger, f"{account.name} ")
        return judge(acked, entries)

    def _moods(self) -> dict[str, int]:
        calls: Counter[str] = Counter()
        for crm in self._crms.values():
            calls.update(ask("GET", f"{crm}/calls").json())
        return dict(sorted(calls.items()))

    def _is_ready(self) -> bool:
        ports = [port for account in self._side.accounts for port in (account.crm_port, *account.web_ports)]
        return all(map(listens, ports))

    def _comes_true(self, look: Callable[[], bool], within_s: float) -> bool:
        """Waits for it, while who has ended is started again; False where it does not come."""
        end = time.monotonic() + within_s
        while not look():
            if time.monotonic() > end:
                return False
            self._supervisor.tend()
            time.sleep(0.1)
        return True

    def _say(self, what: str) -> None:
        print(f"{self._side.name} {what}", file=sys.stderr, flush=True)
