"""Rows that must be looked at when their time comes: many together, and alone where one of them goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Row

from cxsdk.errors import StoreUnavailable
from cxsdk.journeys.runtime import Runtime
from cxsdk.observe import logger
from cxsdk.store import LostRace, Transaction
from cxsdk.store.tables import DEAD, due
from cxsdk.store.work import Claim, claim, finish_due, settle_all, still_ours

#: How many rows one worker looks at together.
BATCH = 200

#: Does what is due for these keys, in the transaction that ends their rows.
Look = Callable[[Runtime, Transaction, Sequence[str]], None]


def look_at(runtime: Runtime, lane: str, look: Look) -> bool:
    """Works off one claim of a lane of due rows; tells whether there may be more."""
    with runtime.store.write() as tx:
        rows = claim(runtime.store, tx, due, lane, BATCH, runtime.lease)
    if len(rows) == BATCH:
        runtime.doorbell.ring([lane])
    try:
        _together(runtime, rows, look)
    except (StoreUnavailable, LostRace):
        raise  # the leases end, and they are looked at again
    except Exception as error:
        logger("cxsdk.due").warning("batch_looked_at_singly", lane=lane, kind=type(error).__name__)
        for row in rows:
            _alone(runtime, row, look)
    return len(rows) == BATCH


def _together(runtime: Runtime, rows: Sequence[Row[Any]], look: Look) -> None:
    with runtime.store.write() as tx:
        ours = finish_due(runtime.store, tx, [Claim(row.id, row.fence) for row in rows])
        if ours:
            look(runtime, tx, [row.key for row in rows if row.id in ours])


def _alone(runtime: Runtime, row: Row[Any], look: Look) -> None:
    try:
        _together(runtime, [row], look)
    except (StoreUnavailable, LostRace):
        raise
    except Exception as error:  # a defect of ours: the row is kept with the reason, the others go on
        logger("cxsdk.due").exception("look_failed", lane=row.lane, key=row.key)
        with runtime.store.write() as tx:
            ours = still_ours(runtime.store, tx, due, [Claim(row.id, row.fence)])
            now, reason = runtime.store.moment(tx), f"{type(error).__name__}: {error}"[:2000]
            settle_all(tx, due, ours, state=DEAD, next_at=now, reason=reason)
