"""The CRM as cxsdk sees it: the same doors as any other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from sqlite3 import Connection, Row
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import AfterValidator, Field, PrivateAttr, StringConstraints, ValidationError

from cxsdk import (
    CRM,
    Agent,
    BadInput,
    Context,
    Inbound,
    LogEntry,
    Page,
    Person,
    Raw,
    Reader,
    Receipt,
    Stop,
    Task,
    TaskChange,
)
from cxsdk_localcrm import tables
from cxsdk_localcrm.database import Database, number

#: How many task changes a page of the source holds.
PAGE = 100

V = TypeVar("V")
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


def _is_a_file(path: str) -> str:
    if path.startswith((":memory:", "file:")):
        raise ValueError("must be the path of a file: every thread and process opens it for itself")
    return path


def _differ(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("must differ from each other")
    return names


class LocalCRM(CRM, Inbound):
    """People, leads, a timeline, tasks and agents in one SQLite file.

    Any number of threads and processes of one machine use it at the same time. It is there to try cxsdk without a
    CRM, for demos and for tests. A guess (an identity that is ``maybe``) never finds anybody and may stand with
    several people; a known identity is one person's.
    """

    is_local = True
    duplicates = "upsert"
    batch_size = 100
    updates_entries = True
    poll_every: ClassVar[timedelta] = timedelta(seconds=2)

    #: The SQLite file; it is made where it is not there yet, in a directory that is.
    database: Annotated[str, StringConstraints(min_length=1), AfterValidator(_is_a_file)] = "localcrm.db"
    #: The agents with whom a new file begins; each gets a sample e-mail address and extension.
    agent_names: Annotated[tuple[Name, ...], Field(min_length=1), AfterValidator(_differ)] = ("Agent One", "Agent Two")
    #: Whether what was accepted survives a power cut. Without it a killed process still loses nothing, and a replay of
    #: many years in a minute does not wait for the disk.
    durable: bool = True

    _db: Database = PrivateAttr()
    _context: Context = PrivateAttr()

    def model_post_init(self, _: Any) -> None:
        """Names the file; nothing is opened before ``open``."""
        self._db = Database(self.database, durable=self.durable)

    def open(self, context: Context) -> None:
        """Makes the file with its tables and agents unless they are there. Raises ConfigurationError if it cannot."""
        self._context = context
        self._db.prepare()
        with self._db.write() as db:
            tables.agents.seed(db, self.agent_names)

    def close(self) -> None:
        """Closes all connections to the file."""
        self._db.close()

    def check(self) -> str:
        """Reads the agents from the file; that is not counted as a call."""
        with self._db.read() as db:
            return f"{len(tables.agents.load(db))} agents"

    def find_people(self, who: Sequence[Person]) -> list[str | None]:
        """The ids of the people who have one of the known identities, in one query for all."""
        with self._called("find_people") as db:
            return tables.people.find(db, who)

    def create_people(self, people: Sequence[Person]) -> list[Receipt]:
        """New leads, each given to the active agent that it names, else to the one whose turn it is."""
        now = self._now()
        with self._called("create_people", durable=True) as db:
            return _each(people, lambda person: tables.people.create(db, person, now))

    def log(self, entries: Sequence[LogEntry]) -> list[Receipt]:
        """Each entry once, in the latest revision that was told."""
        with self._called("log", durable=True) as db:
            return _each(entries, lambda entry: tables.entries.save(db, entry))

    def save_tasks(self, tasks: Sequence[Task]) -> list[Receipt]:
        """Each task once, with one assignee: the agent it names, or the one responsible for the person."""
        now = self._now()
        with self._called("save_tasks", durable=True) as db:
            return _each(tasks, lambda task: tables.tasks.save(db, task, now))

    def agents(self) -> list[Agent]:
        """All agents, also those who get no new leads."""
        with self._called("agents") as db:
            return tables.agents.load(db)

    def find_written(self, keys: Sequence[str]) -> list[str | None]:
        """The ids of people, entries and tasks by our keys; None for a task that was deleted."""
        with self._called("find_written") as db:
            return tables.rows.find_written(db, keys)

    def sources(self) -> Mapping[str, Reader]:
        """What agents did to tasks, from the first day on."""
        return {"tasks": self._read_tasks}

    def _read_tasks(self, cursor: str | None, stop: Stop) -> Iterator[Page]:
        changes = self._changes_after(cursor)
        while changes and not stop.is_set():
            cursor = str(changes[-1]["number"])
            yield Page(items=tuple(map(_raw, changes)), cursor=cursor)
            changes = self._changes_after(cursor) if len(changes) == PAGE else []

    def _changes_after(self, cursor: str | None) -> list[Row]:
        with self._called("read_tasks") as db:
            return tables.tasks.changes_after(db, int(cursor or 0), limit=PAGE)

    def parse(self, raw: Raw) -> list[TaskChange]:
        """The state of one task after an agent changed it."""
        told = raw.payload()
        if not isinstance(told, dict):
            raise BadInput("A task change is a JSON object.", field="body")
        known = {name: told[name] for name in TaskChange.model_fields if name in told}
        try:
            return [TaskChange.model_validate({**known, "key": raw.id})]
        except ValidationError as error:
            problem = error.errors(include_input=False, include_url=False, include_context=False)[0]
            field = ".".join(["body", *map(str, problem["loc"])])
            raise BadInput(f"{problem['msg']}.", field=field) from None

    def pages(self) -> Callable[..., Any]:
        """The CRM's own pages: open tasks, people with their timelines, agents."""
        from cxsdk_localcrm.pages import application  # a worker needs no web framework

        return application(self._db, self._now, title=self.name)

    def complete_task(self, task_id: str, comment: str = "") -> bool:
        """What an agent does: the task is done. Tells whether it was open until now."""
        with self._db.write() as db:
            return tables.tasks.complete(db, number(task_id), comment, self._now())

    def delete_task(self, task_id: str) -> bool:
        """What an agent does: the task goes. Tells whether it was open until now."""
        with self._db.write() as db:
            return tables.tasks.delete(db, number(task_id), self._now())

    def entries(self) -> Iterator[dict[str, Any]]:
        """Every entry of every timeline, in the order in which they were made."""
        return tables.rows.walk(self._db, tables.rows.ENTRIES)

    def people(self) -> Iterator[dict[str, Any]]:
        """Every person, with their identities as ``kind:value``."""
        return tables.rows.walk(self._db, tables.rows.PEOPLE)

    def tasks(self) -> Iterator[dict[str, Any]]:
        """Every task, also the done and deleted ones, which say so."""
        return tables.rows.walk(self._db, tables.rows.TASKS)

    def calls(self) -> dict[str, int]:
        """How often this CRM was asked through the contract, by method; ``read_tasks`` is the source.

        What people do on its pages, and what the methods above read, is not counted.
        """
        with self._db.read() as db:
            return tables.calls.load(db)

    def _now(self) -> datetime:
        return self._context.clock.now()

    @contextmanager
    def _called(self, method: str, *, durable: bool = False) -> Iterator[Connection]:
        with self._db.write(durable=durable) as db:
            tables.calls.count(db, method)
            yield db


def _each(values: Iterable[V], save: Callable[[V], Receipt]) -> list[Receipt]:
    return [_save(value, save) for value in values]


def _save(value: V, save: Callable[[V], Receipt]) -> Receipt:
    try:
        return save(value)
    except (UnicodeEncodeError, OverflowError) as error:  # half an emoji, a number of more than 64 bits
        return Receipt.rejected(f"It holds what no database column takes: {error.args[-1]}.")


def _raw(change: Row) -> Raw:
    told = {name: change[name] for name in ("at", "task_id", "done", "deleted", "agent_id", "comment")}
    for name in ("task_id", "agent_id"):
        told[name] = str(told[name])
    return Raw.of(told, id=f"task-change-{change['number']}")
