"""amoCRM's API of version 4: arrays out, pages in, and what changed in a time.

https://www.amocrm.ru/developers/content/crm_platform/api-reference
https://developers.kommo.com/reference/kommo-api-reference
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from cxsdk import Http, OutcomeUnknown, Rejected, Transient
from cxsdk_amocrm.failures import Refused, field_missing, refusals

#: So many records are written at once, as amoCRM's own library advises, and read at once, which is the most.
BATCH, PAGE = 50, 250
#: So many ids fit an address.
IDS = 100
#: So many pages are looked back for what was written.
LOOKED_BACK = 4

Record = dict[str, Any]


@dataclass
class Written:
    """What became of the records of a request, by our names for them; of those in neither, nobody knows."""

    made: dict[str, Record] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def is_id(text: str | None) -> bool:
    """Whether this can be the id of a record or user."""
    return bool(text and text.isascii() and text.isdigit())


class Api:
    """The API of one account."""

    def __init__(self, http: Http, key_code: str) -> None:
        self._http = http
        self.key_code = key_code
        self._has_key = False

    # -- out

    def create(self, path: str, records: Mapping[str, Record]) -> Written:
        """Makes a record for each name."""
        return self._write(self._http.post, path, records)

    def change(self, path: str, records: Mapping[str, Record]) -> Written:
        """Changes the record of each name: the one with its id."""
        return self._write(self._http.patch, path, records)

    def _write(self, ask: Callable[..., Any], path: str, records: Mapping[str, Record]) -> Written:
        written, left = Written(), dict(records)
        while left:
            try:
                answer = ask(path, json=[{**record, "request_id": name} for name, record in left.items()])
            except Refused as problem:
                named = _named(problem.records, left)
                if not named:  # of which record, nobody can tell: one by one, they will
                    raise
                written.refused |= named
                left = {name: record for name, record in left.items() if name not in named}
                continue
            written.made = dict(_made(_answers(answer, path), left))
            written.refused |= {n: why for n, why in _named(refusals(answer), left).items() if n not in written.made}
            break
        return written

    def ensure_key(self) -> None:
        """Makes the field of contacts for our key, unless it is there."""
        if self._has_key:
            return
        if not self._key_is_there():
            self._make_key()
        self._has_key = True

    def _key_is_there(self) -> bool:
        return any(each.get("code") == self.key_code for each in self.all("contacts/custom_fields"))

    def _make_key(self) -> None:
        told = {"name": "cxsdk key", "code": self.key_code, "type": "text", "is_api_only": True}
        try:
            self._http.post("contacts/custom_fields", json=[told])
        except Rejected as problem:
            if not self._key_is_there():  # another process was not faster
                raise field_missing(self.key_code) from problem

    def hear(self, url: str, events: Iterable[str]) -> None:
        """Lets amoCRM tell of these events there."""
        self._http.post("webhooks", json={"destination": url, "settings": list(events)})

    # -- in

    def account(self) -> Record:
        """The account itself."""
        return _object(self._http.get("account"))

    def all(self, path: str, params: Mapping[str, Any] | None = None, pages: int | None = None) -> Iterator[Record]:
        """Every record of a list, or those of its first pages."""
        for page in islice(_numbers(), pages):
            answer = self._page(path, {**(params or {}), "page": page})
            yield from _embedded(answer, path)
            if "next" not in (answer.get("_links") or {}):
                return

    def latest(self, path: str) -> Iterator[Record]:
        """The newest records of a list, the newest first."""
        return self.all(path, {"order[id]": "desc"}, LOOKED_BACK)

    def search(self, path: str, words: str) -> list[Record]:
        """The records that have these words in any field, the oldest first."""
        return list(self.all(path, {"query": words, "order[id]": "asc"}, pages=1))

    def by_ids(self, path: str, ids: Iterable[str]) -> dict[str, Record]:
        """Those of the records that are there, by their ids."""
        rest, found = iter(dict.fromkeys(filter(is_id, ids))), dict[str, Record]()
        while some := list(islice(rest, IDS)):
            found |= {str(each["id"]): each for each in self.all(path, {"filter[id][]": some})}
        return found

    def changes(
        self, path: str, params: Mapping[str, Any], begin: int, until: int
    ) -> Iterator[tuple[list[Record], int]]:
        """The records that were changed from one second to another, in pieces, each with the second behind it.

        A piece is one page: on a second one, something may be missing if records are changed meanwhile. So where a
        page is full, a shorter time is asked for.
        """
        length = until - begin
        while begin < until:
            end = min(begin + length, until)
            found = self._changed(path, params, begin, end, pages=1)
            if len(found) >= PAGE and end - begin > 1:
                length = (end - begin) // 2
                continue
            if len(found) >= PAGE:
                found = self._changed(path, params, begin, end, pages=None)
            yield [record for record in found if begin <= record["updated_at"] < end], end
            begin, length = end, length * 2

    def _changed(self, path: str, params: Mapping[str, Any], begin: int, end: int, pages: int | None) -> list[Record]:
        # whether both ends belong to a filter is not said: a second too much is asked for, and left out again
        time = {"filter[updated_at][from]": begin - 1, "filter[updated_at][to]": end, "order[id]": "asc"}
        return list(self.all(path, {**params, **time}, pages))

    def _page(self, path: str, params: Mapping[str, Any]) -> Record:
        answer = self._http.get(path, params={"limit": PAGE, **params})
        return {} if answer is None else _object(answer)  # an empty list is 204


def _numbers() -> Iterator[int]:
    number = 1
    while True:
        yield number
        number += 1


def _named(refused: Mapping[str, str], records: Mapping[str, Record]) -> dict[str, str]:
    """Why records are refused, by our names; a reason without a name speaks of the only record."""
    named = {name: why for name, why in refused.items() if name in records}
    if not named and refused and len(records) == 1:
        return dict.fromkeys(records, next(iter(refused.values())))
    return named


def _made(answers: Iterable[Record], records: Mapping[str, Record]) -> Iterator[tuple[str, Record]]:
    """What amoCRM tells of each record: by its name, or of one that is changed by its id."""
    by_id = {str(record["id"]): name for name, record in records.items() if "id" in record}
    for answer in answers:
        given = answer.get("request_id")
        for name in given if isinstance(given, list) else [given]:
            ours = by_id.get(str(answer.get("id")), "") if by_id else str(name)
            if ours in records:
                yield ours, answer


def _answers(answer: Any, path: str) -> list[Record]:
    if isinstance(answer, list):
        return [one for one in answer if isinstance(one, dict)]
    if not isinstance(answer, dict):
        raise OutcomeUnknown("amoCRM's answer is no JSON object.")
    return _embedded(answer, path)


def _embedded(answer: Mapping[str, Any], path: str) -> list[Record]:
    kind = "unsorted" if "/unsorted/" in path else path.rpartition("/")[2]
    return [one for one in (answer.get("_embedded") or {}).get(kind) or [] if isinstance(one, dict)]


def _object(answer: Any) -> Record:
    if not isinstance(answer, dict):
        raise Transient("amoCRM's answer is no JSON object.")
    return answer
