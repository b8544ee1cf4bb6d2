"""The outside: a CRM with a messenger, whose books are only ever added to, and which knows nothing of our keys.

What it counts, it counts by what stands in it: whose it is, and what its sender wrote.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cxsdk.web.serving import serving

#: How long it takes until its search sees what was written, in seconds.
LAG_S = 0.3
#: Texts that it does not take until it is mended, that it loses the first time, and whose answer nobody can keep.
REFUSED, LOST, ODD = "refuse", "lose", "odd"


@dataclass(frozen=True)
class Row:
    """One thing that was written: a new record, or a further value of one."""

    book: str
    what: str
    id: str
    key: str
    value: dict[str, Any]
    at: float
    is_new: bool


@dataclass
class Vendor:
    """What it has, and what it takes. ``keeps_keys``: in its CRM, the same key again is the same record."""

    keeps_keys: bool
    rows: list[Row] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)  #: what our hooks and acknowledgements said
    problems: list[str] = field(default_factory=list)
    letters: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    is_mended: bool = False
    unreadable: int = 0  #: how often its mailbox cannot be read yet
    _people: dict[str, str] = field(default_factory=dict)  # who somebody is, by the id of their record
    _became: dict[str, str] = field(default_factory=dict)
    _lost: set[str] = field(default_factory=set)
    _revisions: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    # What a test asks, and what its users do

    def counted(self) -> Counter[str]:
        """How many records there are of each thing."""
        return Counter(row.what for row in list(self.rows) if row.is_new)

    def values(self, what: str) -> list[dict[str, Any]]:
        """Everything that was written of a thing, in its order."""
        return [row.value for row in list(self.rows) if row.what == what]

    def person(self, who: str) -> str:
        """The id of somebody's record."""
        return next(id for id, name in self._people.items() if name == who)

    def finish_task(self, who: str) -> None:
        """An agent marks somebody's task as done."""
        id = next(row.id for row in self.rows if row.what == f"{who} task")
        self._change("TaskChange", task_id=id, done=True)

    def merge(self, lost: str, kept: str) -> None:
        """Two people are made one."""
        self._became[self.person(lost)] = self.person(kept)
        self._change("PersonMerged", person_id=self.person(lost), into=self.person(kept))

    def erase(self, who: str) -> None:
        """Somebody is forgotten."""
        self._change("PersonErased", person_id=self.person(who))

    def _change(self, fact: str, **fields: Any) -> None:
        key = f"change-{len(self.changes) + 1}"
        self.changes.append({"fact": fact, "key": key, "at": time.time(), **fields})

    # What it is asked

    def find_people(self, who: dict[str, Any]) -> str | None:
        """The record of whoever has this identity."""
        name = _who(who)
        found = next((id for id, known in self._people.items() if known == name), None)
        return self._became.get(found, found) if found else None

    def create_people(self, who: dict[str, Any]) -> dict[str, Any]:
        """A new record."""
        return self._save("people", f"{_who(who)} person", who, None, keeps_keys=self.keeps_keys)

    def log(self, entry: dict[str, Any]) -> dict[str, Any]:
        """An entry of a person's timeline."""
        if not self.is_mended and entry["text"].startswith(REFUSED):
            return {"rejected": "such texts are not taken"}
        of_survey = f"survey {entry['direction']}"
        what = of_survey if entry["kind"] == "survey" else f"entry {entry['text']}"
        what = f"{self._owner(entry)} {what}"
        receipt = self._save("entries", what, entry, entry["entry_id"], keeps_keys=self.keeps_keys)
        self._watch_revision(receipt["id"], entry["revision"])
        return receipt

    def save_tasks(self, task: dict[str, Any]) -> dict[str, Any]:
        """Work for an agent."""
        return self._save("tasks", f"{self._owner(task)} task", task, task["task_id"], keeps_keys=self.keeps_keys)

    def send(self, message: dict[str, Any], *, keeps_keys: bool = False) -> dict[str, Any]:
        """A message to a customer."""
        if LOST in message["text"] and message["key"] not in self._lost:
            self._lost.add(message["key"])
            raise ConnectionError
        what = "question" if message["automatic"] else f"message {message['text']}"
        return self._save("messages", f"{message['to']} {what}", message, None, keeps_keys=keeps_keys)

    def send_once(self, message: dict[str, Any]) -> dict[str, Any]:
        """A message to a customer, which is sent once for its key."""
        return self.send(message, keeps_keys=True)

    def find_written(self, key: str) -> str | None:
        """What stands in the CRM under a key, as far as the search has seen it."""
        return self._find(key, ("people", "entries", "tasks"))

    def find_sent(self, key: str) -> str | None:
        """The message with a key, as far as the search has seen it."""
        return self._find(key, ("messages",))

    def agents(self, _: Any) -> dict[str, Any]:
        """Its one user."""
        return {"id": "agent-1", "email": "agent@example.com"}

    def hear(self, what: str) -> None:
        """Our plugins tell of something."""
        self.told[what] += 1

    def read_letters(self, after: int) -> list[dict[str, Any]]:
        """The letters that came after so many."""
        if self.unreadable:
            self.unreadable -= 1
            raise ConnectionError
        return self.letters[after : after + 1]

    def read_changes(self, after: int) -> list[dict[str, Any]]:
        """What its users did after so much."""
        return self.changes[after:]

    # Its books

    def _save(self, book: str, what: str, value: dict[str, Any], id: str | None, *, keeps_keys: bool) -> dict[str, Any]:
        there = [row for row in self.rows if row.book == book]
        known = {row.id for row in there if row.id == id or (keeps_keys and row.key == value["key"])}
        record = next(iter(known), f"{book}-{len(self.rows) + 1}")
        if book == "people" and not known:
            self._people[record] = _who(value)
        self.rows.append(Row(book, what, record, value["key"], value, time.monotonic(), is_new=not known))
        return {"id": record}

    def _find(self, key: str, books: Sequence[str]) -> str | None:
        seen = time.monotonic() - LAG_S
        there = (row for row in self.rows if row.book in books and row.is_new and row.at <= seen)
        return next((row.id for row in there if row.key == key), None)

    def _owner(self, value: dict[str, Any]) -> str:
        if value["person_id"] not in self._people:
            self.problems.append(f"{value} came before its person")
        return self._people.get(value["person_id"], "nobody")

    def _watch_revision(self, id: str, revision: int) -> None:
        if revision < self._revisions[id]:
            self.problems.append(f"{id} went back from revision {self._revisions[id]} to {revision}")
        self._revisions[id] = revision


def _who(person: dict[str, Any]) -> str:
    return str(person["identities"][0]["value"]) if person["identities"] else "unknown"


@contextmanager
def open_for_business(*, keeps_keys: bool) -> Iterator[tuple[Vendor, str]]:
    """A vendor, and the address at which it is asked: each method with a list of values."""
    vendor = Vendor(keeps_keys)

    async def answer(request: Request) -> Response:
        method = getattr(vendor, request.path_params["method"])
        try:
            return JSONResponse([method(value) for value in await request.json()])
        except ConnectionError:
            return Response(status_code=500)

    app = Starlette(routes=[Route("/{method}", answer, methods=["POST"])])
    with serving(app, "127.0.0.1", 0) as port:
        yield vendor, f"http://127.0.0.1:{port}"
