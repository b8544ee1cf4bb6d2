"""Sample CRM: contacts, notes and to-dos over a REST API, as an author would write the whole plugin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cxsdk import (
    CRM,
    Agent,
    Context,
    Inbound,
    LogEntry,
    Page,
    Person,
    Raw,
    Reader,
    Receipt,
    Secret,
    Stop,
    Task,
    TaskChange,
    hookimpl,
)


class SampleCRM(CRM, Inbound):
    """One Sample CRM workspace."""

    workspace: str
    api_key: Secret
    page_size: int = 50

    batch_size = 10
    duplicates = "lookup"  # every record takes a reference of ours, and the search finds it

    def open(self, context: Context) -> None:
        self._api = context.http(f"https://{self.workspace}.sample.example/v1", bearer=self.api_key)

    def find_people(self, who: Sequence[Person]) -> Iterator[str | None]:
        for person in who:
            yield self._first("/contacts", {"reach": [identity.value for identity in person.identities]})

    def create_people(self, people: Sequence[Person]) -> Iterator[Receipt]:
        for person in people:
            reach = [{"type": identity.kind, "value": identity.value} for identity in person.identities]
            yield self._write("/contacts", None, {"reference": person.key, "name": person.name, "reach": reach})

    def log(self, entries: Sequence[LogEntry]) -> Iterator[Receipt]:
        for entry in entries:
            note = {
                "reference": entry.key,
                "contact": entry.person_id,
                "what": entry.kind,
                "way": entry.direction,
                "when": entry.at.isoformat(),
                "text": "\n\n".join(part for part in (entry.text, entry.comment, entry.recording_url) if part),
            }
            yield self._write("/notes", entry.entry_id, note)

    def save_tasks(self, tasks: Sequence[Task]) -> Iterator[Receipt]:
        for task in tasks:
            todo = {
                "reference": task.key,
                "contact": task.person_id,
                "owner": task.agent_id,
                "headline": task.title,
                "details": task.text,
                "deadline": task.due.isoformat(),
                "finished": task.done,
            }
            yield self._write("/todos", task.task_id, todo)

    def find_written(self, keys: Sequence[str]) -> Iterator[str | None]:
        for key in keys:
            yield self._first("/records", {"reference": key})

    def agents(self) -> Iterator[Agent]:
        for user in self._api.get("/users"):
            yield Agent(id=user["id"], name=user["name"], email=user["email"], active=user["active"])

    def sources(self) -> Mapping[str, Reader]:
        return {"todos": self._read_todos}

    def parse(self, raw: Raw) -> Iterator[TaskChange]:
        with raw.reading() as todo:
            yield TaskChange(key=raw.id, at=todo["touched"], task_id=todo["id"], done=todo["finished"])

    def _read_todos(self, cursor: str | None, stop: Stop) -> Iterator[Page]:
        while not stop.is_set():
            todos = self._api.get("/todos", params={"since": cursor or "0", "limit": self.page_size})
            if not todos:
                return
            cursor = str(todos[-1]["version"])
            yield Page(items=tuple(Raw.of(todo, id=f"{todo['id']}v{todo['version']}") for todo in todos), cursor=cursor)

    def _write(self, path: str, id: str | None, record: dict[str, Any]) -> Receipt:
        saved = self._api.patch(f"{path}/{id}", json=record) if id else self._api.post(path, json=record)
        return Receipt.accepted(saved["id"])

    def _first(self, path: str, question: Mapping[str, Any]) -> str | None:
        found = self._api.get(path, params=question)
        return found[0]["id"] if found else None


@hookimpl
def register_crms() -> Sequence[type[CRM]]:
    return [SampleCRM]
