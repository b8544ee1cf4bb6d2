"""``cxsdk clock``: sweeps what is owed, and reads the sources, one thread each. A second clock is the standby."""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from cxsdk.errors import CxsdkError, RateLimited, StoreUnavailable, Transient
from cxsdk.journeys import sources
from cxsdk.journeys.housekeeping import purge_raw
from cxsdk.journeys.runtime import Runtime
from cxsdk.journeys.sources import Source, TakenOver
from cxsdk.journeys.sweep import sweep
from cxsdk.observe import logger

#: How often everything owed is rung for again.
SWEEP_EVERY_S = 1.0
#: How often old raw records are forgotten.
PURGE_EVERY_S = 600.0
#: Waits after a source failed, doubled with each failure in a row.
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 300.0


@contextmanager
def ticking(runtime: Runtime, keep_raw: timedelta) -> Iterator[None]:
    """Sweeps and reads in the background until the end of the block."""
    stop = threading.Event()
    threads = [threading.Thread(target=_sweep_on, args=(runtime, keep_raw, stop), name="sweep")]
    holder = f"{socket.gethostname()[:20]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    for source in sources.sources_of(runtime):
        reading = _Reading(runtime, source, holder, stop)
        threads.append(threading.Thread(target=reading.run, name=f"read:{source.account}:{source.name}"))
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=30)


def _sweep_on(runtime: Runtime, keep_raw: timedelta, stop: threading.Event) -> None:
    rounds = 0
    while not stop.is_set():
        try:
            sweep(runtime)
            if rounds % int(PURGE_EVERY_S / SWEEP_EVERY_S) == 0:
                purge_raw(runtime, keep_raw)
        except StoreUnavailable as error:
            logger("cxsdk.clock").warning("store_unavailable", error=str(error))
        except Exception as error:  # the clock goes on whatever one round meets
            logger("cxsdk.clock").exception("sweep_failed", kind=type(error).__name__)
        rounds += 1
        stop.wait(SWEEP_EVERY_S)


class _Reading:
    """One source's thread, and the lease under which it reads."""

    def __init__(self, runtime: Runtime, source: Source, holder: str, stopping: threading.Event) -> None:
        self._runtime = runtime
        self._source = source
        self._holder = holder
        self._stopping = stopping
        self._failures = 0
        #: How often it says that it still reads, in seconds.
        self._renew_every_s = runtime.lease.total_seconds() / 3
        self._log = logger("cxsdk.clock", account=source.account, source=source.name)

    def run(self) -> None:
        """Reads whenever no other process does, until the clock stops."""
        while not self._stopping.is_set():
            self._stopping.wait(self._once())

    def _once(self) -> float:
        """One round; tells how many seconds to wait before the next."""
        try:
            fence = sources.acquire(self._runtime, self._source, self._holder)
            if fence is None:
                return self._renew_every_s / 2
            self._read(fence)
        except TakenOver:
            self._log.info("source_taken_over")
            return self._renew_every_s
        except CxsdkError as error:
            return self._failed(error)
        except Exception as error:  # a plugin's bug must not end the reading of its source
            return self._failed(error)
        self._failures = 0
        return self._source.poll_every.total_seconds()

    def _read(self, fence: int) -> None:
        stop = _StopOr(self._stopping)
        renewing = threading.Thread(target=self._renew, args=(fence, stop), name="renew")
        renewing.start()
        try:
            sources.read_to_the_end(self._runtime, self._source, fence, stop)
        finally:
            stop.set()
            renewing.join()
            sources.release(self._runtime, self._source, fence)

    def _renew(self, fence: int, stop: _StopOr) -> None:
        while not stop.wait(self._renew_every_s):
            try:
                if not sources.renew(self._runtime, self._source, fence):
                    stop.set()
            except StoreUnavailable as error:
                self._log.warning("lease_not_renewed", error=str(error))

    def _failed(self, error: Exception) -> float:
        self._failures += 1
        wait: float = min(FIRST_WAIT_S * 2.0 ** min(self._failures, 10), LONGEST_WAIT_S)
        if isinstance(error, Transient | RateLimited) and error.retry_after is not None:
            wait = error.retry_after
        self._log.warning("source_failed", kind=type(error).__name__, error=str(error), again_in_s=round(wait, 1))
        try:
            sources.failed(self._runtime, self._source, error, timedelta(seconds=wait))
        except StoreUnavailable as away:
            self._log.warning("store_unavailable", error=str(away))
        return wait


class _StopOr:
    """Set when this reading is to end, or the whole clock."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._mine = threading.Event()

    def set(self) -> None:
        self._mine.set()

    def is_set(self) -> bool:
        return self._mine.is_set() or self._stopping.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        left = float("inf") if timeout is None else timeout
        while left > 0 and not self.is_set():
            self._mine.wait(min(left, 0.2))
            left -= 0.2
        return self.is_set()
