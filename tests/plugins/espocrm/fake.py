"""A small EspoCRM in memory, which answers as its documentation and source say, and does as it is told.

Its shapes: https://docs.espocrm.com/development/api/crud/, .../api-search-params/, .../administration/webhooks/.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
import responses

URL = "https://crm.example.com"
API_KEY = "sample-api-key"
SECRET_KEY = "sample-secret-key"
WEBHOOK_ID, WEBHOOK_KEY = "64a1b2c3d4e5f6071", "sample-webhook-key"

#: What each entity type refuses to be without.
REQUIRED = {
    "Contact": ["lastName"],
    "Call": ["name", "dateStart", "dateEnd", "assignedUserId"],
    "Meeting": ["name", "dateStart", "dateEnd", "assignedUserId"],
    "Task": ["name", "assignedUserId"],
    "Email": ["name", "from", "to"],
}
ATTRIBUTES = """
    id name firstName lastName phoneNumberData emailAddressData emailAddress phoneNumberNumeric description status
    priority dateStart dateEnd dateSent dateCompleted direction parentType parentId assignedUserId body isHtml from to
    subject createdAt modifiedAt type isActive stage closeDate amount amountCurrency contactId accountId
    createdContactId createdAccountId cExpiresOn cRenewedOn cExtension
"""
Answer = tuple[int, dict[str, str], str]


class FakeEspoCRM:
    """One site. ``fail`` scripts the next answers; ``forget`` lets the next write happen and its answer get lost."""

    def __init__(self, *, key_field: str = "cCxsdkKey", hmac_only: bool = False) -> None:
        self.records: dict[str, dict[str, dict[str, Any]]] = {}
        self.attributes = {*ATTRIBUTES.split(), key_field}
        self.hmac_only = hmac_only
        self.now = datetime(2026, 1, 5, 12, tzinfo=UTC)
        self.asked: list[requests.PreparedRequest] = []
        self._script: deque[Answer | Exception] = deque()
        self._number = 0
        self._lost = 0

    # What a test says and asks

    def attach(self, mock: responses.RequestsMock) -> None:
        """Answers for the site from now on."""
        for method in ("GET", "POST", "PUT", "DELETE"):
            mock.add_callback(method, re.compile(rf"{URL}/api/v1/.*"), self._answer)

    def fail(self, status: int, reason: str = "", body: Any = None, times: int = 1, **headers: str) -> None:
        """The next requests are answered like this."""
        told = {"X-Status-Reason": reason} if reason else {}
        self._script.extend([(status, {**told, **headers}, "" if body is None else json.dumps(body))] * times)

    def forget(self, times: int = 1) -> None:
        """The next writes happen, and nobody hears of it."""
        self._lost += times

    def put(self, entity: str, /, **attributes: Any) -> str:
        """A record as a user made it; its name for the plugin."""
        self._number += 1
        id = attributes.pop("id", f"{self._number:017x}")
        self.records.setdefault(entity, {})[id] = {"id": id, "createdAt": self._time(), "modifiedAt": self._time()}
        self.records[entity][id].update(attributes)
        return f"{entity}:{id}"

    def change(self, name: str, /, **attributes: Any) -> None:
        """A user changes a record, a second later."""
        self.now += timedelta(seconds=1)
        self.get(name).update(attributes, modifiedAt=self._time())

    def get(self, name: str) -> dict[str, Any]:
        """A record by the plugin's name for it."""
        entity, _, id = name.partition(":")
        return self.records[entity][id]

    def of(self, entity: str) -> list[dict[str, Any]]:
        """All records of an entity type."""
        return list(self.records.get(entity, {}).values())

    def paths(self, method: str) -> list[str]:
        """The paths that were asked with a method."""
        asked = [one for one in self.asked if one.method == method]
        return [urlsplit(str(one.url)).path.removeprefix("/api/v1/") for one in asked]

    # What the plugin gets

    def _answer(self, request: requests.PreparedRequest) -> Answer:
        self.asked.append(request)
        if self._script:
            scripted = self._script.popleft()
            if isinstance(scripted, Exception):
                raise scripted
            return scripted
        if not self._is_known(request):
            return 401, {}, ""
        status, headers, body = self._do(request)
        if self._lost and request.method != "GET":
            self._lost -= 1
            return 500, {}, ""
        return status, headers, body

    def _do(self, request: requests.PreparedRequest) -> Answer:
        path = urlsplit(str(request.url)).path.removeprefix("/api/v1/")
        entity, _, id = path.partition("/")
        if request.method == "POST":
            return self._create(entity, request)
        if not id:
            return self._find(entity, str(request.url))
        if id not in self.records.get(entity, {}):
            return 404, {"X-Status-Reason": f"Record {id} does not exist."}, ""
        if request.method == "PUT":
            self.change(f"{entity}:{id}", **self._kept(request))
        return 200, {}, json.dumps(self.records[entity][id])

    def _create(self, entity: str, request: requests.PreparedRequest) -> Answer:
        body = self._kept(request)
        for field in REQUIRED.get(entity, []):
            if not body.get(field):
                data = {"field": field.removesuffix("Id"), "type": "required"}
                told = {"messageTranslation": {"label": "validationFailure", "scope": None, "data": data}}
                return 400, {"X-Status-Reason": "validationFailure"}, json.dumps(told)
        if body.get("parentId") and body["parentId"] not in self.records.get(body["parentType"], {}):
            told = {"messageTranslation": {"label": "cannotRelateNonExisting", "scope": None, "data": {}}}
            return 403, {"X-Status-Reason": "Can't relate with non-existing record."}, json.dumps(told)
        twins = [one for one in self.of(entity) if "lastName" in one and _name(one) == _name(body)]
        if twins and request.headers.get("X-Skip-Duplicate-Check") != "true":
            return 409, {"X-Status-Reason": "duplicate"}, json.dumps(twins)
        return 200, {}, json.dumps(self.get(self.put(entity, **body)))

    def _find(self, entity: str, url: str) -> Answer:
        search = json.loads(parse_qs(urlsplit(url).query)["searchParams"][0])
        if missing := sorted(_attributes(search["where"]) - self.attributes):
            return 400, {"X-Status-Reason": f"Not existing attribute '{missing[0]}' in where."}, ""
        if search["maxSize"] > 200:
            return 403, {"X-Status-Reason": "Max size should not exceed 200. Use offset and limit."}, ""
        found = [one for one in self.of(entity) if all(_holds(one, item) for item in search["where"])]
        found.sort(key=lambda one: (one[search["orderBy"]], one["id"]))
        page = found[search["offset"] :][: search["maxSize"]]
        listed = [{name: one.get(name) for name in {"id", *search["select"]}} for one in page]
        return 200, {}, json.dumps({"total": -2, "list": listed})

    def _kept(self, request: requests.PreparedRequest) -> dict[str, Any]:
        body = json.loads(request.body or b"{}")
        return {name: value for name, value in body.items() if name in self.attributes}

    def _is_known(self, request: requests.PreparedRequest) -> bool:
        path = urlsplit(str(request.url)).path.removeprefix("/api/v1")
        digest = hmac.new(SECRET_KEY.encode(), f"{request.method} {path}".encode(), hashlib.sha256).hexdigest()
        signed = base64.b64encode(f"{API_KEY}:{digest}".encode()).decode()
        by_key = not self.hmac_only and request.headers.get("X-Api-Key") == API_KEY
        return by_key or request.headers.get("X-Hmac-Authorization") == signed

    def _time(self) -> str:
        return self.now.strftime("%Y-%m-%d %H:%M:%S")


def signed(body: bytes, *, id: str = WEBHOOK_ID, key: str = WEBHOOK_KEY, legacy: bool = False) -> dict[str, str]:
    """The headers of a webhook, as buildSignature and buildSignatureLegacy make them."""
    digest = hmac.new(key.encode(), body, hashlib.sha256)
    proof = digest.digest() if legacy else digest.hexdigest().encode()
    name = "X-Signature" if legacy else "Signature"
    return {"Content-Type": "application/json", name: base64.b64encode(f"{id}:".encode() + proof).decode()}


def _name(record: dict[str, Any]) -> tuple[Any, Any]:
    return record.get("firstName"), record.get("lastName")


def _attributes(items: list[dict[str, Any]]) -> set[str]:
    return {
        name for item in items for name in ([item["attribute"]] if "attribute" in item else _attributes(item["value"]))
    }


def _holds(record: dict[str, Any], item: dict[str, Any]) -> bool:
    if item["type"] in ("and", "or"):
        return (all if item["type"] == "and" else any)(_holds(record, inner) for inner in item["value"])
    held, value = _held(record, item["attribute"]), item.get("value")
    match item["type"]:
        case "equals":
            return value in held
        case "in":
            return bool(set(value) & set(held))
        case "isNotNull":
            return any(one is not None for one in held)
        case "greaterThan":
            return any(one is not None and one > value for one in held)
    raise AssertionError(f"unknown condition {item['type']}")


def _held(record: dict[str, Any], attribute: str) -> list[Any]:
    """The values that a condition compares: of addresses and numbers all, in lower case or as digits."""
    if attribute == "emailAddress" and "emailAddressData" in record:
        return [one["emailAddress"].lower() for one in record["emailAddressData"]]
    if attribute == "phoneNumberNumeric":
        return [re.sub(r"\D", "", one["phoneNumber"]) for one in record.get("phoneNumberData") or []]
    return [record.get(attribute)]
