"""Bitrix24's REST API: batches of commands with their results, and the records that changed since a moment.

https://apidocs.bitrix24.com/settings/how-to-call-rest-api/index.html
https://apidocs.bitrix24.com/settings/performance/huge-data.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from cxsdk import Http, OutcomeUnknown, Transient
from cxsdk_bitrix24.commands import REFERENCE, Command
from cxsdk_bitrix24.failures import Problem

#: Bitrix24's limits: of the commands of a batch, and of a page of any list.
BATCH, PAGE = 50, 50
#: The numbers of the kinds of records.
LEAD, DEAL, CONTACT, COMPANY = 1, 2, 3, 4
#: People by the letters with which Bitrix24 itself names them: C_123.
LETTERS = {"L": LEAD, "C": CONTACT, "CO": COMPANY}
#: What counting all records of a list would cost is saved.
UNCOUNTED = -1

Record = dict[str, Any]


class Owner(NamedTuple):
    """To whom an activity belongs."""

    type: int
    id: int

    @classmethod
    def of(cls, person_id: str) -> Owner | None:
        """Whom our name for a person means; None where it is none of Bitrix24's."""
        letters, _, number = person_id.partition("_")
        known = letters in LETTERS and number.isascii() and number.isdigit()
        return cls(LETTERS[letters], int(number)) if known else None

    def __str__(self) -> str:
        return f"{next(letters for letters, type in LETTERS.items() if type == self.type)}_{self.id}"


class Result(NamedTuple):
    """What became of one command; neither value nor problem where the answer does not tell of it."""

    value: Any = None
    problem: Problem | None = None

    def read(self) -> Any:
        """What a command that only reads has found. Raises what is wrong."""
        if self.problem is not None:
            raise self.problem.of_a_read()
        return self.value


@dataclass(frozen=True)
class Listing:
    """A list of records as one of the API's methods gives it, and the names of what it is read on by."""

    method: str
    select: Sequence[str]
    filter: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)
    id: str = "id"
    changed: str = "updatedTime"

    def command(self, conditions: Mapping[str, Any], *order: str) -> Command:
        """Asks for the first page of those for which the conditions hold, too."""
        select = ["*"] if "*" in self.select else [self.id, self.changed, *self.select]
        asked = {"select": select, "filter": {**self.filter, **conditions}, "order": dict.fromkeys(order, "ASC")}
        return Command(self.method, {**self.more, **asked, "start": UNCOUNTED})

    def at(self, record: Record) -> datetime:
        """When a record was changed last, to the second."""
        return moment(record[self.changed])


def items(entity: int, select: Sequence[str], filter: Mapping[str, Any] | None = None, **names: str) -> Listing:
    """The list of leads, deals, contacts or companies."""
    return Listing("crm.item.list", select, filter or {}, {"entityTypeId": entity}, **names)


def moment(text: str) -> datetime:
    """A moment as records have it: with its zone. Raises ValueError for what is none."""
    return datetime.fromisoformat(text).astimezone(UTC).replace(microsecond=0)


def time_of(at: datetime) -> str:
    """A moment as the API takes it."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


class Api:
    """The API of one portal."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def batch(self, commands: Mapping[str, Command], *, reads: bool = False) -> dict[str, Result]:
        """Runs any number of commands, in order; those that belong together must be among the same 50.

        Raises what is wrong with the account where all of them are refused for it.
        """
        rest, found = iter(commands.items()), dict[str, Result]()
        while part := dict(islice(rest, BATCH)):
            found |= self._batch(part, reads=reads)
        return found

    def _batch(self, commands: Mapping[str, Command], *, reads: bool) -> dict[str, Result]:
        asked = {name: str(command) for name, command in commands.items()}
        answer = self._http.post("batch", json={"halt": False, "cmd": asked}, reads=reads)
        told = answer.get("result") if isinstance(answer, dict) else None
        if not isinstance(told, dict):
            raise (Transient if reads else OutcomeUnknown)("Bitrix24's answer does not tell of the commands.")
        values, errors = _named(told.get("result")), _named(told.get("result_error"))
        found = {name: Result(values.get(name), Problem.of(errors.get(name))) for name in commands}
        alone = [each for name, each in found.items() if REFERENCE not in asked[name]]  # the others fail with these
        wrong = [each.problem.of_the_account() if each.problem else None for each in alone]
        if wrong[0] is not None and all(wrong):
            raise wrong[0]
        return found

    def call(self, method: str, params: Mapping[str, Any]) -> Any:
        """What a method that only reads gives."""
        answer = self._http.post(method, json=dict(params), reads=True)
        if not isinstance(answer, dict) or "result" not in answer:
            raise Transient("Bitrix24's answer has no result.")
        return answer["result"]

    def responsible(self, people: Iterable[Owner]) -> dict[Owner, str]:
        """Who is responsible for each of the people; those who are gone are left out."""
        kinds: dict[int, list[int]] = {}
        for owner in dict.fromkeys(people):
            kinds.setdefault(owner.type, []).append(owner.id)
        asked = {f"of{type}": items(type, ["assignedById"]).command({"@id": ids}) for type, ids in kinds.items()}
        found = self.batch(asked, reads=True) if asked else {}
        return {
            Owner(type, int(each["id"])): str(each.get("assignedById") or "")
            for type in kinds
            for each in records(found[f"of{type}"].read())
        }

    def users(self) -> Iterator[Record]:
        """All users, those who have left among them."""
        start, last = 0, ""
        while True:
            found = records(self.call("user.get", {"sort": "ID", "order": "ASC", "start": start}))
            if not found or str(found[-1]["ID"]) == last:
                return
            yield from found
            start, last = start + PAGE, str(found[-1]["ID"])
            if len(found) < PAGE:
                return

    def changes(self, listing: Listing, begin: datetime, until: datetime) -> Iterator[tuple[list[Record], datetime]]:
        """Pages of records in the order of their last change, each with the moment before which all are read.

        A page never ends within a second: that is as fine as records tell their changes.
        """
        while begin < until:
            window = {f">={listing.changed}": time_of(begin), f"<{listing.changed}": time_of(until)}
            found = self._page(listing.command(window, listing.changed, listing.id))
            if len(found) < PAGE:
                yield found, until
                return
            last = listing.at(found[-1])
            whole = [each for each in found if listing.at(each) < last]
            if not whole:  # a whole page of one second
                last += timedelta(seconds=1)
                window[f"<{listing.changed}"] = time_of(last)
                whole = [each for page in self.pages(listing, window) for each in page]
            if last <= begin:  # a portal that repeats itself
                return
            yield whole, last
            begin = last

    def pages(self, listing: Listing, conditions: Mapping[str, Any], after: int = 0) -> Iterator[list[Record]]:
        """Pages of the records for which the conditions hold, in the order of their ids, behind one of them."""
        while found := self._page(listing.command({**conditions, f">{listing.id}": after}, listing.id)):
            last = int(found[-1][listing.id])
            if last <= after:  # a portal that repeats itself
                return
            yield found
            after = last
            if len(found) < PAGE:
                return

    def _page(self, command: Command) -> list[Record]:
        return records(self.call(command.method, command.params))


def records(told: Any) -> list[Record]:
    """The records in the result of a list, whichever of the two shapes it has."""
    found = told.get("items") if isinstance(told, dict) else told
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise Transient("Bitrix24's answer is no list of records.")
    return found


def _named(told: Any) -> Mapping[str, Any]:
    """What PHP writes as a list where it is empty."""
    return told if isinstance(told, dict) else {}
