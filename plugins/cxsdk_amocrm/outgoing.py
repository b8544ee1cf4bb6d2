"""People, contacts and tasks as records of amoCRM.

https://developers.kommo.com/reference/notes-types
https://developers.kommo.com/reference/incoming-leads
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from cxsdk import CallState, Direction, Kind, LogEntry, Person, Task
from cxsdk_amocrm.client import Record, is_id

#: How much is written: of a text, of what came of a call, of a name. amoCRM's own limits are not documented.
TEXT_LIMIT, RESULT_LIMIT, NAME_LIMIT = 20_000, 1_000, 255
#: What came of a call, in amoCRM's numbers: it was a talk, or nobody answered.
TALKED, NO_ANSWER = 4, 6
_MARK = re.compile(r"\[cx ([^\]\s]{1,200})\]\s*\Z")


def marked(text: str, key: str) -> str:
    """A text that ends with our key: notes and tasks have no other place for it."""
    mark = f"\n[cx {key}]"
    return text[: TEXT_LIMIT - len(mark)] + mark


def mark_of(text: object) -> str | None:
    """The key at the end of a text."""
    found = _MARK.search(text) if isinstance(text, str) else None
    return found[1] if found else None


def time_of(at: datetime) -> int:
    """A moment as the API takes it: in seconds since 1970."""
    return int(at.timestamp())


def owned(agent_id: str | None, field: str = "responsible_user_id") -> Record:
    """The user whom an agent's id names, in a field that holds one."""
    return {field: int(agent_id)} if agent_id and is_id(agent_id) else {}


def values_of(person: Person, kind: str) -> list[str]:
    """A person's numbers or addresses."""
    return [identity.value for identity in person.identities if identity.kind == kind]


def name_of(person: Person) -> str:
    """What a person is called, or reached by."""
    known = person.name or next((identity.value for identity in person.identities), "Unknown")
    return _line(known, NAME_LIMIT)


def contact_record(person: Person, key_code: str) -> Record:
    """A contact with all numbers and addresses, and our key."""
    held = {"PHONE": values_of(person, "phone"), "EMAIL": values_of(person, "email")}
    fields: list[Record] = [
        {"field_code": code, "values": [{"value": value, "enum_code": "WORK"} for value in values]}
        for code, values in held.items()
        if values
    ]
    key = {"field_code": key_code, "values": [{"value": person.key}]}
    return {"name": name_of(person), "custom_fields_values": [*fields, key]}


def lead_record(person: Person, contact: Record, pipeline: int | None) -> Record:
    """A lead with a contact that is made with it."""
    return {"name": name_of(person), **_in(pipeline), "_embedded": {"contacts": [contact]}}


def incoming_record(person: Person, contact_id: int, pipeline: int | None, now: datetime) -> Record:
    """An incoming lead of a contact: a call where there is a number, else a form."""
    source, embedded = (
        person.source or "cxsdk",
        {"leads": [{"name": name_of(person)}], "contacts": [{"id": contact_id}]},
    )
    return {
        "source_uid": person.key,
        "source_name": source,
        "created_at": time_of(now),
        "metadata": _metadata(person, source, time_of(now)),
        "_embedded": embedded,
        **_in(pipeline),
    }


def incoming_kind(person: Person) -> str:
    """Which list of incoming leads a stranger belongs to."""
    return "sip" if values_of(person, "phone") else "forms"


def _metadata(person: Person, source: str, now: int) -> Record:
    if incoming_kind(person) == "forms":
        return {"form_id": "cxsdk", "form_name": source, "form_page": source, "form_sent_at": now}
    caller = values_of(person, "phone")[0]
    called = {"from": caller, "phone": caller, "called_at": now, "duration": 0, "service_code": "cxsdk"}
    return {**called, "uniq": person.key, "is_call_event_needed": False}  # the call itself is logged


def _in(pipeline: int | None) -> Record:
    return {} if pipeline is None else {"pipeline_id": pipeline}


def is_call(entry: LogEntry) -> bool:
    """Whether an entry can be logged as a call to or from a number."""
    return entry.kind is Kind.CALL and entry.counterpart.startswith("+")


def call_record(entry: LogEntry) -> Record:
    """A call for the card that has its number."""
    return {"direction": entry.direction.value, **_call(entry), **_made(entry)}


def note_record(entry: LogEntry) -> Record:
    """A note on a card: a call, an SMS, or a text; calls and SMS need the number."""
    inbound = entry.direction is Direction.INBOUND
    if entry.kind is Kind.CALL and entry.counterpart:
        return {"note_type": "call_in" if inbound else "call_out", "params": _call(entry), **_made(entry)}
    if entry.kind is Kind.MESSAGE and entry.counterpart.startswith("+"):
        params = {"text": marked(_text(entry, entry.subject), entry.key), "phone": entry.counterpart}
        return {"note_type": "sms_in" if inbound else "sms_out", "params": params, **_made(entry)}
    return {
        "note_type": "common",
        "params": {"text": marked(_text(entry, _headline(entry)), entry.key)},
        **_made(entry),
    }


def _made(entry: LogEntry) -> Record:
    return {"created_at": time_of(entry.at), **owned(entry.agent_id, "created_by")}


def _call(entry: LogEntry) -> Record:
    found: dict[str, Any] = {
        "uniq": entry.key,
        "duration": entry.seconds or 0,
        "source": entry.account or "cxsdk",
        "phone": entry.counterpart,
        "link": entry.recording_url,
        "call_result": "\n".join(_lines(entry, entry.subject, with_recording=False))[:RESULT_LIMIT] or None,
        "call_status": _status(entry.state),
        **owned(entry.agent_id, "call_responsible"),
    }
    return {name: value for name, value in found.items() if value is not None}  # null is refused


def _status(state: CallState | None) -> int | None:
    if state is CallState.MISSED:
        return NO_ANSWER
    return TALKED if state in (CallState.ANSWERED, CallState.ENDED) else None


def task_record(task: Task) -> Record:
    """Work for an agent. What they made of its state stays, unless it is done."""
    title = _line(f"Urgent: {task.title}" if task.urgent else task.title, NAME_LIMIT)
    return {
        "text": marked("\n\n".join(filter(None, [title, task.text])), task.key),
        "complete_till": time_of(task.due),
        **({"is_completed": True} if task.done else {}),
        **owned(task.agent_id),
    }


def _text(entry: LogEntry, headline: str) -> str:
    """The whole; where it is too long, the text is cut before the rest is."""
    rest = "".join(f"\n\n{line}" for line in entry.besides())[:TEXT_LIMIT]
    text = "\n\n".join(filter(None, [_line(headline, NAME_LIMIT), entry.text]))
    room = TEXT_LIMIT - len(rest) - len(marked("", entry.key))
    return text[: max(room, 0)] + rest


def _lines(entry: LogEntry, headline: str, *, with_recording: bool) -> Iterator[str]:
    yield from filter(None, [*entry.besides(recording=with_recording), headline, entry.text])


def _headline(entry: LogEntry) -> str:
    inbound = entry.direction is Direction.INBOUND
    what = "Missed call" if inbound and entry.state is CallState.MISSED else entry.kind.value.capitalize()
    whom = [f"{'from' if inbound else 'to'} {entry.counterpart}"] if entry.counterpart else []
    return f"{' '.join([what, *whom])}: {entry.subject}".rstrip(": ")


def _line(text: str, limit: int) -> str:
    return " ".join(text.split())[:limit]
