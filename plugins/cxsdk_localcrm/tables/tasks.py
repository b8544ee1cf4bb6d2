"""Tasks: what we ask of an agent, and what the agent did about it."""

from __future__ import annotations

from datetime import datetime
from sqlite3 import Connection, Row

from cxsdk import Receipt, Task
from cxsdk_localcrm.database import number, stamp
from cxsdk_localcrm.tables import agents, people

_OPEN = "tasks.done_at IS NULL AND tasks.deleted_at IS NULL"
_WITH_NAMES = (
    "SELECT tasks.*, people.label AS person, agents.name AS agent, count(*) OVER () AS total FROM tasks"
    " JOIN people ON people.id = tasks.person_id JOIN agents ON agents.id = tasks.agent_id"
)


def save(db: Connection, task: Task, now: datetime) -> Receipt:
    """Makes a task or changes it. A task that is done stays done, whoever says what after it."""
    if not people.exists(db, task.person_id):
        return Receipt.rejected(f"There is no person {task.person_id!r} here.")
    row = db.execute(
        "SELECT id FROM tasks WHERE deleted_at IS NULL AND (id = :id OR key = :key) ORDER BY id = :id DESC LIMIT 1",
        {"id": number(task.task_id), "key": task.key},
    ).fetchone()
    if row:
        _update(db, row["id"], task, now)
        return Receipt.accepted(row["id"]) if task.task_id else Receipt.duplicate(row["id"])
    if task.task_id:
        return Receipt.rejected(f"There is no task {task.task_id!r}: it was deleted, or it never was here.")
    return Receipt.accepted(_insert(db, task, now))


def _update(db: Connection, id: int, task: Task, now: datetime) -> None:
    db.execute(
        "UPDATE tasks SET title = ?, text = ?, due = ?, urgent = ?, agent_id = coalesce(?, agent_id),"
        " done_at = coalesce(done_at, ?) WHERE id = ?",
        (
            task.title,
            task.text,
            stamp(task.due),
            task.urgent,
            agents.known(db, task.agent_id),
            stamp(now) if task.done else None,
            id,
        ),
    )


def _insert(db: Connection, task: Task, now: datetime) -> int | None:
    return db.execute(
        "INSERT INTO tasks (key, person_id, agent_id, title, text, due, urgent, created_at, done_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            task.key,
            number(task.person_id),
            _assignee(db, task),
            task.title,
            task.text,
            stamp(task.due),
            task.urgent,
            stamp(now),
            stamp(now) if task.done else None,
        ),
    ).lastrowid


def _assignee(db: Connection, task: Task) -> int:
    """The agent who was named, else the one responsible for the person, else, if they left, whose turn it is."""
    responsible = db.execute(
        "SELECT agents.id FROM people JOIN agents ON agents.id = agent_id WHERE people.id = ? AND active",
        (number(task.person_id),),
    ).fetchone()
    return agents.known(db, task.agent_id) or (responsible["id"] if responsible else agents.take_turn(db))


def complete(db: Connection, id: int | None, comment: str, now: datetime) -> bool:
    """An agent did the task. Tells whether it was open until now."""
    return _change(db, id, "done_at = ?, comment = ?", (stamp(now), comment), now)


def delete(db: Connection, id: int | None, now: datetime) -> bool:
    """An agent deleted the task. Tells whether it was open until now."""
    return _change(db, id, "deleted_at = ?", (stamp(now),), now)


def _change(db: Connection, id: int | None, assignments: str, values: tuple[str, ...], now: datetime) -> bool:
    if not db.execute(f"UPDATE tasks SET {assignments} WHERE id = ? AND {_OPEN}", (*values, id)).rowcount:  # noqa: S608
        return False
    db.execute(
        "INSERT INTO changes (at, task_id, done, deleted, agent_id, comment)"
        " SELECT ?, id, done_at IS NOT NULL, deleted_at IS NOT NULL, agent_id, comment FROM tasks WHERE id = ?",
        (stamp(now), id),
    )
    return True


def changes_after(db: Connection, last: int, *, limit: int) -> list[Row]:
    """What agents did to tasks, in the order in which they did it."""
    return db.execute("SELECT * FROM changes WHERE number > ? ORDER BY number LIMIT ?", (last, limit)).fetchall()


def still_open(db: Connection, *, limit: int, offset: int) -> list[Row]:
    """What is to be done, the most pressing first, with how much there is in all."""
    return db.execute(
        f"{_WITH_NAMES} WHERE {_OPEN} ORDER BY due, tasks.id LIMIT ? OFFSET ?", (limit, offset)
    ).fetchall()


def late(db: Connection, now: datetime) -> int:
    """How many open tasks are past their due time."""
    row = db.execute(f"SELECT count(*) FROM tasks WHERE {_OPEN} AND due < ?", (stamp(now),)).fetchone()  # noqa: S608
    return int(row[0])


def of_person(db: Connection, person_id: int) -> list[Row]:
    """A person's tasks: the open ones, most pressing first, then the done ones, latest first."""
    return db.execute(
        f"{_WITH_NAMES} WHERE person_id = ? AND deleted_at IS NULL ORDER BY done_at IS NOT NULL, done_at DESC, due",
        (person_id,),
    ).fetchall()
