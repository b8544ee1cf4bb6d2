"""What a worker holds after a long life, beside what it held while it was young."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from cxsdk import Raw
from cxsdk.domain.clock import SystemClock
from cxsdk.store import Store, inbox
from cxsdk.store.inbox import Arrival
from tests.benchmarks.bench import Bench
from tests.benchmarks.contacts import Contacts
from tests.benchmarks.figure import Run
from tests.benchmarks.processes import memory_mb
from tests.benchmarks.sides import Side, ours

#: How many records are laid into the inbox at once.
CHUNK = 1_000


def worker_memory(bench: Bench) -> tuple[Run, Run]:
    """MB of one worker after so many contacts, and earlier in its life."""
    us, store = bench.scene("memory", lambda: _side(bench))
    return (
        lambda: _memory_after(us, store, bench.size.long_life),
        lambda: _memory_after(us, store, bench.size.short_life),
    )


@contextmanager
def _side(bench: Bench) -> Iterator[tuple[Side, Store]]:
    database = bench.postgres()
    with ours(bench, database, ["clock", "worker"], call_ms=0) as us, closing(Store(database, SystemClock())) as store:
        yield us, store


def _memory_after(side: Side, store: Store, contacts: int) -> float:
    while side.sent < contacts:
        some = Contacts(side.sent, min(CHUNK, contacts - side.sent), side.regulars)
        side.sent += len(some)
        with store.write() as tx:
            inbox.put(store, tx, [_arrival(some, number) for number in some])
    side.wait_for(contacts)
    return memory_mb(side.processes["worker"])


def _arrival(contacts: Contacts, number: int) -> Arrival:
    """What web would have stored."""
    return Arrival("pbx", Raw(id=f"call-{number} 1", body=contacts.body(number)))
