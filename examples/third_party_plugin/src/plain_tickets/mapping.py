"""What is what there: pure functions from values of cxsdk to records of the API, and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cxsdk import Fact, LogEntry, Person, Raw, Task, TaskChange

#: The longest name or headline, in characters.
LINE = 200

Record = dict[str, Any]


def questions_of(person: Person) -> Iterator[dict[str, str]]:
    """What to search customers for; nobody can be found by anything else."""
    for identity in person.identities:
        if identity.kind in ("phone", "email"):
            yield {identity.kind: identity.value}


def customer_of(person: Person) -> Record:
    """A new customer."""
    return {
        "name": person.name[:LINE] or "Unknown",
        "phones": [identity.value for identity in person.identities if identity.kind == "phone"],
        "emails": [identity.value for identity in person.identities if identity.kind == "email"],
        "agent": person.agent_id,
    }


def note_of(entry: LogEntry) -> Record:
    """A note on a customer; what has no field of its own stands in its text."""
    state = f" ({entry.state})" if entry.state else ""
    parts = (
        entry.text,
        entry.comment,
        entry.recording_url,
        *(file.reference or file.name for file in entry.attachments),
    )
    return {
        "customer": entry.person_id,
        "agent": entry.agent_id,
        "at": entry.at.isoformat(),
        "headline": (entry.subject or f"{entry.direction} {entry.kind}{state}")[:LINE],
        "text": "\n\n".join(part for part in parts if part),
    }


def ticket_of(task: Task) -> Record:
    """A ticket; without an agent it is for whoever has the customer."""
    return {
        "customer": task.person_id,
        "agent": task.agent_id,
        "headline": task.title[:LINE],
        "text": task.text,
        "due": task.due.isoformat(),
        "urgent": task.urgent,
        "state": "closed" if task.done else "open",
    }


def facts_of(raw: Raw) -> Iterator[Fact]:
    """What a webhook tells of a ticket; other events tell nothing."""
    with raw.reading() as told:
        if told["event"] != "ticket.changed":
            return
        ticket = told["ticket"]
        yield TaskChange(
            key=raw.id,
            at=told["at"],
            task_id=ticket["id"],
            done=ticket["state"] == "closed",
            agent_id=ticket.get("agent"),
        )
