"""What is kept only for a while."""

from __future__ import annotations

from datetime import timedelta

from cxsdk.journeys import early
from cxsdk.journeys.runtime import Runtime
from cxsdk.store import inbox


def purge_raw(runtime: Runtime, keep: timedelta) -> int:
    """Forgets parsed raw records older than this, some thousands a call, and tells how many.

    With them go facts that have waited as long for what they speak of: most speak of things that are not ours.
    """
    before = runtime.clock.now() - keep
    with runtime.store.write() as tx:
        early.purge(tx, before)
        return inbox.purge(tx, before)
