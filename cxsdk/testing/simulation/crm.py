"""The CRM: its books are what its users see, and what is judged by."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import PrivateAttr

from cxsdk.capabilities import CRM, Inbound, Reader
from cxsdk.domain.case import Task
from cxsdk.domain.facts import Fact, PersonErased, PersonMerged, TaskChange
from cxsdk.domain.identity import Identity, Person
from cxsdk.domain.interaction import Kind
from cxsdk.domain.outward import LogEntry, Receipt
from cxsdk.domain.raw import Page, Raw
from cxsdk.testing.simulation.line import Line
from cxsdk.testing.simulation.scene import Scene

#: How a text begins that the CRM does not take.
REFUSED = "refuse"
_MARK = re.compile(r"#(\d+)")


def marks_of(text: str) -> list[int]:
    """The numbers that their senders gave things: ``#12``."""
    return [int(mark) for mark in _MARK.findall(text)]


def mark_of(text: str) -> int | None:
    """The first of them."""
    return next(iter(marks_of(text)), None)


@dataclass
class Record:
    """One record, with every value that it ever had."""

    id: str
    at: datetime
    person: str  #: the record of the person whose it is; of a person, its own
    values: list[Any] = field(default_factory=list)

    @property
    def value(self) -> Any:
        """As it stands."""
        return self.values[-1]


class Books:
    """What the CRM keeps."""

    def __init__(self, scene: Scene, *, is_upsert: bool, page_size: int) -> None:
        self._scene = scene
        self._is_upsert = is_upsert
        self.page_size = page_size
        self.records: dict[str, Record] = {}
        self.known: dict[str, str] = {}  #: whose an identity is
        self.became: dict[str, str] = {}  #: into whom somebody was merged
        self.gone: list[Record] = []  #: what was erased
        self.entries: defaultdict[int, list[Record]] = defaultdict(list)  #: by the sender's number
        self.changes: list[dict[str, Any]] = []  #: what happened here, for whoever asks
        self.excused: Counter[str] = Counter()  #: what may be there more than once, and how much more often
        self.on_task: Callable[[Record], None] = lambda _: None
        self._keys: dict[str, str] = {}

    def of(self, kind: type[Any]) -> list[Record]:
        """All records of people, entries or tasks."""
        return [record for record in self.records.values() if isinstance(record.value, kind)]

    def current(self, person: str) -> str:
        """A person's record, or the one that it was merged into."""
        while person in self.became:
            person = self.became[person]
        return person

    def save(self, value: Any, id: str | None) -> Receipt:
        """A new record, or a further value of the one that the id, or in an upserting CRM the key, names."""
        known = id or (self._keys.get(value.key) if self._is_upsert else None)
        record = self.records.get(known) if known else None
        if record is not None:
            record.values.append(value)
            return Receipt.accepted(record.id)
        if isinstance(value, LogEntry) and value.text.startswith(REFUSED):
            return Receipt.rejected("such a text is not taken")
        person = "" if isinstance(value, Person) else self.current(value.person_id)
        if not isinstance(value, Person) and person not in self.records:
            return Receipt.rejected("there is no such person any more")
        made = Record(f"{type(value).__name__.lower()}-{self._scene.number()}", self._scene.now, person, [value])
        self._enter(made, value)
        return Receipt.accepted(made.id)

    def _enter(self, record: Record, value: Any) -> None:
        self.records[record.id] = record
        self._keys[value.key] = record.id
        if isinstance(value, Person):
            record.person = record.id
            for identity in value.identities:
                self.known.setdefault(str(identity), record.id)
        elif isinstance(value, Task):
            self.on_task(record)
        elif value.kind is not Kind.NOTE and (mark := mark_of(f"{value.subject} {value.text}")) is not None:
            self.entries[mark].append(record)
            self._watch(mark)

    def _watch(self, mark: int) -> None:
        copies = len(self.entries[mark])
        if copies > 1 + self.excused[f"#{mark}"]:
            self._scene.violated(f"#{mark} is in the CRM {copies} times")

    def find(self, identities: Sequence[Identity]) -> str | None:
        """Whoever has one of these identities."""
        found = (self.known.get(str(identity)) for identity in identities)
        return next((self.current(person) for person in found if person), None)

    def written(self, key: str, before: datetime) -> str | None:
        """What was written under a key, once it can be seen."""
        record = self.records.get(self._keys.get(key, ""))
        return record.id if record is not None and record.at <= before else None

    # What its users do

    def finish(self, task: str, *, deleted: bool) -> None:
        """Somebody marks a task as done, or deletes it."""
        if task in self.records:
            self._change(what="task", task_id=task, done=not deleted, deleted=deleted)

    def merge(self, lost: str, kept: str) -> None:
        """Somebody makes two people one."""
        self.became[lost] = kept
        self.records.pop(lost)
        for record in self.records.values():
            record.person = kept if record.person == lost else record.person
        self._change(what="merge", person_id=lost, into=kept)

    def erase(self, person: str) -> None:
        """Somebody erases a person and all that is theirs."""
        self.gone += [record for record in self.records.values() if record.person == person]
        self.records = {id: record for id, record in self.records.items() if record.person != person}
        for mark, records in list(self.entries.items()):
            self.entries[mark] = [record for record in records if record.person != person]
        self.known = {who: id for who, id in self.known.items() if self.current(id) != person}
        self._change(what="erase", person_id=person)

    def _change(self, **change: Any) -> None:
        number = len(self.changes) + 1
        self.changes.append({"key": f"change-{number}", "at": self._scene.now.isoformat(), **change})
        self._scene.note("crm " + " ".join(f"{name}={value}" for name, value in change.items()))


_FACTS: Mapping[str, type[Any]] = {"task": TaskChange, "merge": PersonMerged, "erase": PersonErased}


class SimulatedCRM(CRM, Inbound):
    """The account of that CRM. A subclass says what the vendor promises."""

    _books: Books = PrivateAttr()
    _line: Line = PrivateAttr()
    _scene: Scene = PrivateAttr()
    _repeats: int = PrivateAttr(default=0)

    def connect(self, scene: Scene, books: Books, line: Line) -> None:
        """Leads to these books over this line."""
        self._scene, self._books, self._line = scene, books, line

    def repeat(self, changes: int) -> None:
        """At the next reading, so many changes come again."""
        self._repeats = changes

    def find_people(self, who: Sequence[Person]) -> Iterator[str | None]:
        """By any identity."""
        return self._line.call(
            "find_people", who, [name_of(one) for one in who], lambda p: self._books.find(p.identities)
        )

    def create_people(self, people: Sequence[Person]) -> Iterator[Receipt]:
        """A new record for each."""
        return self._line.call("create_people", people, [name_of(one) for one in people], lambda p: self._save(p, None))

    def log(self, entries: Sequence[LogEntry]) -> Iterator[Receipt]:
        """A new record for each, or a further value of the one that it names."""
        return self._line.call("log", entries, [name_of(one) for one in entries], lambda e: self._save(e, e.entry_id))

    def save_tasks(self, tasks: Sequence[Task]) -> Iterator[Receipt]:
        """A new record for each, or a further value of the one that it names."""
        return self._line.call("save_tasks", tasks, [name_of(one) for one in tasks], lambda t: self._save(t, t.task_id))

    def find_written(self, keys: Sequence[str]) -> Iterator[str | None]:
        """What was written under these keys, once the search has seen it."""
        seen = self._scene.now - self.lookup_lag
        return self._line.call("find_written", keys, keys, lambda key: self._books.written(key, seen))

    def _save(self, value: Any, id: str | None) -> Receipt:
        return self._books.save(value, id)

    def sources(self) -> Mapping[str, Reader]:
        """What its users did."""
        return {"changes": self._read}

    def _read(self, cursor: str | None, stop: Any) -> Iterator[Page]:
        changes, start = self._books.changes, int(cursor or 0)
        at, self._repeats = max(0, start - self._repeats), 0
        while at < len(changes) and not stop.is_set():
            some = changes[at : at + 10]
            at += len(some)
            yield Page(items=tuple(Raw.of(change, id=change["key"]) for change in some), cursor=str(max(at, start)))

    def parse(self, raw: Raw) -> Iterator[Fact]:
        """One change."""
        change = raw.payload()
        yield _FACTS[change.pop("what")].model_validate(change)


def name_of(value: Any) -> str:
    """What a person, task or entry is called in the history."""
    if isinstance(value, Person):
        return ",".join(str(identity) for identity in value.identities) or value.name
    if isinstance(value, Task):
        return f"task:{value.key}"
    mark = mark_of(f"{value.subject} {value.text}")
    return f"#{mark}" if mark is not None else f"entry:{value.key}"
