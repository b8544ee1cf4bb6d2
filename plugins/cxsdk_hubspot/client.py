"""HubSpot's CRM API: batches by our key, associations, searches, and the records that changed since a moment.

https://developers.hubspot.com/docs/api-reference/crm-objects-v3/guide
https://developers.hubspot.com/docs/api/crm/search
https://developers.hubspot.com/docs/api-reference/crm-associations-v4/guide
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from cxsdk import Http, OutcomeUnknown, PersonGone, Receipt, Rejected, Transient
from cxsdk_hubspot.failures import link_refusal, property_unusable, refusal

#: HubSpot's limits: of the records of a batch, and of a page of a search.
BATCH, PAGE = 100, 200
#: So many numbers are looked for at once: the whole of a search may have 3,000 letters.
NUMBERS = 50
#: When a record was changed last; of contacts, it has another name.
CHANGED = "hs_lastmodifieddate"
_CALLED = ("hs_searchable_calculated_phone_number", "hs_searchable_calculated_mobile_number")

Properties = dict[str, Any]
Record = dict[str, Any]
Filter = dict[str, Any]


def where(name: str, operator: str, value: Any = None) -> Filter:
    """One condition of a search; several values make it a list."""
    given = {} if value is None else {"values": value} if isinstance(value, list) else {"value": value}
    return {"propertyName": name, "operator": operator, **given}


def between(name: str, begin: int, until: int) -> list[Filter]:
    """The conditions of a moment from one on, and before another."""
    return [where(name, "GTE", str(begin)), where(name, "LT", str(until))]


def millis(at: datetime) -> int:
    """A moment as searches and cursors have it: in milliseconds since 1970."""
    return round(at.timestamp() * 1000)


def moment(text: str) -> datetime:
    """A moment as properties have it. Raises ValueError for what is none."""
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)


def told(kind: str, record: Record) -> Record:
    """A record as a source tells it."""
    return {"kind": kind, "id": str(record["id"]), "properties": record["properties"]}


class Api:
    """The API of one account."""

    def __init__(self, http: Http, key_property: str) -> None:
        self._http = http
        self._key = key_property
        self._ready: set[str] = set()

    # -- out

    def ensure_key(self, kind: str) -> None:
        """Makes the property for our key, unless it is there. Raises AuthenticationError where it is not unique."""
        if kind in self._ready:
            return
        self._unique(self._key_of(kind) or self._make_key(kind))
        self._ready.add(kind)

    def has_key(self, kind: str) -> bool:
        """Whether the property for our key is there. Raises AuthenticationError where it is not unique."""
        held = self._key_of(kind)
        return held is not None and self._unique(held)

    def look(self, *kinds: str) -> None:
        """Reads an owner, and a record of each kind. Raises AuthenticationError where the app may not."""
        for kind in kinds:
            self._http.get(f"crm/v3/objects/{kind}", params={"limit": 1})
        self._http.get("crm/v3/owners/", params={"limit": 1})

    def upsert(self, kind: str, records: Mapping[str, Properties]) -> dict[str, Receipt]:
        """Makes or changes the record of each key, at most 100; for each key its receipt."""
        self.ensure_key(kind)
        inputs = [
            {"idProperty": self._key, "id": key, "objectWriteTraceId": key, "properties": properties}
            for key, properties in records.items()
        ]
        answer = self._write(f"crm/v3/objects/{kind}/batch/upsert", inputs)
        told = {
            (each.get("properties") or {}).get(self._key) or each.get("objectWriteTraceId"): str(each["id"])
            for each in answer.get("results") or []
        }
        return _receipts(answer, list(records), told)

    def save(self, kind: str, records: Mapping[str, Properties], people: Mapping[str, str]) -> dict[str, Receipt]:
        """The same, each on the timeline of its person."""
        receipts = self.upsert(kind, records)
        made = {receipt.id: key for key, receipt in receipts.items() if receipt.is_done and receipt.id}
        if made:
            linked = self._associate(kind, {id: people[key] for id, key in made.items()})
            receipts |= {made[id]: receipt for id, receipt in linked.items()}
        return receipts

    def _associate(self, kind: str, contacts: Mapping[str, str]) -> dict[str, Receipt]:
        inputs = [{"from": {"id": id}, "to": {"id": contact}} for id, contact in contacts.items()]
        try:
            answer = self._write(f"crm/v4/associations/{kind}/contacts/batch/associate/default", inputs)
        except Rejected as problem:
            if problem.status == 404 and len(contacts) == 1:
                raise PersonGone(str(problem)) from None
            raise
        told = {str(each["from"]["id"]): str(each["from"]["id"]) for each in answer.get("results") or []}
        return _receipts(answer, list(contacts), told, link_refusal)

    def _write(self, path: str, inputs: Sequence[Record]) -> Record:
        answer = self._http.post(path, json={"inputs": inputs})
        if not isinstance(answer, dict):
            raise OutcomeUnknown("HubSpot's answer is no JSON object.")
        return answer

    def _unique(self, held: Properties) -> bool:
        if held.get("hasUniqueValue") is not True:
            raise property_unusable(self._key)
        return True

    def _key_of(self, kind: str) -> Properties | None:
        try:
            return _object(self._http.get(f"crm/v3/properties/{kind}/{self._key}"))
        except Rejected as problem:
            if problem.status != 404:
                raise
            return None

    def _make_key(self, kind: str) -> Properties:
        told = {"type": "string", "fieldType": "text", "groupName": "cxsdk", "hasUniqueValue": True}
        self._make(f"crm/v3/properties/{kind}/groups", {"name": "cxsdk", "label": "cxsdk"})
        self._make(f"crm/v3/properties/{kind}", {"name": self._key, "label": "cxsdk key", **told})
        return self._key_of(kind) or {}

    def _make(self, path: str, body: Properties) -> None:
        try:
            self._http.post(path, json=body)
        except Rejected as problem:
            if problem.status != 409:  # another process was faster
                raise

    # -- in

    def read(
        self, kind: str, ids: Iterable[str], properties: Sequence[str], *, by: str | None = None
    ) -> Iterator[Record]:
        """Those of the records that are there, in any order; ``by`` names the unique property that ids are of."""
        asked = {"properties": list(properties), **({"idProperty": by} if by else {})}
        yield from self._in_batches(f"crm/v3/objects/{kind}/batch/read", ids, asked)

    def contacts_of(self, kind: str, ids: Iterable[str]) -> dict[str, str]:
        """The first contact of each record that has one."""
        found = self._in_batches(f"crm/v4/associations/{kind}/contacts/batch/read", ids, {})
        return {str(each["from"]["id"]): str(each["to"][0]["toObjectId"]) for each in found if each.get("to")}

    def _in_batches(self, path: str, ids: Iterable[str], asked: Mapping[str, Any]) -> Iterator[Record]:
        rest = iter(dict.fromkeys(ids))
        while batch := list(islice(rest, BATCH)):
            body = {**asked, "inputs": [{"id": id} for id in batch]}
            yield from _object(self._http.post(path, json=body, reads=True)).get("results") or []

    def called(self, numbers: Sequence[str], properties: Sequence[str]) -> Iterator[Record]:
        """The contacts who have one of these numbers, without country codes; the oldest of each first."""
        for start in range(0, len(numbers), NUMBERS):
            asked = list(numbers[start : start + NUMBERS])
            for page in self.search("contacts", [[where(place, "IN", asked)] for place in _CALLED], properties):
                yield from page

    def owners(self) -> Iterator[Record]:
        """The people who may be responsible for records."""
        after: str | None = None
        while True:
            params = {"limit": BATCH, **({"after": after} if after else {})}
            answer = _object(self._http.get("crm/v3/owners/", params=params))
            yield from answer.get("results") or []
            after = _after(answer)
            if after is None:
                return

    def search(
        self, kind: str, groups: Sequence[Sequence[Filter]], properties: Sequence[str], *, by: str = "hs_object_id"
    ) -> Iterator[Sequence[Record]]:
        """Pages of the records for which all conditions of one group hold, the oldest first unless told otherwise."""
        asked = {"filterGroups": [{"filters": list(group)} for group in groups], "properties": list(properties)}
        asked |= {"sorts": [{"propertyName": by, "direction": "ASCENDING"}], "limit": PAGE}
        while True:
            answer = _object(self._http.post(f"crm/v3/objects/{kind}/search", json=asked, reads=True))
            yield answer.get("results") or []
            after = _after(answer)
            if after is None:
                return
            asked = {**asked, "after": after}

    def changes(
        self, kind: str, conditions: Sequence[Filter], properties: Sequence[str], begin: int, until: int
    ) -> Iterator[tuple[Sequence[Record], int]]:
        """Pages of records in the order of their last change, each with the moment before which all are read.

        A page never ends within a millisecond: pages count records, and those move when they are changed meanwhile.
        """
        read = [CHANGED, *properties]
        while begin < until:
            found = next(self.search(kind, [[*conditions, *between(CHANGED, begin, until)]], read, by=CHANGED))
            if len(found) < PAGE:
                yield found, until
                return
            begin = _changed(found[-1])
            whole = [each for each in found if _changed(each) < begin]
            if not whole:  # a whole page of one millisecond
                pages = self.search(kind, [[*conditions, *between(CHANGED, begin, begin + 1)]], read)
                whole, begin = [each for page in pages for each in page], begin + 1
            yield whole, begin


def _changed(record: Record) -> int:
    return millis(moment(record["properties"][CHANGED]))


def _receipts(
    answer: Record, names: Sequence[str], told: Mapping[Any, str], refused: Callable[[Record], Receipt] = refusal
) -> dict[str, Receipt]:
    """For each name its receipt: results come in any order, and errors name theirs somewhere in their context."""
    found = {name: Receipt.accepted(told[name]) for name in names if name in told}
    for error in answer.get("errors") or []:
        named = [name for name in _named(error) if name in names]
        missing = [name for name in names if name not in found]
        if not named and len(names) > 1:  # of which record, nobody can tell: one by one, they will
            raise Rejected(str(error.get("message") or "HubSpot refuses a record of the batch."))
        found |= {name: refused(error) for name in named or missing if name in missing}
    return {name: found.get(name) or Receipt.unknown("HubSpot's answer does not tell of it.") for name in names}


def _named(error: Record) -> Iterator[str]:
    context = error.get("context")
    for values in context.values() if isinstance(context, dict) else []:
        yield from map(str, values if isinstance(values, list) else [values])


def _after(answer: Record) -> str | None:
    after = ((answer.get("paging") or {}).get("next") or {}).get("after")
    return None if after is None else str(after)


def _object(answer: Any) -> Record:
    if not isinstance(answer, dict):
        raise Transient("HubSpot's answer is no JSON object.")
    return answer
