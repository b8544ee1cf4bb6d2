"""The sweep: whatever became of the rings, what is owed is rung for again."""

from __future__ import annotations

from cxsdk.journeys.runtime import Runtime
from cxsdk.store import accounts
from cxsdk.store.work import owed_lanes


def sweep(runtime: Runtime) -> list[str]:
    """Rings for every lane that owes something now and whose account is not resting; tells which."""
    with runtime.store.read() as tx:
        resting = accounts.paused_now(runtime.store, tx)
        lanes = [lane for lane in owed_lanes(runtime.store, tx) if not _rests(lane, resting)]
    runtime.doorbell.ring(lanes)
    return lanes


def _rests(lane: str, resting: set[str]) -> bool:
    table, _, rest = lane.partition(":")
    return table == "outbox" and rest.rpartition(":")[0] in resting
