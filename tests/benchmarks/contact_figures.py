"""Contacts on their whole way from a signed webhook to the CRM: how many, at what cost, how soon."""

from __future__ import annotations

import time
from statistics import median

from tests.benchmarks.bare import bare_dramatiq
from tests.benchmarks.bench import Bench
from tests.benchmarks.figure import Run
from tests.benchmarks.sides import Side, both, naive, ours

#: A worker that has had nothing to do for so long is idle, in seconds.
IDLE_S = 1.0
#: Contacts a second of a steady load.
STEADY = 200.0


def batch_crm(bench: Bench) -> tuple[Run, Run]:
    """Contacts a second into a CRM that takes 100 at once."""
    return _rates(bench, *_on_postgres(bench))


def cpu(bench: Bench) -> tuple[Run, Run]:
    """CPU seconds of web and workers for 1,000 contacts."""

    def cost(side: Side, count: int) -> float:
        return side.deliver(count).cpu_s / count * 1000

    us, them = _on_postgres(bench)
    return lambda: cost(us, bench.size.many), lambda: cost(them, bench.size.few)


def calls(bench: Bench) -> tuple[Run, Run]:
    """Calls of the CRM for each contact, look-ups among them, under a steady load."""

    def calls_each(side: Side, count: int) -> float:
        return side.deliver(count, per_second=STEADY).calls / count

    us, them = _on_postgres(bench)
    count = int(STEADY * bench.size.steady_s)
    return lambda: calls_each(us, count), lambda: calls_each(them, min(count, bench.size.few))


def latency(bench: Bench) -> tuple[Run, Run]:
    """Milliseconds from the 2xx until the CRM has the contact of a customer whom it knows, its own 50 among them."""

    def alone(side: Side) -> float:
        time.sleep(IDLE_S)
        done = side.deliver(1, only_regulars=True)
        return (done.last_at - done.sent.ended) * 1000

    def typical(side: Side) -> float:
        return median(alone(side) for _ in range(bench.size.singles))

    us, them = _on_postgres(bench)
    return lambda: typical(us), lambda: typical(them)


def beside_bare_dramatiq(bench: Bench) -> tuple[Run, Run]:
    """Contacts a second into a batch CRM, beside messages that do nothing."""
    us, _ = _on_postgres(bench)
    redis = bench.redis()
    return lambda: us.deliver(bench.size.many).per_second, lambda: bare_dramatiq(redis, bench.size.many)


def single_crm(bench: Bench) -> tuple[Run, Run]:
    """Contacts a second into a CRM that takes one at a time; of customers whom it knows: the baseline asks for none."""

    def rate(side: Side) -> float:
        return side.deliver(bench.size.lasting, only_regulars=True).per_second

    us, them = bench.scene("single", lambda: both(ours(bench, bench.postgres(), batches=False), naive(bench)))
    return lambda: rate(us), lambda: rate(them)


def embedded(bench: Bench) -> tuple[Run, Run]:
    """Contacts a second of ``cxsdk run``: one process on SQLite."""
    scene = bench.scene("embedded", lambda: both(ours(bench, bench.sqlite(), ["run"]), naive(bench)))
    return _rates(bench, *scene)


def _rates(bench: Bench, us: Side, them: Side) -> tuple[Run, Run]:
    """Contacts a second, of a new customer now and then."""
    return lambda: us.deliver(bench.size.many).per_second, lambda: them.deliver(bench.size.few).per_second


def _on_postgres(bench: Bench) -> tuple[Side, Side]:
    """A batch CRM, PostgreSQL and Redis; and the naive integration."""
    return bench.scene("postgresql", lambda: both(ours(bench, bench.postgres()), naive(bench)))
