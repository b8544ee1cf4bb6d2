"""A small amoCRM in memory, which answers as its documentation says, and does as it is told.

Its shapes: https://www.amocrm.ru/developers/content/crm_platform/{contacts,leads,unsorted,calls,tasks}-api and
events-and-notes; https://developers.kommo.com/reference.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from cxsdk.testing import Answer, HttpStandIn, SentRequest

TOKEN = "sample-long-lived-token"
SECRET = "sample-secret-of-the-webhook"
CARDS = ("contacts", "leads", "companies", "customers")
#: What no document says: amoCRM's own limits are somewhere.
LONGEST = {"text": 20_000, "name": 255, "call_result": 1_000}

Record = dict[str, Any]


def problem(status: int, title: str, detail: str, **more: Any) -> Answer:
    """An error as amoCRM tells it."""
    return Answer(status, {"title": title, "type": f"https://httpstatus.es/{status}", "status": status,
                           "detail": detail, **more})  # fmt: skip


def invalid(name: str, path: str, code: str = "NotSupportedChoice") -> Answer:
    """A record that is refused, and all others with it."""
    mistakes = [{"code": code, "path": path, "detail": "The value you selected is not a valid choice."}]
    return problem(400, "Bad Request", "Request validation failed",
                   **{"validation-errors": [{"request_id": name, "errors": mistakes}]})  # fmt: skip


BANNED = Answer(403, body=b"<html><head><title>403 Forbidden</title></head></html>", wait=3600)
LIMITED = Answer(429, body=b"Too many requests", wait=10)


class FakeAmoCRM(HttpStandIn):
    """One account. ``play`` scripts the next answers."""

    limits = (LIMITED, BANNED)
    unauthorized = problem(401, "Unauthorized", "Access token is not valid")
    refused = invalid("", "name")

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Record]] = {kind: {} for kind in (*CARDS, "tasks", "unsorted")}
        self.notes: dict[str, dict[str, Record]] = {kind: {} for kind in CARDS}
        self.fields: list[Record] = [{"id": 1, "code": "PHONE"}, {"id": 2, "code": "EMAIL"}]
        rights = {"is_active": True, "is_admin": True}
        self.users = [{"id": 7654321, "name": "Ann Sample", "email": "agent@example.com", "rights": rights}]
        self.webhooks: list[Record] = []
        self.now = datetime(2026, 1, 5, 11, 57, tzinfo=UTC)
        self.tokens = {f"Bearer {TOKEN}"}
        self._script: deque[Answer] = deque()
        self._to_writes: deque[Answer] = deque()
        self._lost = ""
        self._number = 1000

    # What a test says and asks

    def play(self, answer: Answer, times: int = 1) -> None:
        """The next requests get this answer."""
        self._script.extend([answer] * times)

    def play_to_writes(self, answer: Answer, times: int = 1) -> None:
        """The next requests that write get this answer."""
        self._to_writes.extend([answer] * times)

    def forget(self, path: str) -> None:
        """The next record written to this path is there, and nobody hears of it."""
        self._lost = path

    def records(self) -> dict[str, Any]:
        """Contacts, tasks and notes, by the plugin's names for them."""
        notes = {f"{card}:{note['entity_id']}:{id}": note for card in CARDS for id, note in self.notes[card].items()}
        return {**self.held["contacts"], **self.held["tasks"], **notes}

    def complete(self, task_id: str) -> None:
        """An agent completes a task, which the plugin reads."""
        self.change("tasks", task_id, is_completed=True, result={"text": "Called back."})

    def contact(self, *, phones: list[str] | None = None, emails: list[str] | None = None, **fields: Any) -> str:
        """A contact as a user made it; its id."""
        held = {"PHONE": phones or [], "EMAIL": emails or []}
        values = [{"field_code": code, "values": [{"value": v} for v in vs]} for code, vs in held.items() if vs]
        return self.put("contacts", **{"custom_fields_values": values, **fields})

    def put(self, kind: str, /, **fields: Any) -> str:
        """A record as a user made it; its id."""
        self._number += 1
        id = str(fields.pop("id", self._number))
        self.held[kind][id] = {"id": int(id), "is_deleted": False, "responsible_user_id": 111, **fields}
        self.change(kind, id)
        return id

    def change(self, kind: str, id: str, /, **fields: Any) -> None:
        """Somebody changes a record, a second later."""
        self.now += timedelta(seconds=1)
        self.held[kind][id].update({**fields, "updated_at": int(self.now.timestamp())})

    def all_of(self, kind: str) -> list[Record]:
        """All records of a kind, oldest first."""
        return list(self.held[kind].values())

    def notes_of(self, card: str = "contacts") -> list[Record]:
        """All notes on cards of a kind, oldest first."""
        return list(self.notes[card].values())

    def asked(self) -> list[str]:
        """The requests, without the part of the address that all have."""
        return [f"{request.method} {request.path.removeprefix('/api/v4/')}" for request in self.requests]

    # What the plugin gets

    def answer(self, request: SentRequest) -> Answer:
        if self._script:
            return self._script.popleft()
        if request.headers.get("Authorization") not in self.tokens:
            return self.unauthorized
        if self._to_writes and request.method != "GET":
            return self._to_writes.popleft()
        path = request.path.removeprefix("/api/v4/")
        method: Callable[[str, SentRequest], Answer] | None = getattr(self, f"_{request.method.lower()}", None)
        answer = method(path, request) if method else Answer(405)
        if path == self._lost and request.method != "GET":
            self._lost = ""
            return Answer(500)
        return answer

    def refusal(self, request: SentRequest, text: str) -> Answer | None:
        """One record that is refused lets all of its request be refused, and is named."""
        bad = [each for each in request.json or [] if text in str(each)] if request.method != "GET" else []
        return invalid(str(bad[0]["request_id"]), "name") if bad else None

    # Reading

    def _get(self, path: str, request: SentRequest) -> Answer:
        if path == "account":
            return Answer(json={"id": 1234567, "name": "Sample", "subdomain": "example", "currency": "USD"})
        if path == "users":
            return self._listed("users", self.users, request)
        if path.endswith("/custom_fields"):
            fields = self.fields if path.startswith("contacts") else [{"id": 889005, "code": "RENEWED"}]
            return self._listed("custom_fields", fields, request)
        card, _, rest = path.partition("/")
        if rest == "notes":
            return self._listed("notes", list(self.notes[card].values()), request)
        found = [record for record in self.all_of(path) if _matches(record, request.query)]
        return self._listed(path, found, request)

    def _listed(self, kind: str, records: list[Record], request: SentRequest) -> Answer:
        asked = {name: values[0] for name, values in request.query.items()}
        size, page = int(asked["limit"]), int(asked["page"])
        assert size <= 250
        ordered = sorted(records, key=lambda one: int(one["id"]), reverse=asked.get("order[id]") == "desc")
        shown = ordered[(page - 1) * size : page * size]
        if not shown:
            return Answer(204)
        more = {"next": {"href": f"https://example.amocrm.ru{request.path}"}} if page * size < len(records) else {}
        return Answer(json={"_page": page, "_links": {"self": {"href": ""}, **more}, "_embedded": {kind: shown}})

    # Writing

    def _post(self, path: str, request: SentRequest) -> Answer:
        if path == "webhooks":
            self.webhooks.append(request.json)
            return Answer(201, {"id": 839656, **request.json})
        given: list[Record] = request.json
        if path == "contacts/custom_fields":
            self.fields += [{"id": len(self.fields) + 1, **each} for each in given]
            return Answer(json={"_embedded": {"custom_fields": given}})
        assert len(given) <= 50
        bad = next((each for each in given if _too_long(each)), None)
        return invalid(str(bad["request_id"]), "text", "TooLong") if bad else self._made(path, given)

    def _made(self, path: str, given: list[Record]) -> Answer:
        if path == "calls":
            return self._calls(given)
        if path == "leads/complex":
            return Answer(json=[self._complex(each) for each in given])
        if path.startswith("leads/unsorted/"):
            return self._unsorted(path.rpartition("/")[2], given)
        card, _, rest = path.partition("/")
        return self._notes(card, given) if rest == "notes" else self._new(path, given)

    def _new(self, kind: str, given: list[Record]) -> Answer:
        if kind == "tasks" and (gone := self._gone("contacts", given)):
            return gone
        made = [{"id": int(self.put(kind, **_stored(each))), "request_id": each["request_id"]} for each in given]
        return Answer(json={"_links": {}, "_embedded": {kind: made[::-1]}})

    def _notes(self, card: str, given: list[Record]) -> Answer:
        return self._gone(card, given) or Answer(json={"_embedded": {"notes": [self._note(card, e) for e in given]}})

    def _note(self, card: str, given: Record) -> Record:
        assert None not in given["params"].values()
        self._number += 1
        self.notes[card][str(self._number)] = {"id": self._number, **_stored(given)}
        return {"id": self._number, "entity_id": given["entity_id"], "request_id": given["request_id"]}

    def _gone(self, card: str, given: list[Record]) -> Answer | None:
        bad = [each for each in given if str(each["entity_id"]) not in self.held[card]]
        return invalid(bad[0]["request_id"], "entity_id", "NotFound") if bad else None

    def _calls(self, given: list[Record]) -> Answer:
        made, errors = [], []
        for each in given:
            card = self._card_of(each["phone"])
            if card is None:
                errors.append({"title": "Entity not found", "status": 404, "detail": "Entity not found",
                               "request_id": each["request_id"]})  # fmt: skip
                continue
            kind, id = card
            params = {name: value for name, value in each.items() if name not in ("request_id", "direction")}
            note_type = "call_in" if each["direction"] == "inbound" else "call_out"
            note = self._note(kind, {"entity_id": int(id), "note_type": note_type, "params": params,
                                     "request_id": each["request_id"]})  # fmt: skip
            made.append({**note, "entity_type": kind.removesuffix("s"), "account_id": 1234567})
        status = 200 if made else 400
        return Answer(status, {"_total_items": len(made), "errors": errors, "_embedded": {"calls": made[::-1]}})

    def _card_of(self, number: str) -> tuple[str, str] | None:
        """The only open lead of the contact with the same last ten digits, else the contact."""
        for id, contact in self.held["contacts"].items():
            if any(_digits(value)[-10:] == _digits(number)[-10:] for value in _values(contact, "PHONE")):
                leads = [lead for lead, held in self.held["leads"].items() if int(id) in _contacts_of(held)]
                return ("leads", leads[0]) if len(leads) == 1 else ("contacts", id)
        return None

    def _complex(self, given: Record) -> Record:
        [contact] = given["_embedded"]["contacts"]
        contact_id = int(self.put("contacts", **contact))
        lead = {**_stored(given), "_embedded": {"contacts": [{"id": contact_id, "is_main": True}]}}
        lead_id = int(self.put("leads", **lead))
        names = {"request_id": [given["request_id"]], "merged": False}
        return {"id": lead_id, "contact_id": contact_id, "company_id": None, **names}

    def _unsorted(self, category: str, given: list[Record]) -> Answer:
        made = []
        for each in given:
            [contact] = each["_embedded"]["contacts"]
            assert str(contact["id"]) in self.held["contacts"]
            self.put("unsorted", category=category, **_stored(each))
            made.append({"uid": "a1fee7c0", "request_id": each["request_id"], "_embedded": each["_embedded"]})
        return Answer(json={"_total_items": len(made), "_embedded": {"unsorted": made}})

    def _patch(self, path: str, request: SentRequest) -> Answer:
        card, _, rest = path.partition("/")
        held = self.notes[card] if rest == "notes" else self.held[path]
        given: list[Record] = request.json
        for each in given:
            if str(each["id"]) not in held or _too_long(each):
                return invalid(each["request_id"], "id", "NotFound")
        for each in given:
            if rest == "notes":
                assert held[str(each["id"])]["entity_id"] == each["entity_id"]
                held[str(each["id"])].update(_stored(each))
            else:
                self.change(path, str(each["id"]), **_stored(each))
        told = [{"id": each["id"], "updated_at": 1767614280} for each in given]
        return Answer(json={"_embedded": {rest or path: told[::-1]}})


def _stored(given: Record) -> Record:
    return {name: value for name, value in given.items() if name != "request_id"}


def _too_long(record: Record) -> bool:
    told = {**record, **record.get("params", {})}
    return any(len(str(told.get(name) or "")) > limit for name, limit in LONGEST.items())


def _matches(record: Record, query: dict[str, list[str]]) -> bool:
    ids, words = query.get("filter[id][]"), query.get("query")
    done = query.get("filter[is_completed]")
    begin, end = (int(query.get(f"filter[updated_at][{side}]", [other])[0]) for side, other in _SIDES)
    return (
        (ids is None or str(record["id"]) in ids)
        and (words is None or _has_words(record, words[0]))
        and (done is None or bool(record.get("is_completed")) is (done == ["1"]))
        and begin <= record["updated_at"] <= end
        and all(_is_dated(record, name, int(values[0])) for name, values in query.items() if "custom_fields" in name)
        and not record["is_deleted"]
    )


def _is_dated(record: Record, condition: str, bound: int) -> bool:
    id, side = re.findall(r"\[(\w+)\]", condition)[1:]
    fields = [field for field in record.get("custom_fields_values") or [] if str(field.get("field_id")) == id]
    held = [each["value"] for field in fields for each in field["values"] if isinstance(each["value"], int)]
    return any(value >= bound if side == "from" else value <= bound for value in held)


_SIDES = (("from", "0"), ("to", str(2**40)))


def _has_words(record: Record, words: str) -> bool:
    held = [str(record.get("name", ""))]
    held += [str(each["value"]) for field in record.get("custom_fields_values") or [] for each in field["values"]]
    return any(words in one or (words.isdigit() and words in _digits(one)) for one in held)


def _values(record: Record, code: str) -> list[str]:
    fields = [field for field in record.get("custom_fields_values") or [] if field.get("field_code") == code]
    return [str(each["value"]) for field in fields for each in field["values"]]


def _contacts_of(lead: Record) -> list[int]:
    return [int(each["id"]) for each in lead.get("_embedded", {}).get("contacts", [])]


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)
