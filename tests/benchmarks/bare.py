"""The other baseline: dramatiq with Redis and an actor that does nothing. It is what a message costs by itself."""

from __future__ import annotations

import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker


def bare_dramatiq(redis_url: str, messages: int, threads: int = 8) -> float:
    """How many messages a second are sent to a worker in this process and worked off."""
    broker = RedisBroker(url=redis_url, namespace="bare")  # type: ignore[no-untyped-call]

    @dramatiq.actor(broker=broker)
    def do_nothing(number: int) -> None:
        pass

    worker = dramatiq.Worker(broker, worker_threads=threads)
    worker.start()
    try:
        began = time.monotonic()
        for number in range(messages):
            do_nothing.send(number)
        broker.join(do_nothing.queue_name, interval=10)
        return messages / (time.monotonic() - began)
    finally:
        worker.stop()
        broker.close()
