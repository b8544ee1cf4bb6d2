"""EspoCRM's REST API: signed requests, search, and the records that changed since a moment.

https://docs.espocrm.com/development/api/crud/
https://docs.espocrm.com/development/api-search-params/
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from cxsdk import Context, OutcomeUnknown, Secret, Transient
from cxsdk_espocrm.signing import sign_request

#: So many records are asked for at once; EspoCRM gives at most 200.
PAGE = 100
#: All times of the API are in UTC and look like this.
TIME = "%Y-%m-%d %H:%M:%S"

Attributes = dict[str, Any]
Where = dict[str, Any]


def where(type: str, attribute: str, value: Any = None) -> Where:
    """One condition of a search."""
    return {"type": type, "attribute": attribute, "value": value}


def any_of(conditions: Sequence[Where]) -> Where:
    """Whether one of them holds."""
    return {"type": "or", "value": list(conditions)}


def all_of(*conditions: Where) -> Where:
    """Whether all of them hold."""
    return {"type": "and", "value": list(conditions)}


class Api:
    """The API as one API user. A record is named ``Contact:64a1b2c3``: its entity type and its id."""

    def __init__(self, context: Context, url: str, api_key: Secret, secret_key: Secret | None) -> None:
        self._keys = (api_key, secret_key) if secret_key else None
        headers = {} if self._keys else {"X-Api-Key": api_key}
        self._http = context.http(f"{url.rstrip('/')}/api/v1", headers=headers)

    def read(self, name: str) -> Attributes:
        """One record with all its attributes. Raises Rejected where it is gone."""
        path = name.replace(":", "/", 1)
        return _record(self._http.get(path, headers=self._signed("GET", path)))

    def user(self) -> Attributes:
        """Who we are there, and what we may do."""
        return _record(self._http.get("App/user", headers=self._signed("GET", "App/user")))

    def find(
        self, entity: str, condition: Where, select: Sequence[str] = (), *, size: int = PAGE, offset: int = 0,
        order: str = "createdAt",
    ) -> list[Attributes]:  # fmt: skip
        """The first records for which a condition holds."""
        search = {"where": [condition], "select": ["id", *select], "maxSize": size, "offset": offset}
        search |= {"orderBy": order, "order": "asc"}
        headers = {"X-No-Total": "true", **self._signed("GET", entity)}
        found = _record(self._http.get(entity, params={"searchParams": json.dumps(search)}, headers=headers))
        return [_record(each) for each in found.get("list") or []]

    def create(self, entity: str, body: Attributes) -> str:
        """Makes a record, also one that EspoCRM takes for a duplicate: who is who has been decided before."""
        headers = {"X-Skip-Duplicate-Check": "true", **self._signed("POST", entity)}
        made = self._http.post(entity, json=body, headers=headers)
        if not isinstance(made, dict) or not made.get("id"):
            raise OutcomeUnknown(f"EspoCRM's answer tells no id of the new {entity}.")
        return f"{entity}:{made['id']}"

    def update(self, name: str, body: Attributes) -> None:
        """Changes some attributes of a record."""
        path = name.replace(":", "/", 1)
        self._http.put(path, json=body, headers=self._signed("PUT", path))

    def all(self, entity: str, condition: Where, select: Sequence[str]) -> Iterator[Attributes]:
        """Every record for which a condition holds."""
        offset = 0
        while found := self.find(entity, condition, select, offset=offset):
            yield from found
            offset += len(found)
            if len(found) < PAGE:
                return

    def changes(
        self, entity: str, condition: Where, select: Sequence[str], cursor: str, until: str
    ) -> Iterator[tuple[list[Attributes], str]]:
        """Pages of records in the order of their last change, each with the cursor behind it: time and id.

        Of several that changed in one second, the id decides; EspoCRM sorts by it, too.
        """
        settled = where("lessThan", "modifiedAt", until)
        while True:
            at, _, id = cursor.partition("|")
            later = all_of(where("equals", "modifiedAt", at), where("greaterThan", "id", id))
            after = any_of([where("greaterThan", "modifiedAt", at), later])
            found = self.find(entity, all_of(condition, settled, after), ["modifiedAt", *select], order="modifiedAt")
            behind = f"{found[-1]['modifiedAt']}|{found[-1]['id']}" if found else cursor
            if behind <= cursor:  # nothing new, or a site that repeats itself
                return
            cursor = behind
            yield found, cursor
            if len(found) < PAGE:
                return

    def dated(
        self, entity: str, fields: Sequence[str], day: date, select: Sequence[str], after: str
    ) -> Iterator[tuple[list[Attributes], str]]:
        """Pages of records that have a day in one of their fields, in the order of their ids; each with its last id."""
        condition = any_of([_on(field, day) for field in fields])
        while found := self.find(entity, all_of(condition, where("greaterThan", "id", after)), select, order="id"):
            if found[-1]["id"] <= after:  # a site that repeats itself
                return
            after = found[-1]["id"]
            yield found, after
            if len(found) < PAGE:
                return

    def _signed(self, method: str, path: str) -> dict[str, str]:
        # no Secret: each request has another signature, and all of them would be kept to be hidden
        return {"X-Hmac-Authorization": sign_request(*self._keys, method, path)} if self._keys else {}


def _on(field: str, day: date) -> Where:
    # two bounds, for the field may hold a time, too
    begin, end = str(day), str(day + timedelta(days=1))
    return all_of(where("greaterThanOrEquals", field, begin), where("lessThan", field, end))


def _record(answer: Any) -> Attributes:
    if not isinstance(answer, dict):
        raise Transient("EspoCRM's answer is no JSON object: is url the address of the site?")
    return answer
