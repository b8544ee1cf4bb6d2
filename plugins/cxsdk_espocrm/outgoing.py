"""People, contacts and tasks as EspoCRM's records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cxsdk import CallState, Direction, Identity, Kind, LogEntry, Person, Task
from cxsdk_espocrm.client import TIME, Attributes, Where, any_of, where

#: EspoCRM's limits: of the name of a record, and of each part of a person's name.
NAME_LIMIT, PART_LIMIT = 255, 100

_LABELS = {Kind.MESSAGE: "Message", Kind.SURVEY: "Survey", Kind.NOTE: "Note"}


def time_of(at: datetime) -> str:
    """A moment as the API takes it: in UTC, to the second."""
    return at.astimezone(UTC).strftime(TIME)


def who_has(person: Person) -> Where | None:
    """The search for whoever has one of a person's identities; None where EspoCRM cannot know them.

    Numbers are compared by their digits: people type spaces and brackets into them.
    """
    conditions = [_who_has(identity) for identity in person.identities if identity.kind in ("email", "phone")]
    return any_of(conditions) if conditions else None


def _who_has(identity: Identity) -> Where:
    if identity.kind == "email":
        return where("equals", "emailAddress", identity.value)
    return where("equals", "phoneNumberNumeric", identity.value.lstrip("+"))


def person_record(person: Person) -> Attributes:
    """A lead or contact with all its numbers and addresses, the first of each as the main one."""
    first, last = _names(person)
    phones = [identity.value for identity in person.identities if identity.kind == "phone"]
    emails = [identity.value for identity in person.identities if identity.kind == "email"]
    others = [str(identity) for identity in person.identities if identity.kind not in ("phone", "email")]
    told = [*others, *([f"First contact over {person.source}"] if person.source else [])]
    return {
        "firstName": first,
        "lastName": last,
        "phoneNumberData": [{"phoneNumber": phone, "primary": phone == phones[0]} for phone in phones],
        "emailAddressData": [{"emailAddress": email, "primary": email == emails[0]} for email in emails],
        "description": "\n".join(told),
    }


def _names(person: Person) -> tuple[str, str]:
    known = person.name or next((identity.value for identity in person.identities), "Unknown")
    first, _, last = known.rpartition(" ")
    return first[:PART_LIMIT], last[:PART_LIMIT]


def entry_record(entry: LogEntry, message_entity: str, mail_address: str) -> tuple[str, Attributes]:
    """A contact as an entity type and a record of it."""
    if entry.kind is Kind.EMAIL and mail_address and "@" in entry.counterpart:
        return "Email", _email(entry, mail_address)
    if entry.kind is Kind.CALL:
        return "Call", {**_event(entry), "direction": entry.direction.value.capitalize()}
    return message_entity, _event(entry)


def _email(entry: LogEntry, mail_address: str) -> Attributes:
    sides = (entry.counterpart, mail_address)
    sender, recipient = sides if entry.direction is Direction.INBOUND else reversed(sides)
    return {
        "name": _title(entry),
        "subject": _title(entry),
        "from": sender,
        "to": recipient,
        "status": "Archived",
        "dateSent": time_of(entry.at),
        "body": _text(entry),
        "isHtml": False,
        **_assigned(entry.agent_id),
    }


def _event(entry: LogEntry) -> Attributes:
    return {
        "name": _title(entry),
        "status": "Not Held" if entry.state is CallState.MISSED else "Held",
        "dateStart": time_of(entry.at),
        "dateEnd": time_of(entry.at + timedelta(seconds=entry.seconds or 0)),
        "description": _text(entry),
        **_assigned(entry.agent_id),
    }


def _title(entry: LogEntry) -> str:
    label = _LABELS.get(entry.kind, entry.kind.value.capitalize())
    if entry.kind is Kind.CALL:
        incoming = "Missed call" if entry.state is CallState.MISSED else "Incoming call"
        label = incoming if entry.direction is Direction.INBOUND else "Outgoing call"
    return (" ".join(entry.subject.split()) or f"{label} {entry.counterpart}".strip())[:NAME_LIMIT]


def _text(entry: LogEntry) -> str:
    return "\n\n".join(filter(None, [entry.text, *entry.besides()]))


def task_record(task: Task) -> Attributes:
    """Work for an agent. What they made of its state stays, unless it is done."""
    new = {} if task.task_id else {"status": "Not Started"}
    return {
        "name": task.title[:NAME_LIMIT],
        "description": task.text,
        "dateEnd": time_of(task.due),
        "priority": "Urgent" if task.urgent else "Normal",
        **({"status": "Completed"} if task.done else new),
        **_assigned(task.agent_id),
    }


def _assigned(agent_id: str | None) -> Attributes:
    return {"assignedUserId": agent_id} if agent_id else {}
