"""A CRM in memory that does as it is told: it refuses, fails, forgets to answer, and keeps a ledger of its own.

What is in the ledger is what a CRM's user would see: whether something was lost or doubled is counted there, by what it
says, and not by the keys that cxsdk gave it.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Literal

from pydantic import PrivateAttr

from cxsdk.capabilities import CRM, Context
from cxsdk.domain.case import Task
from cxsdk.domain.identity import Person
from cxsdk.domain.limits import Limit
from cxsdk.domain.outward import LogEntry, Receipt
from cxsdk.errors import OutcomeUnknown, RateLimited


@dataclass(frozen=True)
class Act:
    """What the CRM does in one call: it stores so many of the values, gives so many receipts, and then fails.

    None means all of them; ``surplus`` is what it returns beyond.
    """

    error: Exception | None = None
    stores: int | None = None
    receipts: int | None = None
    surplus: tuple[Any, ...] = ()


#: It does what it is asked to.
WELL = Act()


def failing(error: Exception) -> Act:
    """It fails before it has stored anything."""
    return Act(error, stores=0, receipts=0)


def limited(retry_after: float | None = None) -> Act:
    """It is over a limit."""
    return failing(RateLimited("too many requests", retry_after=retry_after))


def lost(error: Exception | None = None) -> Act:
    """It stores everything, and its answer does not arrive."""
    return Act(error or OutcomeUnknown("the answer was lost"), receipts=0)


def cut(receipts: int, error: Exception, *, stores: int | None = None) -> Act:
    """It fails after so many receipts; it may have stored more values than it gave receipts for."""
    return Act(error, stores=receipts if stores is None else stores, receipts=receipts)


@dataclass
class Record:
    """One record of the ledger: its values one after the other, as they were written, and when it came."""

    id: str
    at: datetime
    values: list[Any] = field(default_factory=list)

    @property
    def value(self) -> Any:
        """The record as it stands."""
        return self.values[-1]


@dataclass(frozen=True)
class Asked:
    """One call of a method, with the values it got."""

    method: str
    at: datetime
    values: tuple[Any, ...]


class FakeCRM(CRM):
    """A scriptable CRM; ``fake_crm`` makes one with other capabilities.

    ``script(method, *acts)`` says what the next calls of a method do. ``fall_ill(error)`` lets every call fail until
    ``recover()``. ``refuse(text)`` turns down a single value, ``choke_on(text, error)`` every call with such a value.
    Values are named by what they say: an entry's text, a task's title, a person's name or first identity.
    """

    duplicates = "upsert"
    batch_size = 10

    _ledger: dict[str, Record] = PrivateAttr(default_factory=dict)
    _numbers: Iterator[int] = PrivateAttr(default_factory=lambda: count(1))
    _keys: dict[str, str] = PrivateAttr(default_factory=dict)
    _script: defaultdict[str, deque[Act]] = PrivateAttr(default_factory=lambda: defaultdict[str, deque[Act]](deque))
    _refused: dict[str, str] = PrivateAttr(default_factory=dict)
    _chokes: dict[str, Exception] = PrivateAttr(default_factory=dict)
    _ill: Exception | None = PrivateAttr(default=None)
    _asked: list[Asked] = PrivateAttr(default_factory=list)
    _lock: Any = PrivateAttr(default_factory=threading.RLock)
    _context: Context = PrivateAttr()

    def open(self, context: Context) -> None:
        """Takes the clock by which records become visible to ``find_written``."""
        self._context = context

    # What a test says

    def script(self, method: str, *acts: Act) -> None:
        """The next calls of this method act like this, one after the other; those after them do well."""
        with self._lock:
            self._script[method].extend(acts)

    def refuse(self, text: str, reason: str = "refused") -> None:
        """From now on, this value gets a receipt that refuses it; the others of its call are taken."""
        with self._lock:
            self._refused[text] = reason

    def choke_on(self, text: str, error: Exception) -> None:
        """From now on, a call with this value fails before it has stored anything."""
        with self._lock:
            self._chokes[text] = error

    def fall_ill(self, error: Exception | None) -> None:
        """From now on, every call fails before it has stored anything; None: it is well again."""
        with self._lock:
            self._ill = error

    def merge_people(self, lost: str, kept: str) -> None:
        """A user made two people one: the lost one's ways to be reached are the kept one's from now on."""
        with self._lock:
            gone, stays = self._ledger.pop(lost), self._ledger[kept]
            both = stays.value.identities + gone.value.identities
            stays.values.append(stays.value.model_copy(update={"identities": both}))

    def recover(self) -> None:
        """Forgets the script and all that was refused: from now on it does well."""
        with self._lock:
            self._ill = None
            self._script.clear()
            self._refused.clear()
            self._chokes.clear()

    # What a test asks

    def people(self) -> list[Person]:
        """The people it has, oldest first."""
        return self._all(Person)

    def entries(self) -> list[LogEntry]:
        """The entries on all timelines, oldest first."""
        return self._all(LogEntry)

    def tasks(self) -> list[Task]:
        """The tasks it has, oldest first."""
        return self._all(Task)

    def records(self, kind: type[Any]) -> list[Record]:
        """The records of people, entries or tasks, with all that was ever written to each."""
        with self._lock:
            return [record for record in self._ledger.values() if isinstance(record.value, kind)]

    def counted(self) -> Counter[str]:
        """How often each entry is there, by its text."""
        return Counter(entry.text for entry in self.entries())

    def asked(self, method: str | None = None) -> list[Asked]:
        """The calls of a method so far, or of all."""
        with self._lock:
            return [call for call in self._asked if method in (None, call.method)]

    # What cxsdk asks

    def find_people(self, who: Sequence[Person]) -> Iterator[str | None]:
        """By any identity that they share with somebody in the ledger."""
        self._begin("find_people", who)
        for person in who:
            yield self._find_person(person)

    def create_people(self, people: Sequence[Person]) -> Iterator[Receipt]:
        """A new record for each."""
        return self._do("create_people", people, lambda _: None)

    def log(self, entries: Sequence[LogEntry]) -> Iterator[Receipt]:
        """A new record for each, or a further value of the one that it names."""
        return self._do("log", entries, lambda entry: entry.entry_id)

    def save_tasks(self, tasks: Sequence[Task]) -> Iterator[Receipt]:
        """A new record for each, or a further value of the one that it names."""
        return self._do("save_tasks", tasks, lambda task: task.task_id)

    def find_written(self, keys: Sequence[str]) -> Iterator[str | None]:
        """What was written under these keys, once it has been there for ``lookup_lag``."""
        act = self._begin("find_written", keys)
        if act.error is not None:
            raise act.error
        for key in keys[: act.receipts]:
            with self._lock:
                record = self._ledger.get(self._keys.get(key, ""))
            visible = record is not None and record.at + self.lookup_lag <= self._now()
            yield record.id if record is not None and visible else None

    def _do(self, method: str, values: Sequence[Any], id_of: Callable[[Any], str | None]) -> Iterator[Receipt]:
        act = self._begin(method, values)
        stored = [self._store(value, id_of(value)) for value in values[: act.stores]]
        yield from stored[: act.receipts]
        if act.error is not None:
            raise act.error
        yield from act.surplus

    def _begin(self, method: str, values: Sequence[Any]) -> Act:
        with self._lock:
            self._asked.append(Asked(method, self._now(), tuple(values)))
            error = self._ill or next((self._chokes[t] for v in values if (t := says(v)) in self._chokes), None)
            if error is not None:
                raise error
            script = self._script[method]
            return script.popleft() if script else WELL

    def _store(self, value: Any, id: str | None) -> Receipt:
        with self._lock:
            if says(value) in self._refused:
                return Receipt.rejected(self._refused[says(value)])
            if getattr(value, "person_id", None) not in {None, *self._ledger}:
                return Receipt.person_gone("no such person")
            known = id or (self._keys.get(value.key) if self.duplicates == "upsert" else None)
            record = self._ledger.get(known) if known else None
            if record is None:
                record = Record(f"{type(value).__name__.lower()}-{next(self._numbers)}", self._now())
                self._ledger[record.id] = record
                self._keys[value.key] = record.id
            record.values.append(value)
            return Receipt.accepted(record.id)

    def _find_person(self, who: Person) -> str | None:
        wanted = {(identity.kind, identity.value) for identity in who.identities}
        for record in self.records(Person):
            if wanted & {(identity.kind, identity.value) for identity in record.value.identities}:
                return record.id
        return None

    def _all(self, kind: type[Any]) -> list[Any]:
        return [record.value for record in self.records(kind)]

    def _now(self) -> datetime:
        return self._context.clock.now()


def fake_crm(
    duplicates: Literal["upsert", "lookup", "none"] = "upsert",
    *,
    batch_size: int = 10,
    lookup_lag: timedelta = timedelta(0),
    updates_entries: bool = True,
    deadline_s: float = 20.0,
    limits: Sequence[Limit] = (),
) -> FakeCRM:
    """A FakeCRM with these capabilities, and an empty ledger."""
    capabilities = {
        "__module__": __name__,
        "duplicates": duplicates,
        "batch_size": batch_size,
        "lookup_lag": lookup_lag,
        "updates_entries": updates_entries,
        "deadline_s": deadline_s,
    }
    made: type[FakeCRM] = type("FakeCRM", (FakeCRM,), capabilities)
    return made(limits=tuple(limits))


def says(value: Any) -> str:
    """What names a value to a person: an entry's text, a task's title, a person's name or first identity."""
    if isinstance(value, LogEntry):
        return value.text
    if isinstance(value, Task):
        return value.title
    if isinstance(value, Person):
        return value.name or str(next(iter(value.identities), ""))
    return str(value)
