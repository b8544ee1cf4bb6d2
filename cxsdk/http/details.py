"""What an answer tells a person who must follow it up: code, words, request id, a piece of the body. All redacted."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import requests

from cxsdk.errors import ProviderError
from cxsdk.observe import redact

#: So much of a body is kept in an error.
BODY_SHOWN = 500
#: So much of a body is looked at.
_BODY_SEEN = 4_000

_CODES = ("code", "errorCode", "error_code", "errorType", "error_type", "category", "error")
_WORDS = ("message", "error_description", "description", "detail", "title", "error", "reason")
_REQUEST_IDS = ("X-Request-Id", "Request-Id", "X-Correlation-Id", "X-Amzn-RequestId", "X-Fb-Trace-Id", "CF-Ray")


def details(answer: requests.Response) -> dict[str, Any]:
    """The keyword arguments that every ProviderError takes."""
    return {
        "status": answer.status_code,
        "provider_code": _code(_problem(answer)),
        "request_id": _request_id(answer),
        "body": body_shown(answer),
    }


def words(answer: requests.Response) -> str:
    """What the provider says itself, in at most 200 characters, or nothing."""
    problem = _problem(answer)
    said = _first(problem.get(name) for name in _WORDS)
    return redact(str(said))[:200] if isinstance(said, str) else ""


def body_shown(answer: requests.Response) -> str:
    """The beginning of the body, without secrets."""
    return redact(_text(answer))[:BODY_SHOWN]


def complete(error: ProviderError, answer: requests.Response) -> None:
    """Adds to a plugin's own error what the answer tells, where the plugin left it out, and redacts its words."""
    for name, value in details(answer).items():
        if getattr(error, name) is None:
            setattr(error, name, value)
    error.body = redact(error.body or "")[:BODY_SHOWN]
    error.args = tuple(redact(str(arg)) for arg in error.args)


def _text(answer: requests.Response) -> str:
    return answer.content[:_BODY_SEEN].decode("utf-8", "replace")


def _problem(answer: requests.Response) -> dict[str, Any]:
    """The part of a JSON body that speaks of the error, in the shapes that providers use."""
    try:
        found = json.loads(answer.content)
    except (ValueError, RecursionError):
        return {}
    if isinstance(found, dict) and isinstance(inner := found.get("error") or found.get("errors"), (dict, list)):
        found = {**found, **inner} if isinstance(inner, dict) else {**_only(inner), **found}
    return _only(found) if isinstance(found, list) else found if isinstance(found, dict) else {}


def _only(items: list[Any]) -> dict[str, Any]:
    return items[0] if items and isinstance(items[0], dict) else {}


def _code(problem: dict[str, Any]) -> str | None:
    found = _first(problem.get(name) for name in _CODES)
    code = redact(str(found)) if found is not None else ""
    return code if 0 < len(code) <= 100 and " " not in code else None


def _request_id(answer: requests.Response) -> str | None:
    found = _first(answer.headers.get(name) for name in _REQUEST_IDS)
    return None if found is None else redact(str(found))[:100]


def _first(values: Iterable[Any]) -> Any:
    return next((value for value in values if value and isinstance(value, (str, int)) and value is not True), None)
