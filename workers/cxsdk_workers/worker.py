"""``cxsdk worker``: one process around ``dramatiq.Worker``. More processes are more units of the supervisor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import dramatiq

from cxsdk.journeys.lanes import work
from cxsdk.journeys.runtime import Runtime
from cxsdk_workers.brokers import ACTOR, QUEUE, TIMEOUT_S, end_within

#: How many lanes one process works on at once.
THREADS = 8
#: How long a consumer of Redis sleeps between two looks for a ring, in milliseconds, at the most: a busy lane spreads
#: over the threads ring by ring.
POLL_MS = 50
#: How long work in flight may take to end when the process is asked to stop, in seconds.
GRACE_S = 25


@contextmanager
def working(runtime: Runtime, broker: dramatiq.Broker, threads: int = THREADS) -> Iterator[dramatiq.Worker]:
    """Takes up rings until the end of the block; then finishes what is in flight, or gives it back by its lease."""
    broker.actors.pop(ACTOR, None)

    @dramatiq.actor(actor_name=ACTOR, queue_name=QUEUE, broker=broker)
    def take_up(lane: str) -> None:
        work(runtime, lane)

    worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=POLL_MS)
    worker.start()
    try:
        yield worker
    finally:
        end_within(GRACE_S + TIMEOUT_S, partial(worker.stop, timeout=GRACE_S * 1000))
