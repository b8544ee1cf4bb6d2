"""Batches of people, contacts and tasks, and a receipt for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from cxsdk import CxsdkError, LogEntry, OutcomeUnknown, Person, Receipt, Rejected, Task
from cxsdk_amocrm.client import Api, Record, Written, is_id
from cxsdk_amocrm.failures import NO_CARD
from cxsdk_amocrm.outgoing import (
    call_record,
    contact_record,
    incoming_kind,
    incoming_record,
    is_call,
    lead_record,
    note_record,
    task_record,
)

Strangers = Literal["incoming", "lead", "contact"]
Receipts = dict[str, Receipt]
#: How what was made of a value is named, by amoCRM's answer.
Name = Callable[[Any, Record], str]

_UNTOLD = "amoCRM's answer does not tell of it."
#: What amoCRM calls cards in its answers, and in its addresses.
_CARDS = {"contact": "contacts", "lead": "leads", "company": "companies", "customer": "customers"}


def create_people(
    api: Api,
    people: Sequence[Person],
    owners: Mapping[str, Record],
    strangers: Strangers,
    pipeline: int | None,
    now: datetime,
    log: Any,
) -> Iterator[Receipt]:
    """A contact for each, with the lead that strangers become; ``log`` hears of a lead that is refused."""
    api.ensure_key()
    receipts = _new_contacts(api, people, owners, pipeline, with_leads=strangers == "lead")
    made = [person for person in people if receipts[person.key].is_done]
    problem = _incoming(api, made, receipts, pipeline, now) if strangers == "incoming" else None
    if isinstance(problem, Rejected):
        log.warning("incoming_lead_refused", reason=str(problem))
        problem = None
    if problem is not None:  # who is there, is found by their key
        receipts |= {person.key: Receipt.unknown(str(problem)) for person in made}
    yield from (receipts[person.key] for person in people)
    if problem is not None:
        raise problem


def _new_contacts(
    api: Api, people: Sequence[Person], owners: Mapping[str, Record], pipeline: int | None, *, with_leads: bool
) -> Receipts:
    contacts = {person.key: {**contact_record(person, api.key_code), **owners[person.key]} for person in people}
    if not with_leads:
        return _receipts(people, api.create("contacts", contacts), lambda _, answer: str(answer["id"]))
    leads = {
        person.key: {**lead_record(person, contacts[person.key], pipeline), **owners[person.key]} for person in people
    }
    return _receipts(people, api.create("leads/complex", leads), lambda _, answer: str(answer["contact_id"]))


def _incoming(
    api: Api, people: Sequence[Person], receipts: Receipts, pipeline: int | None, now: datetime
) -> CxsdkError | None:
    """Makes the incoming leads of new contacts; what went wrong, if anything. Callers who withhold theirs have none."""
    kinds: dict[str, dict[str, Record]] = {}
    for person in people:
        if person.identities:
            lead = incoming_record(person, int(receipts[person.key].id or 0), pipeline, now)
            kinds.setdefault(incoming_kind(person), {})[person.key] = lead
    try:
        written = [api.create(f"leads/unsorted/{kind}", leads) for kind, leads in kinds.items()]
    except CxsdkError as problem:
        return problem
    refused = [why for each in written for why in each.refused.values()]
    return Rejected("; ".join(refused)[:500]) if refused else None


def log(api: Api, entries: Sequence[LogEntry]) -> Iterator[Receipt]:
    """Calls go to the card with their number, else, like all others, as a note to their person's."""
    known = [entry for entry in entries if entry.entry_id]
    calls = [entry for entry in entries if not entry.entry_id and is_call(entry)]
    notes = [entry for entry in entries if not entry.entry_id and not is_call(entry)]

    def add_calls() -> Receipts:
        written = api.create("calls", {entry.key: call_record(entry) for entry in calls})
        cardless = [entry for entry in calls if NO_CARD in written.refused.get(entry.key, "")]
        notes.extend(cardless)
        return _receipts([entry for entry in calls if entry not in cardless], written, _call_name)

    def add_notes() -> Receipts:
        return _on_cards(api, "contacts/notes", notes, note_record, _note_name)

    changes = [lambda kind=kind, some=some: _change(api, kind, some) for kind, some in _by_card(known).items()]
    yield from _in_turn(entries, [*changes, *([add_calls] if calls else []), add_notes])


def save_tasks(api: Api, tasks: Sequence[Task], owners: Mapping[str, Record], task_type: int) -> Iterator[Receipt]:
    """New tasks, and changes of those that are there."""
    new, known = [task for task in tasks if not task.task_id], [task for task in tasks if task.task_id]

    def record(task: Task) -> Record:
        return {
            "task_type_id": task_type,
            "entity_type": "contacts",
            **owners.get(task.person_id, {}),
            **task_record(task),
        }

    def add() -> Receipts:
        return _on_cards(api, "tasks", new, record, lambda _, answer: str(answer["id"]))

    def change() -> Receipts:
        records = {task.key: {"id": int(task.task_id or 0), **task_record(task)} for task in known}
        return _receipts(known, api.change("tasks", records), lambda _, answer: str(answer["id"]))

    yield from _in_turn(tasks, [*([change] if known else []), *([add] if new else [])])


def _in_turn(values: Sequence[Any], steps: Sequence[Callable[[], Receipts]]) -> Iterator[Receipt]:
    """The receipts of several requests, in the order of the values.

    Where one goes wrong after another went well, each value says for itself what became of it: what is there must not
    be sent again with what is not.
    """
    receipts: Receipts = {}
    problem: CxsdkError | None = None
    for step in steps:
        try:
            receipts |= step()
        except CxsdkError as error:
            problem = error
            break
    if problem is not None and not receipts:
        raise problem
    for value in values:
        yield receipts.get(value.key) or _instead(problem)
    if problem is not None:
        raise problem


def _instead(problem: CxsdkError | None) -> Receipt:
    unknown = problem is None or isinstance(problem, OutcomeUnknown)
    return Receipt.unknown(str(problem or _UNTOLD)) if unknown else Receipt.deferred(str(problem))


def _on_cards(
    api: Api,
    path: str,
    values: Sequence[Any],
    record: Callable[[Any], Record],
    name: Name,
) -> Receipts:
    """Makes records on their people's cards; whose card is gone, is told apart from what is refused."""
    there = [value for value in values if is_id(value.person_id)]
    gone = {value.key: Receipt.person_gone("It is no contact of amoCRM.") for value in values if value not in there}
    if not there:
        return gone
    written = api.create(path, {value.key: {**record(value), "entity_id": int(value.person_id)} for value in there})
    receipts = _receipts(there, written, name)
    refused = {value.key: value.person_id for value in there if value.key in written.refused}
    return gone | receipts | _told_apart(api, refused, written)


def _told_apart(api: Api, refused: Mapping[str, str], written: Written) -> Receipts:
    """Of what is refused, by the person of each: what is, because they are gone."""
    try:
        people = api.by_ids("contacts", refused.values())
    except CxsdkError as problem:  # the others are there, and must not be sent again
        return {key: Receipt.deferred(str(problem)) for key in refused}
    missing = {key for key, id in refused.items() if people.get(id, {"is_deleted": True}).get("is_deleted")}
    return {key: Receipt.person_gone(written.refused[key]) for key in missing}


def _change(api: Api, kind: str, entries: Sequence[LogEntry]) -> Receipts:
    records = {}
    for entry in entries:
        _, card, note = str(entry.entry_id).split(":")
        told = {name: value for name, value in note_record(entry).items() if name in ("note_type", "params")}
        records[entry.key] = {"id": int(note), "entity_id": int(card), **told}
    written = api.change(f"{kind}/notes", records)
    return _receipts(entries, written, lambda entry, _: str(entry.entry_id))


def _by_card(entries: Sequence[LogEntry]) -> dict[str, list[LogEntry]]:
    found: dict[str, list[LogEntry]] = {}
    for entry in entries:
        found.setdefault(str(entry.entry_id).partition(":")[0], []).append(entry)
    return found


def _receipts(values: Sequence[Any], written: Written, name: Name) -> Receipts:
    return {value.key: _receipt(value, written, name) for value in values}


def _receipt(value: Any, written: Written, name: Name) -> Receipt:
    if value.key in written.made:
        return Receipt.accepted(name(value, written.made[value.key]))
    refused = written.refused.get(value.key)
    return Receipt.unknown(_UNTOLD) if refused is None else Receipt.rejected(refused)


def _call_name(entry: LogEntry, answer: Record) -> str:
    kind = str(answer.get("entity_type") or "contacts")
    return f"{_CARDS.get(kind, kind)}:{answer.get('entity_id') or entry.person_id}:{answer['id']}"


def _note_name(entry: LogEntry, answer: Record) -> str:
    return f"contacts:{entry.person_id}:{answer['id']}"
