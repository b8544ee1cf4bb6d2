"""The task lane, and what comes back: work in the CRM is saved, and noticed when it is done or deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from cxsdk.domain.case import Task
from cxsdk.domain.facts import TaskChange
from cxsdk.domain.ids import stable_id
from cxsdk.domain.outward import Receipt
from cxsdk.errors import Rejected
from cxsdk.journeys import early
from cxsdk.journeys.cases import task_done
from cxsdk.journeys.outward import Desk, Finished
from cxsdk.journeys.runtime import Runtime
from cxsdk.journeys.tasks import create
from cxsdk.store import Transaction, cases, customers, decisions, outbox
from cxsdk.store.outbox import OutKind


class TaskDesk(Desk):
    """Saves tasks; a change that the CRM told of before its receipt came is folded now."""

    linger_s = 0.0  # somebody has promised something
    needs_person = True

    def __init__(self, runtime: Runtime, account: str) -> None:
        super().__init__(runtime, account)
        crm = runtime.crm
        self.duplicates, self.lookup_lag = crm.duplicates, crm.lookup_lag
        self.batch_size, self.deadline_s = crm.batch_size, crm.deadline_s

    def build(self, tx: Transaction, rows: Sequence[Row[Any]]) -> Mapping[int, Task | Rejected]:
        """Each row as work for the agent responsible for its person."""
        people = customers.person_ids(tx, [row.customer_id for row in rows])
        return {row.id: _task(row, people.get(row.customer_id)) for row in rows}

    def call(self, values: Sequence[Task]) -> Iterable[Receipt]:
        """Saves them in one call."""
        return self.runtime.crm.save_tasks(values)

    def find_written(self, keys: Sequence[str]) -> Iterable[str | None]:
        """The CRM's ids of tasks saved under these keys."""
        return self.runtime.crm.find_written(keys)

    def done(self, tx: Transaction, finished: Finished) -> None:
        """Folds what came before the receipt."""
        keys = {receipt.id: row.key for row, receipt in finished if receipt.id is not None}
        waiting = [TaskChange.model_validate(fact) for fact in early.take(tx, self.account, "task", keys)]
        for change in sorted(waiting, key=lambda change: (change.at, change.key)):
            _change(self.runtime, tx, keys[change.task_id], change)

    def given_up(self, tx: Transaction, row: Row[Any], reason: str) -> None:
        """A promise without its task is in danger: said in the ledger, and listed among the dead."""
        decisions.note(
            self.runtime.store, tx, row.customer_id, "task", row.key,
            rule="crm", verdict="fail", reason="task_refused", text=f"{self.account}: {reason}",
        )  # fmt: skip


def _task(row: Row[Any], person_id: str | None) -> Task | Rejected:
    if person_id is None:
        return Rejected("The CRM has no person for it.", code="person_missing")
    body = {**row.body, "due": datetime.fromisoformat(row.body["due"])}
    return Task(key=row.key, person_id=person_id, task_id=row.provider_id, **body)


def fold_changes(runtime: Runtime, tx: Transaction, account: str, facts: Sequence[TaskChange]) -> list[str | None]:
    """What agents did to tasks; a change of a task not known yet waits for it."""
    owners: list[str | None] = []
    for fact in facts:
        row = outbox.written_as(tx, account, OutKind.TASK, fact.task_id)
        if row is None:
            early.keep(runtime, tx, account, "task", fact.task_id, fact)
        else:
            _change(runtime, tx, row.key, fact)
        owners.append(row.customer_id if row is not None else None)
    return owners


def _change(runtime: Runtime, tx: Transaction, task_id: str, fact: TaskChange) -> None:
    task = cases.task(tx, task_id)
    if task is None or task.done_at is not None or task.deleted_at is not None:
        return
    customers.locked(runtime.store, tx, [task.customer_id])
    if fact.done:
        cases.change_task(tx, task.id, done_at=fact.at)
        _note(runtime, tx, task, "done", "task_done", "An agent marked the task as done.")
        task_done(runtime, tx, task, fact.at)
    elif fact.deleted:
        cases.change_task(tx, task.id, deleted_at=fact.at)
        _make_again(runtime, tx, task)


def _make_again(runtime: Runtime, tx: Transaction, task: Any) -> None:
    """A promise does not go away with its task: it is made again, once; the second time it is an agent's decision."""
    if task.remade:
        _note(runtime, tx, task, "dropped", "task_deleted_twice", "It was deleted again, and stays so.")
        return
    _note(runtime, tx, task, "remade", "task_deleted", "It was deleted in the CRM while the promise stands.")
    kept = ("customer_id", "case_id", "promise_id", "title", "text", "due_at", "urgent")
    again = {name: getattr(task, name) for name in kept}
    create(runtime, tx, {**again, "id": stable_id("task", task.id, "again"), "remade": True})


def _note(runtime: Runtime, tx: Transaction, task: Any, verdict: str, reason: str, text: str) -> None:
    decisions.note(
        runtime.store, tx, task.customer_id, "task", task.id, rule="task", verdict=verdict, reason=reason, text=text
    )
