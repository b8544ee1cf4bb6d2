"""What is kept only for a while."""

from __future__ import annotations

from datetime import timedelta

from cxsdk.journeys.runtime import Runtime
from cxsdk.store import inbox


def purge_raw(runtime: Runtime, keep: timedelta) -> int:
    """Forgets parsed raw records older than this, some thousands a call; tells how many."""
    with runtime.store.write() as tx:
        return inbox.purge(tx, runtime.clock.now() - keep)
