"""A small Bitrix24 in memory, which answers as its documentation says, and does as it is told.

Its shapes: https://apidocs.bitrix24.com/settings/how-to-call-rest-api/batch.html, .../api-reference/crm/universal/,
.../api-reference/crm/timeline/activities/, .../api-reference/crm/duplicates/, .../api-reference/telephony/,
.../limits.html, .../error-codes.html.
Each command, and each of its own results, is held against Bitrix24's specification where that is at hand.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl

from cxsdk.testing import NOW, Answer, HttpStandIn, SentRequest
from tests.plugins.bitrix24.specification import specification

PORTAL = "sample.bitrix24.com"
CODE = "sample0webhook0code"
WEBHOOK = f"https://{PORTAL}/rest/1/{CODE}/"
TOKEN = "sample-application-token"

#: The portal's own zone: what it tells is never in UTC.
ZONE = timezone(timedelta(hours=3))
LETTERS = {1: "L", 3: "C", 4: "CO"}
_WRITES = (".add", ".update", ".delete")


class Refused(Exception):
    """What Bitrix24 says to a command that it does not take."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.told = {"error": code, "error_description": text}


def failure(status: int, code: str, text: str = "", wait: float | None = None, **more: Any) -> Answer:
    """An error as Bitrix24 tells it."""
    return Answer(status, {"error": code, "error_description": text, **more}, wait=wait)


def decoded(query: str) -> dict[str, Any]:
    """Parameters as PHP reads them."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        first, *rest = re.findall(r"^[^\[]+|(?<=\[)[^\]]*(?=\])", name)
        place, last = found, first
        for key in rest:
            place, last = place.setdefault(last, {}), key
        place[last] = value
    return {name: _lists(value) for name, value in found.items()}


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _lists(each) for key, each in value.items()}
    return list(inner.values()) if list(inner) == [str(n) for n in range(len(inner))] else inner


class FakeBitrix24(HttpStandIn):
    """One portal. ``play`` scripts the next answers, ``refusing`` what it says to commands of a method."""

    limits = (
        failure(503, "QUERY_LIMIT_EXCEEDED", "Too many requests"),
        failure(
            429,
            "OPERATION_TIME_LIMIT",
            "Method is blocked due to operation time limit.",
            120,
            time={"operating_reset_at": NOW.timestamp() + 120, "operating": 481.2},
        ),
        failure(503, "OVERLOAD_LIMIT", "REST API is blocked due to overload.", 3600),
    )
    unauthorized = failure(401, "NO_AUTH_FOUND", "Wrong authorization data")
    down = failure(500, "INTERNAL_SERVER_ERROR", "Internal server error")

    def __init__(self) -> None:
        self.held: dict[int, dict[int, dict[str, Any]]] = {1: {}, 2: {}, 3: {}, 4: {}}
        self.activities: dict[int, dict[str, Any]] = {}
        self.users = [
            {"ID": "1", "ACTIVE": True, "NAME": "Ann", "LAST_NAME": "Sample", "EMAIL": "agent@example.com",
             "UF_PHONE_INNER": "101", "USER_TYPE": "employee"}
        ]  # fmt: skip
        self.now = NOW - timedelta(minutes=3)
        self.refusing: dict[str, dict[str, str]] = {}
        self.operating: dict[str, float] = {}
        self.commands: list[tuple[str, dict[str, Any]]] = []
        self.auth: str | None = None
        self._script: deque[Answer] = deque()
        self._lost = ""
        self._number = 50
        self.registered: dict[str, dict[str, Any]] = {}
        self.statistics: list[dict[str, Any]] = []
        self.unplayable: set[str] = set()

    # What a test says and asks

    def play(self, answer: Answer, times: int = 1) -> None:
        """The next requests get this answer."""
        self._script.extend([answer] * times)

    def forget(self, method: str) -> None:
        """The next batch with this method is done, and nobody hears of it."""
        self._lost = method

    def records(self) -> dict[str, Any]:
        """All but deals, by the plugin's names for them."""
        people = {f"{LETTERS[type]}_{id}": each for type in LETTERS for id, each in self.held[type].items()}
        return people | {str(id): each for id, each in self.activities.items()}

    def complete(self, task_id: str) -> None:
        """An agent marks a to-do as done, which the plugin reads."""
        self.change(int(task_id), COMPLETED="Y")

    def change(self, id: int, /, **fields: Any) -> None:
        """Somebody changes an activity, a second later."""
        self.now += timedelta(seconds=1)
        self.activities[id] |= {**fields, "LAST_UPDATED": self._time()}

    def put(self, type: int, /, **fields: Any) -> int:
        """A lead, deal, contact or company as a user made it; its id."""
        self.now += timedelta(seconds=1)
        self._number += 1
        id = int(fields.pop("id", self._number))
        self.held[type][id] = {"id": id, "assignedById": 1, "createdTime": self._time(), "fm": [], "leadId": None}
        self.edit(type, id, **fields)
        return id

    def edit(self, type: int, id: int, /, **fields: Any) -> None:
        """Somebody changes a record."""
        self.held[type][id] |= {**fields, "updatedTime": self._time()}

    def done(self, method: str) -> list[dict[str, Any]]:
        """The parameters of each command of a method."""
        return [params for each, params in self.commands if each == method]

    # What the plugin gets

    def answer(self, request: SentRequest) -> Answer:
        return self._script.popleft() if self._script else self._answered(request, "")

    def refusal(self, request: SentRequest, text: str) -> Answer | None:
        """One command of a batch is refused beside the others, which are done."""
        return self._answered(request, text) if text.encode() in request.body else None

    def _answered(self, request: SentRequest, refused: str) -> Answer:
        asked = dict(request.json or {})
        if not self._knows(request, asked.pop("auth", None)):
            return self.unauthorized
        method = request.path.rpartition("/")[2].removesuffix(".json")
        if method != "batch":
            try:
                return Answer(json={"result": self._run(method, asked), "time": self._took(method)})
            except Refused as error:
                return Answer(400, error.told)
        answer = self._batch(asked["cmd"], refused)
        lost = bool(self._lost) and any(command.startswith(self._lost) for command in asked["cmd"].values())
        self._lost = "" if lost else self._lost
        return failure(500, "INTERNAL_SERVER_ERROR", "Internal server error") if lost else answer

    def _knows(self, request: SentRequest, token: str | None) -> bool:
        if self.auth is not None:
            return request.path.startswith("/rest/") and token == self.auth
        return request.path.startswith(f"/rest/1/{CODE}/")

    def _batch(self, commands: Mapping[str, str], refused: str) -> Answer:
        values: dict[str, Any] = {}
        errors, times = {}, {}
        for number, (name, command) in enumerate(commands.items()):
            method, _, query = command.partition("?")
            try:
                if number >= 50:
                    raise Refused("ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded")
                if refused and refused in command and method.endswith(_WRITES):
                    raise Refused("", "The field SUBJECT is not defined or empty.")
                values[name] = self._run(method, _referred(decoded(query), values))
                times[name] = self._took(method)
            except Refused as error:
                errors[name] = error.told
        told = {"result": values, "result_error": errors, "result_total": {}, "result_next": {}, "result_time": times}
        result = {name: each or [] for name, each in told.items()}  # PHP has one way to write what is empty
        return Answer(json={"result": result, "time": self._took("batch")})

    def _run(self, method: str, params: dict[str, Any]) -> Any:
        spec = specification()
        self.commands.append((method, params))
        if spec is not None:
            problems = spec.problems_of_command(method, params)
            assert problems == [], problems
        if method in self.refusing:
            raise Refused(**self.refusing[method])
        result = getattr(self, "_" + method.replace(".", "_").lower())(params)
        if spec is not None:
            problems = spec.problems_of_result(method, result)
            assert problems == [], problems
        return result

    def _took(self, method: str) -> dict[str, Any]:
        end = NOW.timestamp()
        times = {"start": end - 0.5, "finish": end, "duration": 0.5, "processing": 0.4, "date_start": self._time()}
        return {**times, "operating": self.operating.get(method, 0.25), "operating_reset_at": int(end) + 600}

    def _user_current(self, params: dict[str, Any]) -> Any:
        return self.users[0]

    def _user_get(self, params: dict[str, Any]) -> Any:
        start = int(params["start"])
        return self.users[start : start + 50]

    def _crm_duplicate_findbycomm(self, params: dict[str, Any]) -> Any:
        assert 0 < len(params["values"]) <= 20
        wanted, found = {_same(each) for each in params["values"]}, {}
        for name, type in (("LEAD", 1), ("CONTACT", 3), ("COMPANY", 4)):
            ids = [
                id
                for id, each in self.held[type].items()
                if any(fm["typeId"] == params["type"] and _same(fm["value"]) in wanted for fm in each["fm"])
            ]
            if ids:
                found[name] = ids[::-1]
        return found or []

    def _crm_item_add(self, params: dict[str, Any]) -> Any:
        type, fields = int(params["entityTypeId"]), params["fields"]
        if any(len(str(value)) > 255 for name, value in fields.items() if name in ("title", "name", "lastName")):
            raise Refused("100", "The value is too long")
        assigned = int(fields.pop("assignedById", 1))
        id = self.put(type, **{**fields, "assignedById": assigned, "fm": fields.get("fm", [])})
        return {"item": self._shown(self.held[type][id], ["*"])}

    def _crm_item_list(self, params: dict[str, Any]) -> Any:
        found = self._listed(self.held[int(params["entityTypeId"])].values(), params, "id")
        return {"items": [self._shown(each, params["select"]) for each in found]}

    def _crm_activity_list(self, params: dict[str, Any]) -> Any:
        found = self._listed(self.activities.values(), params, "ID")
        return [{name: each.get(name) for name in params.get("select", ["ID"])} for each in found]

    def _listed(self, held: Any, params: dict[str, Any], id: str) -> list[dict[str, Any]]:
        found = [each for each in held if _holds(each, params.get("filter") or {})]
        for name in reversed(params.get("order") or {id: "ASC"}):
            found.sort(key=lambda each: _comparable(each.get(name)))
        return found[:50]

    def _shown(self, held: dict[str, Any], names: list[str]) -> dict[str, Any]:
        shown = held if "*" in names else {name: held.get(name) for name in names if name != "fm"}
        return {name: value for name, value in shown.items() if name != "entityTypeId"}

    def _crm_activity_add(self, params: dict[str, Any]) -> Any:
        fields = params["fields"]
        for name in ("SUBJECT", "RESPONSIBLE_ID", "TYPE_ID", "COMMUNICATIONS"):
            if not fields.get(name):
                raise Refused("", f"The field {name} is not defined or invalid")
        if int(fields["TYPE_ID"]) == 4 and (fields.get("COMPLETED") == "Y" or int(fields["DIRECTION"]) == 2):
            raise AssertionError("Bitrix24 would send this letter to the customer")
        self._owned(int(fields["OWNER_TYPE_ID"]), int(fields["OWNER_ID"]), "", "Could not build binding.")
        return self._kept({**fields, "PROVIDER_ID": "VOXIMPLANT_CALL"})

    def _crm_activity_todo_add(self, params: dict[str, Any]) -> Any:
        self._owned(int(params["ownerTypeId"]), int(params["ownerId"]), "OWNER_NOT_FOUND", "Owner was not found")
        fields = _todo_fields(params)
        return {"id": self._kept({"TYPE_ID": "6", "PROVIDER_ID": "CRM_TODO", "COMPLETED": "N", **fields})}

    def _crm_activity_todo_update(self, params: dict[str, Any]) -> Any:
        id = int(params["id"])
        if id not in self.activities:
            raise Refused("NOT_FOUND", "Not found.")
        if self.activities[id]["COMPLETED"] == "Y":
            raise Refused("CAN_NOT_UPDATE_COMPLETED_TODO", "A completed to-do cannot be changed")
        self.change(id, **_todo_fields(params))
        return {"id": id}

    def _crm_activity_update(self, params: dict[str, Any]) -> Any:
        id = params["id"]
        if not str(id).isdigit() or int(id) not in self.activities:
            raise Refused("", "Activity is not found")
        self.change(int(id), **params["fields"])
        return True

    # Its telephony

    def _telephony_externalcall_register(self, params: dict[str, Any]) -> Any:
        self._in_an_application(params)
        assert datetime.fromisoformat(params["CALL_START_DATE"]).tzinfo is not None
        by = ("PHONE_NUMBER", "TYPE", "USER_ID", "LINE_NUMBER", "EXTERNAL_CALL_ID")
        for id, call in self.registered.items():
            recent = self.now - call["at"] < timedelta(minutes=30)
            if recent and all(call.get(name) == params.get(name) for name in by):
                return self._registered(id)
        self._number += 1
        id = f"externalCall.{self._number:032x}.1767614400"
        self.registered[id] = {**params, "at": self.now}
        return self._registered(id)

    def _registered(self, id: str) -> dict[str, Any]:
        call = self.registered[id]
        told = {"CALL_ID": id, "CRM_CREATED_LEAD": None, "CRM_CREATED_ENTITIES": []}
        return {**told, "CRM_ENTITY_TYPE": call["CRM_ENTITY_TYPE"], "CRM_ENTITY_ID": int(call["CRM_ENTITY_ID"])}

    def _telephony_externalcall_finish(self, params: dict[str, Any]) -> Any:
        self._in_an_application(params)
        id = params["CALL_ID"]
        if id not in self.registered or any(each["CALL_ID"] == id for each in self.statistics):
            raise Refused("ERROR_CORE", "Call is not found (call should be registered prior to finishing")
        call, owner = self.registered[id], {"LEAD": 1, "CONTACT": 3, "COMPANY": 4}
        activity = self._kept(
            {"OWNER_TYPE_ID": str(owner[call["CRM_ENTITY_TYPE"]]), "OWNER_ID": call["CRM_ENTITY_ID"], "TYPE_ID": "2",
             "PROVIDER_ID": "VOXIMPLANT_CALL", "COMPLETED": "Y", "SUBJECT": f"Call {call['PHONE_NUMBER']}",
             "RESPONSIBLE_ID": params["USER_ID"]}
        )  # fmt: skip
        told = {
            "ID": str(self._number), "CALL_ID": id, "EXTERNAL_CALL_ID": call.get("EXTERNAL_CALL_ID"),
            "PORTAL_USER_ID": params["USER_ID"], "PHONE_NUMBER": call["PHONE_NUMBER"], "CALL_TYPE": call["TYPE"],
            "CALL_START_DATE": call["CALL_START_DATE"], "CALL_DURATION": params["DURATION"],
            "CALL_FAILED_CODE": params["STATUS_CODE"], "CRM_ACTIVITY_ID": str(activity), "RECORD_FILE_ID": None,
        }  # fmt: skip
        self.statistics.append(told)
        same = ("CALL_ID", "EXTERNAL_CALL_ID", "PHONE_NUMBER", "CALL_FAILED_CODE")
        numbers = ("ID", "PORTAL_USER_ID", "CALL_DURATION", "CRM_ACTIVITY_ID")
        answer = {name: told[name] for name in same} | {name: int(told[name]) for name in numbers}
        return {**answer, "INCOMING": call["TYPE"], "CALL_START_DATE": {}, "COMMENT": None}

    def _telephony_externalcall_attachrecord(self, params: dict[str, Any]) -> Any:
        self._in_an_application(params)
        found = [each for each in self.statistics if each["CALL_ID"] == params["CALL_ID"]]
        if not found:
            raise Refused("ERROR_CORE", "Call is not found in the statistic table. Looks like it is not finished yet.")
        if not params["FILENAME"].endswith((".mp3", ".wav")):
            raise Refused("ERROR_CORE", "Wrong file extension. Only wav and mp3 are allowed")
        if params["RECORD_URL"] in self.unplayable:
            raise Refused("ERROR_CORE", "Server returns HTTP error code 401")
        self._number += 1
        found[0] |= {"RECORD_FILE_ID": self._number}
        return {"FILE_ID": self._number}

    def _voximplant_statistic_get(self, params: dict[str, Any]) -> Any:
        [(field, wanted)] = params["FILTER"].items()
        assert (field, params["SORT"], params["ORDER"]) == ("EXTERNAL_CALL_ID", "ID", "ASC")
        assert isinstance(wanted, list)
        return [each for each in self.statistics if each[field] in wanted][:50]

    def _in_an_application(self, params: dict[str, Any]) -> None:
        if self.auth is None:
            raise Refused("WRONG_AUTH_TYPE", "Current authorization type is denied for this method")
        if "CALL_ID" not in params and params.get("USER_ID") not in [each["ID"] for each in self.users]:
            raise Refused("ERROR_CORE", "User is not found or is not active")

    def _owned(self, type: int, id: int, code: str, text: str) -> None:
        if id not in self.held[type]:
            raise Refused(code, text)

    def _kept(self, fields: dict[str, Any]) -> int:
        if len(fields["SUBJECT"]) > 255 or len(fields.get("DESCRIPTION", "").encode()) > 65_535:
            raise Refused("", "The value is too long")
        self._number += 1
        self.activities[self._number] = {"ID": str(self._number), "ORIGINATOR_ID": None, "ORIGIN_ID": None}
        self.change(self._number, **fields)
        return self._number

    def _time(self) -> str:
        return self.now.astimezone(ZONE).isoformat(timespec="seconds")


def _todo_fields(params: dict[str, Any]) -> dict[str, Any]:
    names = {
        "ownerTypeId": "OWNER_TYPE_ID", "ownerId": "OWNER_ID", "deadline": "DEADLINE", "title": "SUBJECT",
        "description": "DESCRIPTION", "responsibleId": "RESPONSIBLE_ID",
    }  # fmt: skip
    return {upper: params[name] for name, upper in names.items() if name in params}


def _referred(value: Any, values: Mapping[str, Any]) -> Any:
    """The same with the answers of earlier commands in it."""
    if isinstance(value, dict):
        return {name: _referred(each, values) for name, each in value.items()}
    if isinstance(value, list):
        return [_referred(each, values) for each in value]
    found = re.match(r"\$result((?:\[[^\]]+\])+)", value) if isinstance(value, str) else None
    if not found:
        return value
    told: Any = values
    for place in re.findall(r"\[([^\]]+)\]", found[1]):
        if not isinstance(told, dict) or place not in told:
            raise Refused("", "Activity is not found")
        told = told[place]
    return str(told)


def _holds(held: dict[str, Any], filter: Mapping[str, Any]) -> bool:
    if filter.get("logic") == "OR":
        return any(_holds(held, each) for name, each in filter.items() if name != "logic")
    return all(
        _holds(held, value) if isinstance(value, dict) else _is(held, name, value) for name, value in filter.items()
    )


def _is(held: dict[str, Any], name: str, wanted: Any) -> bool:
    operator, field = re.fullmatch(r"([><@]?=?)(.+)", name).groups()  # type: ignore[union-attr]
    found = _comparable(held.get(field))
    if operator == "@":
        return found in [_comparable(each) for each in wanted]
    value = _comparable(wanted)
    if operator in ("", "="):
        return bool(found == value)
    if type(found) is not type(value):
        return False
    return bool({">": found > value, ">=": found >= value, "<": found < value, "<=": found <= value}[operator])


def _comparable(value: Any) -> Any:
    text = "" if value is None else str(value)
    if re.match(r"\d{4}-\d\d-\d\d$", text):  # a day is one of the portal's own zone
        return datetime.fromisoformat(text).replace(tzinfo=ZONE)
    if re.match(r"\d{4}-\d\d-\d\dT", text):
        return datetime.fromisoformat(text).astimezone(UTC)
    return int(text) if text.isdigit() else text


def _same(value: str) -> str:
    return value.lower() if "@" in value else re.sub(r"\D", "", value)
