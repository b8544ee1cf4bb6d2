"""What goes out, in one batch for each call: who is responsible is read first, and with it who is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from cxsdk import LogEntry, Receipt, Task
from cxsdk_bitrix24.client import BATCH, Api, Owner, Record, Result
from cxsdk_bitrix24.commands import Command
from cxsdk_bitrix24.lookups import tasks_of
from cxsdk_bitrix24.outgoing import entry_change, entry_commands, is_call, task_change, task_commands
from cxsdk_bitrix24.telephony import AT_ONCE, Telephony, call_commands, entry_id_of, refused

_NOTHING_TOLD = "Bitrix24's answer does not tell of it."
#: A to-do that an agent has completed takes no changes, and needs none.
_COMPLETED = "CAN_NOT_UPDATE_COMPLETED_TODO"
#: Of a change, it is the to-do that somebody has deleted.
_NOT_THERE = "NOT_FOUND"


class Writer:
    """Makes and changes people, entries and tasks."""

    def __init__(
        self, api: Api, origin: str, default_user: str | None, log: Any, telephony: Telephony | None = None
    ) -> None:
        self._api = api
        self._origin = origin
        self._default_user = default_user
        self._log = log
        self._telephony = telephony

    def make(self, people: Sequence[Command], entity: int) -> Iterator[Receipt]:
        """Makes a person with each command."""
        found = self._api.batch({f"p{n}": command for n, command in enumerate(people)})
        for result in found.values():
            receipt = _receipt(result, lambda value: value["item"]["id"])
            yield receipt.model_copy(update={"id": str(Owner(entity, int(receipt.id)))}) if receipt.id else receipt

    def log(self, entries: Sequence[LogEntry]) -> Iterator[Receipt]:
        """Logs entries, and changes those that are logged."""
        owners = self._owners(entry.person_id for entry in entries if entry.entry_id is None)
        calls = self._telephony.finished(entries) if self._telephony else {}
        size = AT_ONCE if self._telephony else BATCH
        for start in range(0, len(entries), size):  # what one batch has written counts when the next one fails
            yield from self._log_some(entries[start : start + size], owners, calls)

    def _log_some(
        self, entries: Sequence[LogEntry], owners: Mapping[str, tuple[Owner, str]], calls: Mapping[str, Record]
    ) -> Iterator[Receipt]:
        commands: dict[str, Command] = {}
        for n, entry in enumerate(entries):
            if entry.entry_id is not None:
                commands[f"e{n}"] = entry_change(entry, is_finished=entry.key in calls)
            elif owner := owners.get(entry.person_id):
                make = call_commands if self._telephony and is_call(entry) else entry_commands
                commands |= make(f"e{n}", entry, owner[0], entry.agent_id or owner[1], self._origin)
        found = self._run(commands)
        if self._telephony:
            told = [calls.get(each.key) or found.get(f"e{n}", Result()).value for n, each in enumerate(entries)]
            self._telephony.attach(entries, told)
        for n, entry in enumerate(entries):
            yield self._told(found, f"e{n}", entry.entry_id)

    def save_tasks(self, tasks: Sequence[Task]) -> Iterator[Receipt]:
        """Makes to-dos, and changes those that are there."""
        owners = self._owners(task.person_id for task in tasks)
        commands: dict[str, Command] = {}
        for n, task in enumerate(tasks):
            if owner := owners.get(task.person_id):
                agent = task.agent_id or owner[1]
                commands |= (
                    task_change(f"t{n}", task, owner[0])
                    if task.task_id
                    else task_commands(f"t{n}", task, owner[0], agent, tasks_of(self._origin))
                )
        found = self._run(commands)
        for n, task in enumerate(tasks):
            yield self._told(found, f"t{n}", task.task_id)

    def _owners(self, people: Iterable[str]) -> dict[str, tuple[Owner, str]]:
        """Of each of the people who are there, who is responsible for them."""
        named = {name: owner for name in people if (owner := Owner.of(name))}
        there = self._api.responsible(named.values())
        return {
            name: (owner, there[owner] or self._default_user or "") for name, owner in named.items() if owner in there
        }

    def _run(self, commands: Mapping[str, Command]) -> dict[str, Result]:
        return self._api.batch(commands) if commands else {}

    def _told(self, found: Mapping[str, Result], name: str, known: str | None) -> Receipt:
        if name not in found:
            return Receipt.person_gone("Bitrix24 has this person no more.")
        if problem := refused(found, name):
            return problem
        result, mark = found[name], found.get(f"{name}m")
        if known is not None:
            return _changed(known, [result, mark] if mark else [result])
        receipt = _receipt(result, _id)
        if receipt.is_done and mark is not None and mark.problem is not None:
            # it is there: made again for want of a mark, there would be two
            self._log.warning("bitrix24_mark_failed", id=receipt.id, problem=mark.problem.said)
        return receipt


def _changed(known: str, results: Sequence[Result]) -> Receipt:
    """What became of a change, whose person is known to be there."""
    for result in results:
        code = result.problem.code if result.problem else ""
        if code == _COMPLETED:
            continue
        if result.problem and code == _NOT_THERE:
            return Receipt.rejected(result.problem.said)
        receipt = _receipt(result, lambda _: known)
        if not receipt.is_done:
            return receipt
    return Receipt.accepted(known)


def _receipt(result: Result, id_of: Callable[[Any], Any]) -> Receipt:
    if result.problem is not None:
        return result.problem.of_a_write()
    if result.value is None:
        return Receipt.unknown(_NOTHING_TOLD)
    try:
        return Receipt.accepted(id_of(result.value))
    except (LookupError, TypeError, ValueError):
        return Receipt.unknown(_NOTHING_TOLD)


def _id(value: Any) -> Any:
    """The id that a method gives: the bare number, or one beside its name; of a call, that of its activity."""
    if not isinstance(value, dict):
        return int(value)
    return value["id"] if "id" in value else entry_id_of(value)
