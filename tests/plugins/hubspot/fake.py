"""A small HubSpot in memory, which answers as its documentation says, and does as it is told.

Its shapes: https://developers.hubspot.com/docs/api-reference/crm-objects-v3/guide, .../api/crm/search,
.../crm-associations-v4/guide, .../crm-properties-v3/guide, .../api/webhooks/validating-requests.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections import deque
from collections.abc import Mapping
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
_ROUTES = (
    (r"GET /crm/v3/owners/", "_owners"),
    (r"GET /crm/v3/objects/(\w+)", "_list"),
    (r"POST /oauth/v2/private-apps/get/access-token-info", "_token_info"),
    (r"GET /crm/v3/properties/(\w+)/(\w+)", "_property"),
    (r"POST /crm/v3/properties/(\w+)/groups", "_group"),
    (r"POST /crm/v3/properties/(\w+)", "_new_property"),
    (r"POST /crm/v3/objects/(\w+)/batch/upsert", "_upsert"),
    (r"POST /crm/v3/objects/(\w+)/batch/read", "_read"),
    (r"POST /crm/v3/objects/(\w+)/search", "_search"),
    (r"POST /crm/v4/associations/(\w+)/contacts/batch/associate/default", "_associate"),
    (r"POST /crm/v4/associations/(\w+)/contacts/batch/read", "_associated"),
)
BARE = ("contacts", "tasks", "deals")
CLIENT_ID, REFRESH_TOKEN = "7fff1e36-0000-4000-8000-000000000000", "na1-sample-refresh-token"
ALLOWED = """oauth crm.objects.contacts.read crm.objects.contacts.write sales-email-read crm.objects.owners.read
    crm.schemas.contacts.read crm.schemas.contacts.write crm.objects.deals.read"""
#: Which scope is needed to read a kind of records.
READS = {"emails": "sales-email-read", "deals": "crm.objects.deals.read"}


def failure(status: int, category: str, message: str, **more: Any) -> Answer:
    """An error as HubSpot tells it."""
    body = {"status": "error", "message": message, "correlationId": "c93e06a4-0000-4000-8000-000000000000"}
    wait = more.pop("wait", None)
    return Answer(status, body | {"category": category} | more, wait=wait)


def ungranted(scope: str, named: str = "requiredGranularScopes") -> Answer:
    """What HubSpot says to an app without a scope."""
    errors = [{"message": "One or more of the following scopes are required.", "context": {named: [scope]}}]
    return failure(403, "MISSING_SCOPES", "This app hasn't been granted all required scopes.", errors=errors)


def refused_token(error: str, status: str) -> Answer:
    """What the token endpoint says: the words of RFC 6749 beside HubSpot's own."""
    said = "refresh token is invalid, expired or revoked"
    return Answer(400, {"error": error, "error_description": said, "status": status, "message": said})


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
        limited("TEN_SECONDLY_ROLLING", 10),
        failure(423, "LOCKED", "The record is locked.", wait=2),
        Answer(477, None, {"Retry-After": "600"}, wait=600),
    )
    unauthorized = failure(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
    refused = failure(400, "VALIDATION_ERROR", "Property values were not valid")

    def __init__(self) -> None:
        self.held: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in PROPERTIES}
        self.unique = dict.fromkeys(PROPERTIES, True)
        self.linked: dict[tuple[str, str], list[str]] = {}
        names = {"firstName": "Ann", "lastName": "Sample", "type": "PERSON"}
        self.owners = [{"id": "41629779", "email": "agent@example.com", **names}]
        self.now = datetime(2026, 1, 5, 11, 57, tzinfo=UTC)
        self.scopes = ALLOWED.split()
        self.access = {TOKEN}  #: the tokens that are good
        self.is_connected = False  #: whether the app with OAuth is in the account
        self._challenges: dict[str, str] = {}  #: each code that is good, and how its bearer proves himself
        self._script: deque[Answer] = deque()
        self.always: dict[str, Answer] = {}  #: what is answered at a path, whatever is asked
        self._lost = ""
        self._number = 50
        self._groups: set[str] = set()

    # What a test says and asks

    def play(self, answer: Answer, times: int = 1) -> None:
        """The next requests get this answer."""
        self._script.extend([answer] * times)

    def forget(self, path: str) -> None:
        """The next request to this path is done, and nobody hears of it."""
        self._lost = path

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

    def agree(self, asked: Mapping[str, str]) -> str:
        """A person agrees to what the app asks for; the code."""
        assert (asked["client_id"], asked["response_type"]) == (CLIENT_ID, "code")
        assert set(asked["scope"].split()) <= set(self.scopes)
        assert "oauth" in asked["scope"].split()
        code = f"code-{len(self._challenges)}"
        self._challenges[code] = asked["code_challenge"]
        return code

    def uninstall(self) -> None:
        """Somebody removes the app from the account."""
        self.is_connected = False
        self.access.clear()

    # What the plugin gets

    def answer(self, request: SentRequest) -> Answer:
        if self._script:
            return self._script.popleft()
        if request.path == "/oauth/v3/token":
            return self._token(request.form)
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.access:
            return self.unauthorized
        if request.path in self.always:
            return self.always[request.path]
        asked = f"{request.method} {request.path}"
        for pattern, method in _ROUTES:
            if found := re.fullmatch(pattern, asked):
                answer: Answer = getattr(self, method)(*found.groups(), request)
                lost, self._lost = self._lost, "" if asked.endswith(self._lost) else self._lost
                return Answer(500) if lost and asked.endswith(lost) else answer
        return failure(404, "OBJECT_NOT_FOUND", "resource not found")

    def refusal(self, request: SentRequest, text: str) -> Answer | None:
        """One record of an upsert is refused beside the others, which are written."""
        if not request.path.endswith("/batch/upsert") or text.encode() not in request.body:
            return None
        kind, inputs = request.path.split("/")[4], request.json["inputs"]
        bad = [each for each in inputs if text in str(each)]
        good = self._written(kind, [each for each in inputs if each not in bad]).json
        return _batch(good["results"], [_refusal(each, "VALIDATION_ERROR", "It is not valid") for each in bad])

    def _token(self, form: Mapping[str, str]) -> Answer:
        if (form["client_id"], form["client_secret"]) != (CLIENT_ID, CLIENT_SECRET):
            return refused_token("invalid_client", "BAD_CLIENT_ID")
        if form["grant_type"] == "authorization_code":
            proof = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
            if self._challenges.pop(form["code"], "") != proof.decode():
                return refused_token("invalid_grant", "BAD_AUTH_CODE")
            self.is_connected = True
        elif form["refresh_token"] != REFRESH_TOKEN or not self.is_connected:
            return refused_token("invalid_grant", "BAD_REFRESH_TOKEN")
        self.access = {f"sample-token-{len(self.requests)}"}
        told = {"token_type": "bearer", "expires_in": 1800, "hub_id": 62515, "user_id": 1, "scopes": self.scopes}
        return Answer(json={"access_token": min(self.access), "refresh_token": REFRESH_TOKEN, **told})

    def _token_info(self, request: SentRequest) -> Answer:
        assert request.json["tokenKey"] in self.access
        return Answer(json={"userId": 1, "hubId": 62515, "appId": 54321, "scopes": self.scopes})

    def _list(self, kind: str, request: SentRequest) -> Answer:
        if (scope := READS.get(kind, "crm.objects.contacts.read")) not in self.scopes:
            return ungranted(scope)
        shown = [self._shown(id, held) for id, held in self.held[kind].items()]
        return Answer(json={"results": shown[: int(request.query["limit"][0])]})

    def _upsert(self, kind: str, request: SentRequest) -> Answer:
        return self._written(kind, request.json["inputs"])

    def _written(self, kind: str, inputs: list[dict[str, Any]]) -> Answer:
        if len(inputs) > 100:
            return failure(400, "VALIDATION_ERROR", "The maximum batch size is 100")
        if not self.unique.get(kind):
            return failure(400, "VALIDATION_ERROR", f"Unable to perform update/upsert by non-unique property {KEY}")
        results, errors = [], []
        for each in inputs:
            problem = self._problem(kind, each)
            (errors if problem else results).append(problem or self._kept(kind, each))
        return _batch(results[::-1], errors)  # in no order

    def _problem(self, kind: str, given: dict[str, Any]) -> dict[str, Any] | None:
        assert given["idProperty"] == KEY
        address = given["properties"].get("email")
        for id, held in self.held[kind].items():
            if kind == "contacts" and address and held.get("email") == address and held.get(KEY) != given["id"]:
                return _refusal(given, "CONFLICT", f"Contact already exists. Existing ID: {id}")
        if unknown := sorted(set(given["properties"]) - set(PROPERTIES[kind].split())):
            return _refusal(given, "VALIDATION_ERROR", f'Property "{unknown[0]}" does not exist')
        if kind != "contacts" and "hs_timestamp" not in given["properties"]:
            return _refusal(given, "VALIDATION_ERROR", "hs_timestamp is required")
        if any(len(str(value)) > 65_536 for value in given["properties"].values()):
            return _refusal(given, "VALIDATION_ERROR", "A value is too long")
        return None

    def _kept(self, kind: str, given: dict[str, Any]) -> dict[str, Any]:
        there = [id for id, held in self.held[kind].items() if held.get(KEY) == given["id"]]
        id = there[0] if there else self.put(kind, **{KEY: given["id"]})
        self.change(kind, id, **given["properties"])
        return {**self._shown(id, self.held[kind][id]), "new": not there}

    def _read(self, kind: str, request: SentRequest) -> Answer:
        asked = request.json
        by, wanted = asked.get("idProperty"), [each["id"] for each in asked["inputs"]]
        assert len(wanted) <= 100
        found = {id: held for id, held in self.held[kind].items() if (held.get(by) if by else id) in wanted}
        results = [self._shown(id, held, asked["properties"]) for id, held in found.items()]
        missing = [id for id in wanted if id not in [one["properties"].get(by) or one["id"] for one in results]]
        error = _error("OBJECT_NOT_FOUND", "Could not get some records", ids=missing)
        return _batch(results, [error] if missing else [])

    def _search(self, kind: str, request: SentRequest) -> Answer:
        asked = request.json
        if len(request.body) > 3_000 or asked["limit"] > 200 or len(asked["filterGroups"]) > 5:
            return failure(400, "VALIDATION_ERROR", "There was a problem with the request.")
        groups = [group["filters"] for group in asked["filterGroups"]]
        known = {*PROPERTIES[kind].split(), "hs_object_id", *([KEY] if kind in self.unique else [])}
        for name in {one["propertyName"] for group in groups for one in group} - known:
            return failure(400, "VALIDATION_ERROR", f"Property {name} does not exist")
        found = [
            (id, held)
            for id, held in self.held[kind].items()
            if any(all(_holds({**held, "hs_object_id": id}, f) for f in g) for g in groups)
        ]
        by = asked["sorts"][0]["propertyName"]
        found.sort(key=lambda pair: int(pair[0]) if by == "hs_object_id" else pair[1][by])
        after = int(asked.get("after") or 0)
        shown = [self._shown(id, held, asked["properties"]) for id, held in found[after:][: asked["limit"]]]
        more = after + asked["limit"]
        paging = {"paging": {"next": {"after": str(more)}}} if more < len(found) else {}
        return Answer(json={"total": len(found), "results": shown, **paging})

    def _shown(self, id: str, held: dict[str, Any], names: list[str] | None = None) -> dict[str, Any]:
        properties = {name: held.get(name) for name in names if name in held} if names is not None else held
        times = {"createdAt": "2026-01-05T11:57:00.000Z", "updatedAt": self._time()}
        return {"id": id, "properties": {**properties, "hs_object_id": id}, "archived": False, **times}

    def _associate(self, kind: str, request: SentRequest) -> Answer:
        results, errors = [], []
        for each in request.json["inputs"]:
            id, contact = each["from"]["id"], each["to"]["id"]
            if contact in self.held["contacts"]:
                self.linked[kind, id] = [contact]
                spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 194}
                results.append({**each, "associationSpec": spec})
            else:
                context = {"fromObjectId": [id], "toObjectId": [contact]}
                errors.append(_error("OBJECT_NOT_FOUND", f"contact {contact} was not found", **context))
        return _batch(results, errors)

    def _associated(self, kind: str, request: SentRequest) -> Answer:
        inputs = request.json["inputs"]
        results = [
            {"from": {"id": each["id"]}, "to": [{"toObjectId": int(one), "associationTypes": []} for one in to]}
            for each in inputs
            if (to := self.linked.get((kind, each["id"])))
        ]
        missing = [each["id"] for each in inputs if (kind, each["id"]) not in self.linked]
        error = _error("OBJECT_NOT_FOUND", "No contact is associated", fromObjectId=missing)
        return _batch(results, [error] if missing else [])

    def _property(self, kind: str, name: str, request: SentRequest) -> Answer:
        if kind not in self.unique:
            return failure(404, "OBJECT_NOT_FOUND", f"Property {name} does not exist")
        return Answer(json={"name": name, "type": "string", "hasUniqueValue": self.unique[kind]})

    def _new_property(self, kind: str, request: SentRequest) -> Answer:
        given = request.json
        if kind in self.unique:
            return failure(409, "CONFLICT", f"Property {given['name']} already exists")
        if kind not in self._groups:
            return failure(400, "VALIDATION_ERROR", "The group does not exist")
        self.unique[kind] = given["hasUniqueValue"]
        return Answer(201, given)

    def _group(self, kind: str, request: SentRequest) -> Answer:
        if kind in self._groups:
            return failure(409, "CONFLICT", "The group already exists")
        self._groups.add(kind)
        return Answer(201, {"name": "cxsdk"})

    def _owners(self, request: SentRequest) -> Answer:
        if "crm.objects.owners.read" not in self.scopes:
            return ungranted("crm.objects.owners.read", "requiredScopes")
        after, size = int(request.query.get("after", ["0"])[0]), int(request.query["limit"][0])
        paging = {"paging": {"next": {"after": str(after + size)}}} if after + size < len(self.owners) else {}
        times = {"archived": False, "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z"}
        return Answer(json={"results": [one | times for one in self.owners[after:][:size]], **paging})

    def _time(self) -> str:
        return self.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _batch(results: list[dict[str, Any]], errors: list[dict[str, Any]]) -> Answer:
    times = {"startedAt": "2026-01-05T11:58:00.000Z", "completedAt": "2026-01-05T11:58:00.100Z"}
    body = {"status": "COMPLETE", "results": results, **times}
    return Answer(207, {**body, "errors": errors, "numErrors": len(errors)}) if errors else Answer(200, body)


def _refusal(given: dict[str, Any], category: str, message: str) -> dict[str, Any]:
    return _error(category, message, objectWriteTraceId=[given["objectWriteTraceId"]])


def _error(category: str, message: str, **context: list[str]) -> dict[str, Any]:
    return {"status": "error", "category": category, "message": message, "context": context, "links": {}, "errors": []}


def _holds(record: dict[str, Any], condition: dict[str, Any]) -> bool:
    held = record.get(condition["propertyName"])
    if condition["operator"] == "HAS_PROPERTY":
        return held is not None
    if condition["operator"] == "IN":
        return held in condition["values"]
    if not held:
        return False
    value = int(condition["value"])
    if condition["operator"] == "GT":
        return int(held) > value
    moment = datetime.fromisoformat(held)
    at = round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)
    return {"GTE": at >= value, "LT": at < value}[condition["operator"]]
