"""Mistakes that a process makes on demand: if the tests cannot see these, they see nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from cxsdk.journeys import outward
from cxsdk.store import Store, Transaction, outbox, tables
from cxsdk.store.inbox import Arrival, Stored
from cxsdk.store.work import claim, settle
from cxsdk.web.intake import Intake


def acknowledged_before_the_commit() -> None:
    """A request is answered, and only then stored."""
    put = Intake.put
    waiting: set[asyncio.Task[list[Stored]]] = set()

    async def later(self: Intake, arrivals: Sequence[Arrival]) -> list[Stored]:
        await asyncio.sleep(0.2)  # the answer is on its way by then
        return await put(self, arrivals)

    async def careless(self: Intake, arrivals: Sequence[Arrival]) -> list[Stored]:
        task = asyncio.ensure_future(later(self, arrivals))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
        return [Stored.NEW for _ in arrivals]

    Intake.put = careless  # type: ignore[method-assign]


def not_marked_before_the_call() -> None:
    """A row does not tell that a call with it may be under way."""

    def careless(store: Store, tx: Transaction, *args: Any, **options: Any) -> list[Row[Any]]:
        rows = claim(store, tx, *args, **options)
        settle(tx, tables.outbox, [{"id": row.id, "marked_at": row.marked_at} for row in rows])
        return rows

    outward.claim = careless  # type: ignore[attr-defined]
    outbox.mark = lambda *_: None


def claimed_for_too_long() -> None:
    """What a killed worker held is not given to another one in time."""
    from cxsdk.journeys.desk import Desk

    Desk.lease = property(lambda _: timedelta(minutes=5))  # type: ignore[assignment, method-assign]
