"""Typeform in memory: forms, people who answer them, the webhook's payload and the list of responses."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cxsdk import Secret
from cxsdk.testing import NOW, Answer, HttpStandIn, SentRequest
from cxsdk_typeform import Typeform

TOKEN, SECRET = "tfp_sample", "abc123"
LOYALTY, LOYALTY_UK, PURCHASE = "lT4Z3j", "uKrF0rm", "P0stBuy"
LATELY = NOW - timedelta(hours=2)

Json = dict[str, Any]


def typeform(**settings: Any) -> Typeform:
    """The plugin with sample settings."""
    forms = {"loyalty": {"en": LOYALTY, "uk": LOYALTY_UK}, "post_purchase": PURCHASE}
    return Typeform(**{"token": Secret(TOKEN), "webhook_secret": Secret(SECRET), "forms": forms, **settings})


def answer(type: str, ref: str, kind: str, value: Any) -> Json:
    """One answer as Typeform writes it."""
    return {"type": kind, kind: value, "field": {"id": f"id-{ref}"[:14], "type": type, "ref": ref}}


#: An answer of each type that the vendor's page of the payload shows, and of those that came later.
EVERY_TYPE = (
    answer("nps", "nps", "number", 3),
    answer("long_text", "comment", "text", "It came late"),
    answer("yes_no", "contact", "boolean", True),
    answer("phone_number", "phone", "phone_number", "+12125550123"),
    answer("short_text", "hours", "text", "after six"),
    answer("short_text", "readable_ref_short_text", "text", "Sample"),
    answer("email", "readable_ref_email", "email", "customer@example.com"),
    answer("date", "readable_ref_date", "date", "2005-10-15"),
    answer("picture_choice", "readable_ref_picture_choice", "choices", {"labels": ["London", "Sydney"]}),
    answer("dropdown", "readable_ref_dropdown", "text", "No, not for me"),
    answer("legal", "readable_ref_legal", "boolean", False),
    answer("multiple_choice", "38eb1e5d-5eb0-4c2c-a3ea-2f3a3e0d6ae5", "choice", {"label": "New York", "ref": "c-ny"}),
    answer("number", "readable_ref_number", "number", 2.5),
)


def webhook(
    invitation: str | None, *answers: Json, token: str = "a3a12ec67a1365927098a606107fac15", **more: Any
) -> Json:
    """The webhook's payload for a response, in the shape of the vendor's page."""
    response = {
        "form_id": LOYALTY,
        "token": token,
        "landed_at": (LATELY - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "submitted_at": LATELY.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "calculated": {"score": 9},
        "variables": [{"key": "score", "type": "number", "number": 4}],
        "hidden": {"invitation": invitation, "language": "en"} if invitation else {},
        "definition": {"id": LOYALTY, "title": "Loyalty", "fields": []},
        "answers": list(answers),
    }
    return {"event_id": "LtWXD3crgy", "event_type": "form_response", "form_response": response} | more


def signed(body: bytes, key: str = SECRET) -> dict[str, str]:
    """Typeform's proof of a body."""
    digest = hmac.digest(key.encode(), body, "sha256")
    return {"Typeform-Signature": f"sha256={base64.b64encode(digest).decode()}"}


def encoded(payload: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
    """A payload's bytes and headers."""
    body = json.dumps(payload).encode()
    return body, {"Content-Type": "application/json", **signed(body)}


class FakeTypeform(HttpStandIn):
    """Typeform as far as the plugin needs it."""

    limits = (Answer(429, {"code": "TOO_MANY_REQUESTS", "description": "Too many requests"}),)
    unauthorized = Answer(403, {"code": "AUTHENTICATION_FAILED", "description": "Authentication failed"})

    def __init__(self) -> None:
        self.responses: dict[str, list[Json]] = {LOYALTY: [], LOYALTY_UK: [], PURCHASE: []}
        self.hidden = ["invitation", "language"]
        self.webhooks: dict[str, Json] = {}
        self._numbers = count(1)

    def respond(self, link: str, *answers: Json, at: datetime = LATELY) -> Json:
        """Somebody opens a link and submits the form; returns the webhook's payload."""
        parts = urlsplit(link)
        form, hidden = parts.path.removeprefix("/to/"), dict(parse_qsl(parts.fragment))
        known = {name: value for name, value in hidden.items() if name in self.hidden}
        told = webhook(None, *(answers or EVERY_TYPE), token=f"response{next(self._numbers):04d}")
        told["form_response"] |= {"form_id": form, "hidden": known, "submitted_at": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
        told["event_id"] = f"event-{told['form_response']['token']}"
        self.responses[form].append(told["form_response"])
        return told

    def happen(self) -> None:
        for _ in range(2):
            for form in (LOYALTY, LOYALTY_UK, PURCHASE):
                self.respond(f"https://form.typeform.com/to/{form}#invitation=tok-{form}", *EVERY_TYPE[:2])

    def answer(self, request: SentRequest) -> Any:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return self.unauthorized
        match request.method, request.path.split("/")[1:]:
            case "GET", ["forms", form, "responses"] if form in self.responses:
                return self._list(form, {name: values[0] for name, values in request.query.items()})
            case "GET", ["forms", form] if form in self.responses:
                return {"id": form, "title": "Sample", "hidden": self.hidden}
            case "GET", ["forms", form, "webhooks", "cxsdk"] if form in self.webhooks:
                told = {name: value for name, value in self.webhooks[form].items() if name != "secret"}
                return {"id": "w1", "form_id": form, "tag": "cxsdk", **told}
            case "PUT", ["forms", form, "webhooks", tag] if form in self.responses:
                self.webhooks[form] = request.json
                return {"id": "w1", "form_id": form, "tag": tag, **request.json}
        return Answer(404, {"code": "FORM_NOT_FOUND", "description": "Form not found"})

    def _list(self, form: str, asked: Mapping[str, str]) -> Json:
        since, until = int(asked.get("since", 0)), int(asked.get("until", 10**11))
        found = [one for one in self.responses[form] if since <= _seconds(one["submitted_at"]) <= until]
        found.sort(key=lambda one: _seconds(one["submitted_at"]), reverse=True)
        shown = found[: int(asked["page_size"])]
        return {"total_items": len(found), "page_count": 1, "items": [_item(one) for one in shown]}


def _item(response: Json) -> Json:
    """A response as the API lists it: without the form's definition, with ids and metadata of its own."""
    kept = {name: value for name, value in response.items() if name not in ("definition", "form_id")}
    token = response["token"]
    metadata = {"user_agent": "Sample", "platform": "mobile", "referer": "https://example.com", "network_id": "n1"}
    return {"landing_id": token, "response_id": token, "response_type": "completed", "metadata": metadata, **kept}


def _seconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())
