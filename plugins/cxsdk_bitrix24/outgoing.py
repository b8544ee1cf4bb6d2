"""People, contacts and tasks as commands of Bitrix24.

https://apidocs.bitrix24.com/api-reference/crm/universal/crm-item-add.html
https://apidocs.bitrix24.com/api-reference/crm/timeline/activities/activity-base/crm-activity-add.html
https://apidocs.bitrix24.com/api-reference/crm/timeline/activities/todo/crm-activity-todo-add.html
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from cxsdk import CallState, Direction, Kind, LogEntry, Person, Task
from cxsdk_bitrix24.client import CONTACT, LEAD, Owner, time_of
from cxsdk_bitrix24.commands import Command, Reference

#: So long may a line and a text be: four bytes for each letter, they fit the columns of MySQL.
LINE_LIMIT, TEXT_LIMIT = 255, 16_000
#: How many numbers or addresses are looked for in one command.
SOUGHT = 20

_CALL, _PLAIN = 2, 1  #: the number of calls among the types of activities; that of plain text
_DIRECTIONS = {Direction.INBOUND: 1, Direction.OUTBOUND: 2}
_SOUGHT = {"phone": "PHONE", "email": "EMAIL"}


def searches(person: Person) -> Iterator[Command]:
    """The searches for whoever has one of a person's identities."""
    for kind, type in _SOUGHT.items():
        values = [identity.value for identity in person.identities if identity.kind == kind]
        for start in range(0, len(values), SOUGHT):
            yield Command("crm.duplicate.findbycomm", {"type": type, "values": values[start : start + SOUGHT]})


def person_command(person: Person, entity: int, owner: str | None, origin: str) -> Command:
    """Makes a lead or contact with all its numbers and addresses."""
    known = _line(person.name) or next((identity.value for identity in person.identities), "Unknown")
    first, _, last = known.rpartition(" ")
    others = [str(identity) for identity in person.identities if identity.kind not in _SOUGHT]
    told = [*others, *([f"First contact over {person.source}"] if person.source else [])]
    fields = {
        **({"title": known} if entity == LEAD else {}),
        "name": first or known,
        "lastName": last if first else None,
        "fm": [
            {"typeId": _SOUGHT[identity.kind], "valueType": "WORK", "value": identity.value}
            for identity in person.identities
            if identity.kind in _SOUGHT
        ],
        "comments": _cut("\n".join(told)) or None,
        "assignedById": owner,
        "originatorId": origin,
        "originId": person.key,
    }
    return Command("crm.item.add", {"entityTypeId": entity, "fields": fields})


def entry_commands(name: str, entry: LogEntry, owner: Owner, agent: str, origin: str) -> dict[str, Command]:
    """Logs a contact: a call as a call, all else as a to-do that is done; the first command gives its id."""
    if is_call(entry):
        return {
            name: Command("crm.activity.add", {"fields": {**_call(entry, owner, agent), **_key(origin, entry.key)}})
        }
    add = _todo(owner, time_of(entry.at), _title(entry), _text(entry), agent)
    return {name: Command("crm.activity.todo.add", add), **_marked(name, {**_key(origin, entry.key), "COMPLETED": "Y"})}


def entry_change(entry: LogEntry, *, is_finished: bool = False) -> Command:
    """What has become known of a contact that is logged; ``is_finished``: as a call of telephony."""
    if is_finished:
        return Command("crm.activity.update", {"id": entry.entry_id, "fields": call_fields(entry)})
    fields = {"SUBJECT": _title(entry), "DESCRIPTION": _text(entry), "RESPONSIBLE_ID": entry.agent_id}
    times = _times(entry) if is_call(entry) else {}
    return Command("crm.activity.update", {"id": entry.entry_id, "fields": {**fields, **times}})


def call_fields(entry: LogEntry) -> dict[str, Any]:
    """What the activity of a call of telephony may still take: Bitrix24 has named it, and when it was."""
    subject = _title(entry) if entry.subject else None
    return {"SUBJECT": subject, "DESCRIPTION": _text(entry), "RESPONSIBLE_ID": entry.agent_id}


def task_commands(name: str, task: Task, owner: Owner, agent: str, origin: str) -> dict[str, Command]:
    """Makes a to-do; the first command gives its id."""
    add = _todo(owner, time_of(task.due), _line(task.title), _cut(task.text), agent)
    return {name: Command("crm.activity.todo.add", add), **_marked(name, {**_key(origin, task.key), **_state(task)})}


def task_change(name: str, task: Task, owner: Owner) -> dict[str, Command]:
    """Changes a to-do. What agents made of its state stays, unless it is done."""
    todo = {"id": task.task_id, **_todo(owner, time_of(task.due), _line(task.title), _cut(task.text), task.agent_id)}
    state = {"id": task.task_id, "fields": _state(task)}
    return {name: Command("crm.activity.todo.update", todo), f"{name}m": Command("crm.activity.update", state)}


def is_call(entry: LogEntry) -> bool:
    """Whether it can be a call in Bitrix24, which wants the customer's number there."""
    return entry.kind is Kind.CALL and entry.counterpart.startswith("+")


def _todo(owner: Owner, deadline: str, title: str, text: str, agent: str | None) -> dict[str, Any]:
    place = {"ownerTypeId": owner.type, "ownerId": owner.id, "deadline": deadline}
    return {**place, "title": title, "description": text, "responsibleId": agent or None}


def _marked(name: str, fields: dict[str, Any]) -> dict[str, Command]:
    """Writes what cannot be given when a to-do is made."""
    return {f"{name}m": Command("crm.activity.update", {"id": Reference.to(name, "id"), "fields": fields})}


def _key(origin: str, key: str) -> dict[str, str]:
    return {"ORIGINATOR_ID": origin, "ORIGIN_ID": key}


def _state(task: Task) -> dict[str, Any]:
    return {"PRIORITY": 3 if task.urgent else 2, **({"COMPLETED": "Y"} if task.done else {})}


def _call(entry: LogEntry, owner: Owner, agent: str) -> dict[str, Any]:
    return {
        "OWNER_TYPE_ID": owner.type,
        "OWNER_ID": owner.id,
        "TYPE_ID": _CALL,
        "COMMUNICATIONS": [{"VALUE": entry.counterpart, "ENTITY_ID": owner.id, "ENTITY_TYPE_ID": owner.type}],
        "SUBJECT": _title(entry),
        "DESCRIPTION": _text(entry),
        "DESCRIPTION_TYPE": _PLAIN,
        "DIRECTION": _DIRECTIONS[entry.direction],
        "RESPONSIBLE_ID": agent or None,
        "COMPLETED": "Y",
        **_times(entry),
    }


def _times(entry: LogEntry) -> dict[str, str]:
    end = entry.at + timedelta(seconds=entry.seconds or 0)
    return {"START_TIME": time_of(entry.at), "END_TIME": time_of(end)}


def _title(entry: LogEntry) -> str:
    inbound = entry.direction is Direction.INBOUND
    if entry.kind is Kind.CALL:
        incoming = "Missed call" if entry.state is CallState.MISSED else "Incoming call"
        label = f"{incoming if inbound else 'Outgoing call'} {entry.counterpart}"
    else:
        side = f" {'from' if inbound else 'to'} {entry.counterpart}" if entry.counterpart else ""
        label = f"{'E-mail' if entry.kind is Kind.EMAIL else entry.kind.value.capitalize()}{side}"
    return _line(": ".join(filter(None, [label.strip(), entry.subject])))


def _text(entry: LogEntry) -> str:
    """The whole; where it is too long, the text is cut before the rest is."""
    rest = "\n\n".join(entry.besides())
    text = entry.text[: max(TEXT_LIMIT - len(rest) - 2, 0)]
    return _cut("\n\n".join(filter(None, [text, rest])))


def _line(text: str) -> str:
    return " ".join(text.split())[:LINE_LIMIT]


def _cut(text: str) -> str:
    return text[:TEXT_LIMIT]


#: What a stranger may become.
ENTITIES = {"lead": LEAD, "contact": CONTACT}
