"""Sample people, entries, tasks and messages, each recognised by a word that stands nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from cxsdk.domain.case import Task
from cxsdk.domain.identity import Identity, Person
from cxsdk.domain.interaction import Direction, Kind
from cxsdk.domain.outward import LogEntry, Message
from cxsdk.testing.context import NOW

#: To whom a message goes, by what a channel reaches.
RECIPIENTS = {"phone": "+12125550123", "email": "customer@example.com", "telegram": "100001"}


def word(number: int) -> str:
    """The word of the sample with this number."""
    return f"sample{number:04d}mark"


def person(number: int, **fields: Any) -> Person:
    """A person with a phone number and an e-mail address."""
    reach = Identity(kind="phone", value=f"+121255501{number % 100:02d}"), email_of(number)
    return Person(**{"key": f"person-{number}", "name": f"Sample {word(number)}", "identities": reach} | fields)


def email_of(number: int) -> Identity:
    """The e-mail address of the sample person with this number."""
    return Identity(kind="email", value=f"{word(number)}@example.com")


def entry(number: int, person_id: str, **fields: Any) -> LogEntry:
    """A letter from a customer."""
    usual = {"key": f"entry-{number}", "person_id": person_id, "kind": Kind.EMAIL, "direction": Direction.INBOUND}
    return LogEntry(**usual | {"at": NOW, "subject": "A question", "text": f"Hello {word(number)}"} | fields)


def task(number: int, person_id: str, **fields: Any) -> Task:
    """A call to return."""
    usual = {"key": f"task-{number}", "person_id": person_id, "title": f"Call back {word(number)}"}
    return Task(**usual | {"text": "They asked for it.", "due": NOW + timedelta(hours=1)} | fields)


def message(number: int, to: str, **fields: Any) -> Message:
    """A short message."""
    return Message(
        **{"key": f"message-{number}", "to": to, "text": f"Hello {word(number)}", "subject": "Hello"} | fields
    )


def sample(method: str, number: int, target: str, **fields: Any) -> Any:
    """A value for an outward method; ``target`` is the person's id, or the recipient."""
    match method:
        case "create_people":
            return person(number, **fields)
        case "log":
            return entry(number, target, **fields)
        case "save_tasks":
            return task(number, target, **fields)
    return message(number, target, **fields)


def samples(method: str, count: int, target: str) -> Sequence[Any]:
    """So many values, from number 1 on."""
    return [sample(method, number, target) for number in range(1, count + 1)]


#: The field of each kind of value that holds what people read.
TEXT = {"create_people": "name", "log": "text", "save_tasks": "title", "send": "text"}


def extremes(method: str) -> dict[str, dict[str, Any]]:
    """The fields of an empty value and of a huge one; a channel's messages are never longer than it says."""
    name, text = "x" * 5_000, "long " * 12_000
    empty = {"create_people": {"name": ""}, "log": {"subject": "", "text": ""}, "save_tasks": {"text": ""}}
    huge = {
        "create_people": {"name": name},
        "log": {"subject": name, "text": text, "comment": text},
        "save_tasks": {"title": name, "text": text},
    }
    found = {"empty": dict[str, Any](empty.get(method, {"subject": ""}))}
    return found | ({"huge": dict[str, Any](huge[method])} if method in huge else {})
