"""A small EspoCRM in memory, which answers as its documentation and source say, and does as it is told.

Its shapes: https://docs.espocrm.com/development/api/crud/, .../api-search-params/, .../administration/webhooks/.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import operator
import re
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any

from cxsdk.testing import Answer, HttpStandIn, SentRequest

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
    createdContactId createdAccountId cCxsdkKey cExpiresOn cRenewedOn cExtension
"""
SCOPES = "Contact Lead Account Call Meeting Task Email Opportunity User"
MAY_ALL = {"create": "yes", "read": "all", "edit": "all", "delete": "no", "stream": "all"}
VALIDATION = {"messageTranslation": {"label": "validationFailure", "data": {"field": "name", "type": "maxLength"}}}
TOO_MANY_LOGINS = "Max failed login attempts exceeded for IP address 192.0.2.1."


def failure(status: int, reason: str = "", body: Any = None, *, wait: float | None = None) -> Answer:
    """An error as EspoCRM tells it: the reason in a header, the field in the body."""
    return Answer(status, body, {"X-Status-Reason": reason} if reason else {}, wait=wait)


class FakeEspoCRM(HttpStandIn):
    """One site. ``fail`` scripts the next answers; ``forget`` lets the next write happen and its answer get lost."""

    limits = (failure(403, TOO_MANY_LOGINS, wait=60),)
    unauthorized = failure(401)
    refused = failure(400, "validationFailure", VALIDATION)

    def __init__(self) -> None:
        self.held: dict[str, dict[str, dict[str, Any]]] = {}
        self.hmac_only = False
        self.role = {**{entity: dict(MAY_ALL) for entity in SCOPES.split()}, "Import": True}
        self.type = "api"
        self.now = datetime(2026, 1, 5, 11, 58, tzinfo=UTC)
        self._script: deque[Answer] = deque()
        self._number = 0
        self._lost = 0
        self.put("User", id="user-ann", type="regular", name="Ann", emailAddress="agent@example.com", isActive=True)

    # What a test says and asks

    def fail(self, status: int, reason: str = "", body: Any = None, *, times: int = 1) -> None:
        """The next requests are answered like this."""
        self.play(failure(status, reason, body), times)

    def play(self, answer: Answer, times: int = 1) -> None:
        """The next requests get this answer."""
        self._script.extend([answer] * times)

    def forget(self) -> None:
        """The next write happens, and nobody hears of it."""
        self._lost += 1

    def records(self) -> dict[str, Any]:
        """All but the site's own users, by the plugin's names for them."""
        return {f"{kind}:{id}": one for kind, all in self.held.items() if kind != "User" for id, one in all.items()}

    def complete(self, task_id: str) -> None:
        """An agent marks a task as done, which the plugin reads."""
        self.change(task_id, status="Completed", dateCompleted=self._time())

    def put(self, entity: str, /, **attributes: Any) -> str:
        """A record as a user made it; its name for the plugin."""
        self._number += 1
        id = attributes.pop("id", f"{self._number:017x}")
        self.held.setdefault(entity, {})[id] = {"id": id, "createdAt": self._time(), "modifiedAt": self._time()}
        whole = " ".join(filter(None, [attributes.get("firstName"), attributes.get("lastName")]))
        self.held[entity][id].update({"name": whole} | attributes if whole else attributes)
        return f"{entity}:{id}"

    def change(self, name: str, /, **attributes: Any) -> None:
        """A user changes a record, a second later."""
        self.now += timedelta(seconds=1)
        self.get(name).update(attributes, modifiedAt=self._time())

    def get(self, name: str) -> dict[str, Any]:
        """A record by the plugin's name for it."""
        entity, _, id = name.partition(":")
        return self.held[entity][id]

    def of(self, entity: str) -> list[dict[str, Any]]:
        """All records of an entity type."""
        return list(self.held.get(entity, {}).values())

    def paths(self, method: str) -> list[str]:
        """The paths that were asked with a method."""
        return [one.path.removeprefix("/api/v1/") for one in self.requests if one.method == method]

    # What the plugin gets

    def answer(self, request: SentRequest) -> Answer:
        """What the site does with a request."""
        if self._script:
            return self._script.popleft()
        if not self._is_known(request):
            return self.unauthorized
        answer = self._do(request)
        if self._lost and request.method != "GET":
            self._lost -= 1
            return Answer(500)
        return answer

    def _do(self, request: SentRequest) -> Answer:
        entity, _, id = request.path.removeprefix("/api/v1/").partition("/")
        if (entity, id) == ("App", "user"):
            user = {"id": "user-api", "userName": "cxsdk", "type": self.type}
            return Answer(json={"user": user, "acl": {"table": self.role}, "preferences": {}, "settings": {}})
        if request.method == "POST":
            return self._create(entity, self._kept(request))
        if not id:
            return self._find(entity, json.loads(request.query["searchParams"][0]))
        if id not in self.held.get(entity, {}):
            return failure(404, f"Record {id} does not exist.")
        if request.method == "PUT":
            self.change(f"{entity}:{id}", **self._kept(request))
        return Answer(json=self.held[entity][id])

    def _create(self, entity: str, body: dict[str, Any]) -> Answer:
        for field in REQUIRED.get(entity, []):
            if not body.get(field):
                data = {"field": field.removesuffix("Id"), "type": "required"}
                told = {"messageTranslation": {"label": "validationFailure", "scope": None, "data": data}}
                return failure(400, "validationFailure", told)
        if body.get("parentId") and body["parentId"] not in self.held.get(body["parentType"], {}):
            told = {"messageTranslation": {"label": "cannotRelateNonExisting", "scope": None, "data": {}}}
            return failure(403, "Can't relate with non-existing record.", told)
        return Answer(json=self.get(self.put(entity, **body)))

    def _find(self, entity: str, search: dict[str, Any]) -> Answer:
        if missing := sorted(_attributes(search["where"]) - set(ATTRIBUTES.split())):
            return failure(400, f"Not existing attribute '{missing[0]}' in where.")
        if search["maxSize"] > 200:
            return failure(403, "Max size should not exceed 200. Use offset and limit.")
        found = [one for one in self.of(entity) if all(_holds(one, item) for item in search["where"])]
        found.sort(key=lambda one: (one[search["orderBy"]], one["id"]))
        page = found[search["offset"] :][: search["maxSize"]]
        listed = [{name: one.get(name) for name in {"id", *search["select"]}} for one in page]
        return Answer(json={"total": -2, "list": listed})

    def _kept(self, request: SentRequest) -> dict[str, Any]:
        return {name: value for name, value in request.json.items() if name in ATTRIBUTES.split()}

    def _is_known(self, request: SentRequest) -> bool:
        signed = f"{request.method} {request.path.removeprefix('/api/v1')}".encode()
        digest = hmac.new(SECRET_KEY.encode(), signed, hashlib.sha256).hexdigest()
        proof = base64.b64encode(f"{API_KEY}:{digest}".encode()).decode()
        by_key = not self.hmac_only and request.headers.get("X-Api-Key") == API_KEY
        return by_key or request.headers.get("X-Hmac-Authorization") == proof

    def _time(self) -> str:
        return self.now.strftime("%Y-%m-%d %H:%M:%S")


def signed(body: bytes, *, id: str = WEBHOOK_ID, key: str = WEBHOOK_KEY, legacy: bool = False) -> dict[str, str]:
    """The headers of a webhook, as buildSignature and buildSignatureLegacy make them."""
    digest = hmac.new(key.encode(), body, hashlib.sha256)
    proof = digest.digest() if legacy else digest.hexdigest().encode()
    name = "X-Signature" if legacy else "Signature"
    return {"Content-Type": "application/json", name: base64.b64encode(f"{id}:".encode() + proof).decode()}


def _attributes(items: list[dict[str, Any]]) -> set[str]:
    return {
        name for item in items for name in ([item["attribute"]] if "attribute" in item else _attributes(item["value"]))
    }


_COMPARED = {"greaterThan": operator.gt, "greaterThanOrEquals": operator.ge, "lessThan": operator.lt}


def _holds(record: dict[str, Any], item: dict[str, Any]) -> bool:
    if item["type"] in ("and", "or"):
        return (all if item["type"] == "and" else any)(_holds(record, inner) for inner in item["value"])
    held, value = _held(record, item["attribute"]), item.get("value")
    match item["type"]:
        case "equals":
            return value in held
        case "in":
            return any(one in (value or ()) for one in held)
        case "isNotNull":
            return any(one is not None for one in held)
        case "greaterThan" | "greaterThanOrEquals" | "lessThan":
            return any(one is not None and _COMPARED[item["type"]](one, value) for one in held)
    raise AssertionError(f"unknown condition {item['type']}")


def _held(record: dict[str, Any], attribute: str) -> list[Any]:
    """The values that a condition compares: of addresses and numbers all, in lower case or as digits."""
    if attribute == "emailAddress" and "emailAddressData" in record:
        return [one["emailAddress"].lower() for one in record["emailAddressData"]]
    if attribute == "phoneNumberNumeric":
        return [re.sub(r"\D", "", one["phoneNumber"]) for one in record.get("phoneNumberData") or []]
    return [record.get(attribute)]
