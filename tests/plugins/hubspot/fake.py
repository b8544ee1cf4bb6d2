"""A small HubSpot in memory, which answers as its documentation says, and does as it is told.

Its shapes: https://developers.hubspot.com/docs/api-reference/crm-objects-v3/guide, .../api/crm/search,
.../crm-associations-v4/guide, .../crm-properties-v3/guide, .../api/webhooks/validating-requests.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any

from cxsdk import Request
from cxsdk.testing import Answer, HttpStandIn, SentRequest

TOKEN = "pat-na1-sample-token"
CLIENT_SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
KEY = "cxsdk_key"

PROPERTIES = {
    "contacts": """firstname lastname email phone mobilephone lifecyclestage hubspot_owner_id lastmodifieddate
        hs_searchable_calculated_phone_number hs_searchable_calculated_mobile_number""",
    "calls": """hs_timestamp hs_call_title hs_call_body hs_call_direction hs_call_status hs_call_duration
        hs_call_from_number hs_call_to_number hs_call_recording_url hubspot_owner_id hs_lastmodifieddate""",
    "emails": """hs_timestamp hs_email_direction hs_email_status hs_email_subject hs_email_text hs_email_headers
        hubspot_owner_id hs_lastmodifieddate""",
    "communications": """hs_timestamp hs_communication_channel_type hs_communication_logged_from
        hs_communication_body hubspot_owner_id hs_lastmodifieddate""",
    "notes": "hs_timestamp hs_note_body hubspot_owner_id hs_lastmodifieddate",
    "tasks": """hs_timestamp hs_task_subject hs_task_body hs_task_status hs_task_type hs_task_priority
        hs_task_completion_date hubspot_owner_id hs_lastmodifieddate""",
    "deals": """dealname dealstage closedate amount deal_currency_code hs_lastmodifieddate renewal_date
        contract_end hs_v2_date_entered_closedwon hs_v2_date_entered_4711""",
}
BARE = ("contacts", "tasks", "deals")


def failure(status: int, category: str, message: str, **more: Any) -> Answer:
    """An error as HubSpot tells it."""
    body = {"status": "error", "message": message, "correlationId": "c93e06a4-0000-4000-8000-000000000000"}
    wait = more.pop("wait", None)
    return Answer(status, body | {"category": category} | more, wait=wait)


def limited(policy: str, wait: float) -> Answer:
    """A limit as HubSpot tells it."""
    said = {"status": "error", "message": f"You have reached your {policy.lower()} limit.", "errorType": "RATE_LIMIT"}
    return Answer(429, {**said, "policyName": policy}, wait=wait)


def signed(request: Request, *, key: str = CLIENT_SECRET, at: datetime) -> dict[str, str]:
    """The headers of a webhook."""
    stamp = str(round(at.timestamp() * 1000))
    covered = f"{request.method}{request.url}".encode() + request.body + stamp.encode()
    proof = base64.b64encode(hmac.digest(key.encode(), covered, "sha256")).decode()
    return {"X-HubSpot-Signature-v3": proof, "X-HubSpot-Request-Timestamp": stamp}


class FakeHubSpot(HttpStandIn):
    """One account. ``play`` scripts the next answers."""

    limits = (
        limited("SECONDLY", 1),
        limited("TEN_SECONDLY_ROLLING", 10),
        limited("DAILY", 3600),
        failure(423, "LOCKED", "The record is locked.", wait=2),
        Answer(477, None, {"Retry-After": "600"}, wait=600),
    )
    unauthorized = failure(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
    refused = failure(400, "VALIDATION_ERROR", "Property values were not valid")

    def __init__(self) -> None:
        self.held: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in PROPERTIES}
        self.unique: dict[str, bool] = {}
        self.linked: dict[tuple[str, str], list[str]] = {}
        self.owners = [{"id": "41629779", "email": "agent@example.com", "firstName": "Ann", "lastName": "Sample"}]
        self.now = datetime(2026, 1, 5, 11, 57, tzinfo=UTC)
        self.multi_status = True
        self._script: deque[Answer] = deque()
        self._number = 50
        self._groups: set[str] = set()

    # What a test says and asks

    def play(self, answer: Answer, times: int = 1) -> None:
        """The next requests get this answer."""
        self._script.extend([answer] * times)

    def records(self) -> dict[str, Any]:
        """All but deals, by the plugin's names for them, with their contacts."""
        return {
            id if kind in BARE else f"{kind}:{id}": {**one, "contacts": self.linked.get((kind, id), [])}
            for kind, all in self.held.items()
            if kind != "deals"
            for id, one in all.items()
        }

    def complete(self, task_id: str) -> None:
        """An agent marks a task as done, which the plugin reads."""
        self.change("tasks", task_id, hs_task_status="COMPLETED", hs_task_completion_date=self._time())

    def put(self, kind: str, /, *, contact: str = "", **properties: Any) -> str:
        """A record as a user made it; its id."""
        self._number += 1
        id = properties.pop("id", str(self._number))
        self.held[kind][id] = {}
        self.change(kind, id, **properties)
        if contact:
            self.linked[kind, id] = [contact]
        return id

    def change(self, kind: str, id: str, /, **properties: Any) -> None:
        """Somebody changes a record, a millisecond later."""
        self.now += timedelta(milliseconds=1)
        record = self.held[kind][id]
        record.update(properties)
        record["lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate"] = self._time()
        for place, found in (("phone", "phone"), ("mobilephone", "mobile")):
            if record.get(place):
                digits = re.sub(r"\D", "", record[place])
                national = digits[1:] if len(digits) == 11 else digits
                record[f"hs_searchable_calculated_{found}_number"] = national.lstrip("0")

    def all_of(self, kind: str) -> list[dict[str, Any]]:
        """All records of a kind, oldest first."""
        return list(self.held[kind].values())

    def asked(self) -> list[str]:
        """The paths that were asked."""
        return [request.path for request in self.requests]

    # What the plugin gets

    def answer(self, request: SentRequest) -> Answer:
        if self._script:
            return self._script.popleft()
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.unauthorized
        match request.method, request.path.split("/")[2:]:
            case "GET", ["v3", "owners"]:
                return Answer(json=self._owners(request))
            case "GET", ["v3", "properties", kind, name]:
                return self._property(kind, name)
            case "POST", ["v3", "properties", kind, "groups"]:
                return self._group(kind)
            case "POST", ["v3", "properties", kind]:
                return self._new_property(kind, request.json)
            case "POST", ["v3", "objects", kind, "batch", "upsert"]:
                return self._upsert(kind, request.json["inputs"])
            case "POST", ["v3", "objects", kind, "batch", "read"]:
                return self._read(kind, request.json)
            case "POST", ["v3", "objects", kind, "search"]:
                return self._search(kind, request)
            case "POST", ["v4", "associations", kind, "contacts", "batch", "associate", "default"]:
                return self._associate(kind, request.json["inputs"])
            case "POST", ["v4", "associations", kind, "contacts", "batch", "read"]:
                return self._associated(kind, request.json["inputs"])
        return failure(404, "OBJECT_NOT_FOUND", "resource not found")

    def refusal(self, request: SentRequest, text: str) -> Answer | None:
        """One record of an upsert is refused beside the others, which are written."""
        if not request.path.endswith("/batch/upsert") or text.encode() not in request.body:
            return None
        if not self.multi_status:
            return self.refused
        kind, inputs = request.path.split("/")[4], request.json["inputs"]
        bad = [each for each in inputs if text in str(each)]
        good = self._upsert(kind, [each for each in inputs if each not in bad]).json
        errors = [_error(each, "VALIDATION_ERROR", "Property values were not valid") for each in bad]
        return Answer(207, {**good, "errors": errors, "numErrors": len(errors)})

    def _upsert(self, kind: str, inputs: list[dict[str, Any]]) -> Answer:
        if len(inputs) > 100:
            return failure(400, "VALIDATION_ERROR", "The maximum batch size is 100")
        if not self.unique.get(kind):
            return failure(400, "VALIDATION_ERROR", f"Unable to perform update/upsert by non-unique property {KEY}")
        results, errors = [], []
        for each in inputs:
            problem = self._problem(kind, each)
            (errors if problem else results).append(problem or self._kept(kind, each))
        answer = {"status": "COMPLETE", "results": results[::-1]}  # in no order
        return Answer(207, {**answer, "errors": errors, "numErrors": len(errors)}) if errors else Answer(200, answer)

    def _problem(self, kind: str, given: dict[str, Any]) -> dict[str, Any] | None:
        assert given["idProperty"] == KEY
        address = given["properties"].get("email")
        for id, held in self.held[kind].items():
            if kind == "contacts" and address and held.get("email") == address and held.get(KEY) != given["id"]:
                return _error(given, "CONFLICT", f"Contact already exists. Existing ID: {id}")
        if unknown := sorted(set(given["properties"]) - set(PROPERTIES[kind].split())):
            return _error(given, "VALIDATION_ERROR", f'Property "{unknown[0]}" does not exist')
        if kind != "contacts" and "hs_timestamp" not in given["properties"]:
            return _error(given, "VALIDATION_ERROR", "hs_timestamp is required")
        if any(len(str(value)) > 65_536 for value in given["properties"].values()):
            return _error(given, "VALIDATION_ERROR", "A value is too long")
        return None

    def _kept(self, kind: str, given: dict[str, Any]) -> dict[str, Any]:
        there = [id for id, held in self.held[kind].items() if held.get(KEY) == given["id"]]
        id = there[0] if there else self.put(kind, **{KEY: given["id"]})
        self.change(kind, id, **given["properties"])
        shown = {**self.held[kind][id], "hs_object_id": id}
        return {"id": id, "new": not there, "properties": shown, "archived": False}

    def _read(self, kind: str, asked: dict[str, Any]) -> Answer:
        by, wanted = asked.get("idProperty"), [each["id"] for each in asked["inputs"]]
        assert len(wanted) <= 100
        found = {id: held for id, held in self.held[kind].items() if (held.get(by) if by else id) in wanted}
        results = [self._shown(id, held, asked["properties"]) for id, held in found.items()]
        if len(results) == len(wanted):
            return Answer(200, {"status": "COMPLETE", "results": results})
        error = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "Could not get some records"}
        return Answer(207, {"status": "COMPLETE", "results": results, "numErrors": 1, "errors": [error]})

    def _search(self, kind: str, request: SentRequest) -> Answer:
        asked = request.json
        if len(request.body) > 3_000 or asked["limit"] > 200 or len(asked["filterGroups"]) > 5:
            return failure(400, "VALIDATION_ERROR", "There was a problem with the request.")
        groups = [group["filters"] for group in asked["filterGroups"]]
        known = {*PROPERTIES[kind].split(), "hs_object_id", *([KEY] if kind in self.unique else [])}
        for name in {one["propertyName"] for group in groups for one in group} - known:
            return failure(400, "VALIDATION_ERROR", f"Property {name} does not exist")
        found = [
            (id, held) for id, held in self.held[kind].items() if any(all(_holds(held, f) for f in g) for g in groups)
        ]
        by = asked["sorts"][0]["propertyName"]
        found.sort(key=lambda pair: int(pair[0]) if by == "hs_object_id" else pair[1][by])
        after = int(asked.get("after") or 0)
        shown = [self._shown(id, held, asked["properties"]) for id, held in found[after:][: asked["limit"]]]
        more = after + asked["limit"]
        paging = {"paging": {"next": {"after": str(more)}}} if more < len(found) else {}
        return Answer(json={"total": len(found), "results": shown, **paging})

    def _shown(self, id: str, held: dict[str, Any], names: list[str]) -> dict[str, Any]:
        properties = {name: held.get(name) for name in names if name in held or name in PROPERTIES["deals"]}
        return {"id": id, "properties": {**properties, "hs_object_id": id}, "archived": False}

    def _associate(self, kind: str, inputs: list[dict[str, Any]]) -> Answer:
        results, errors = [], []
        for each in inputs:
            id, contact = each["from"]["id"], each["to"]["id"]
            if contact in self.held["contacts"]:
                self.linked[kind, id] = [contact]
                results.append({**each, "associationSpec": {"associationCategory": "HUBSPOT_DEFINED"}})
            else:
                context = {"fromObjectId": [id], "toObjectId": [contact]}
                told = {"status": "error", "category": "OBJECT_NOT_FOUND", "context": context}
                errors.append({**told, "message": f"contact {contact} was not found"})
        told = {"status": "COMPLETE", "results": results}
        return Answer(207, {**told, "errors": errors, "numErrors": len(errors)}) if errors else Answer(200, told)

    def _associated(self, kind: str, inputs: list[dict[str, Any]]) -> Answer:
        results = [
            {"from": {"id": each["id"]}, "to": [{"toObjectId": int(one), "associationTypes": []} for one in to]}
            for each in inputs
            if (to := self.linked.get((kind, each["id"])))
        ]
        return Answer(207 if len(results) < len(inputs) else 200, {"status": "COMPLETE", "results": results})

    def _property(self, kind: str, name: str) -> Answer:
        if kind not in self.unique:
            return failure(404, "OBJECT_NOT_FOUND", f"Property {name} does not exist")
        return Answer(json={"name": name, "type": "string", "hasUniqueValue": self.unique[kind]})

    def _new_property(self, kind: str, given: dict[str, Any]) -> Answer:
        if kind in self.unique:
            return failure(409, "CONFLICT", f"Property {given['name']} already exists")
        if kind not in self._groups:
            return failure(400, "VALIDATION_ERROR", "The group does not exist")
        self.unique[kind] = given["hasUniqueValue"]
        return Answer(201, given)

    def _group(self, kind: str) -> Answer:
        if kind in self._groups:
            return failure(409, "CONFLICT", "The group already exists")
        self._groups.add(kind)
        return Answer(201, {"name": "cxsdk"})

    def _owners(self, request: SentRequest) -> dict[str, Any]:
        after, size = int(request.query.get("after", ["0"])[0]), int(request.query["limit"][0])
        paging = {"paging": {"next": {"after": str(after + size)}}} if after + size < len(self.owners) else {}
        return {"results": self.owners[after:][:size], **paging}

    def _time(self) -> str:
        return self.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _error(given: dict[str, Any], category: str, message: str) -> dict[str, Any]:
    context = {"objectWriteTraceId": [given["objectWriteTraceId"]]}
    return {"status": "error", "category": category, "message": message, "context": context}


def _holds(record: dict[str, Any], condition: dict[str, Any]) -> bool:
    held = record.get(condition["propertyName"])
    if condition["operator"] == "HAS_PROPERTY":
        return held is not None
    if condition["operator"] == "IN":
        return held in condition["values"]
    if held is None:
        return False
    at = round(datetime.fromisoformat(held).timestamp() * 1000)
    value = int(condition["value"])
    return {"GTE": at >= value, "LT": at < value, "EQ": at == value}[condition["operator"]]
