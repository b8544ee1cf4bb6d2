"""Work for agents: made, changed, and finished here, and owed to the CRM."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cxsdk.journeys.people import owe_people
from cxsdk.journeys.runtime import Runtime
from cxsdk.store import Transaction, cases, outbox
from cxsdk.store.outbox import OutKind, Owed


def create(runtime: Runtime, tx: Transaction, row: Mapping[str, Any]) -> None:
    """Makes a task, once for its id, and owes it to the CRM."""
    now = runtime.clock.now()
    defaults = {"case_id": None, "promise_id": None, "urgent": False, "remade": False}
    if cases.add_task(tx, {**defaults, "created_at": now, "revision": 1, **row}):
        _owe(runtime, tx, cases.task(tx, row["id"]))


def update(runtime: Runtime, tx: Transaction, task_id: str, **values: Any) -> None:
    """Changes a task, here and in the CRM."""
    _owe(runtime, tx, cases.change_task(tx, task_id, **values))


def _owe(runtime: Runtime, tx: Transaction, task: Any) -> None:
    body = {
        "title": task.title, "text": task.text, "due": task.due_at.isoformat(), "urgent": task.urgent,
        "done": task.done_at is not None,
    }  # fmt: skip
    waits = bool(owe_people(runtime.store, tx, runtime.crm.name, [task.customer_id]))
    owed = Owed(
        runtime.crm.name, OutKind.TASK, task.id, body,
        customer_id=task.customer_id, subject_id=task.id, revision=task.revision, waits=waits,
    )  # fmt: skip
    outbox.owe(runtime.store, tx, [owed])


def call_back_done(runtime: Runtime, tx: Transaction, promise: Any, at: datetime) -> None:
    """A missed call was returned: its promise is kept, and the CRM's task for it is done."""
    cases.keep(tx, [promise.id], at)
    task = cases.open_task(tx, promise_id=promise.id)
    if task is not None:
        update(runtime, tx, task.id, done_at=at)
