"""What HubSpot's errors mean, for a whole request and for one record of a batch, and what its answers tell of limits.

https://developers.hubspot.com/docs/api-reference/error-handling
https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cxsdk import AuthenticationError, CxsdkError, RateLimited, Receipt, Usage

if TYPE_CHECKING:
    import requests

#: How long to wait where a limit does not say: the day of the account ends at its own midnight, which nobody tells.
_WAITS = {"SECONDLY": 1.0, "TEN_SECONDLY_ROLLING": 10.0, "DAILY": 3600.0}
_UNUSABLE = re.compile(r"does not exist|doesnt_exist|non-unique", re.IGNORECASE)
#: Categories that speak of the record itself; others are no reason to give it up.
_REFUSED = ("VALIDATION_ERROR", "CONFLICT", "OBJECT_NOT_FOUND", "INVALID_INPUT")
_SCOPES = ("missingScopes", "requiredGranularScopes", "requiredScopes")
#: A contact with the same e-mail address is there, perhaps as its second one.
_EXISTING = re.compile(r"Existing ID: ?(\d+)")


def read_failure(response: requests.Response, key_property: str) -> CxsdkError | None:
    """The error in an answer, where its status alone does not tell enough."""
    if response.status_code < 400:
        return None
    problem = _problem(response)
    said = f"HubSpot: {response.status_code} {problem.get('message') or ''}".strip()
    match response.status_code:
        case 400 if key_property in said and _UNUSABLE.search(said):
            return property_unusable(key_property)
        case 403 if missing := sorted(set(_scopes_in(problem))):
            return scope_missing(missing)
    return _limit(response, problem, said)


def _limit(response: requests.Response, problem: Mapping[str, Any], said: str) -> RateLimited | None:
    match response.status_code:
        case 423:  # a lock, which lasts two seconds
            return RateLimited(said, retry_after=2)
        case 477:  # the account moves to another place
            return RateLimited(said, retry_after=_number(response.headers.get("Retry-After"), 3600))
        case 429 if "Retry-After" not in response.headers:
            policy = str(problem.get("policyName"))
            return RateLimited(said, retry_after=_WAITS.get(policy, 10), provider_code=policy)
    return None


def property_unusable(key_property: str) -> AuthenticationError:
    """Without the property nothing can be single: the account waits, and no record is given up."""
    return AuthenticationError(
        f"HubSpot has no property {key_property} with unique values for this kind of record. Archive one of that name, "
        "and cxsdk makes it anew; or choose another name with key_property.",
        code="hubspot_property_unusable",
    )


def scope_missing(scopes: Iterable[str]) -> AuthenticationError:
    """The app may not do something that it must."""
    return AuthenticationError(
        f"HubSpot does not let the app do this without the scope {', '.join(scopes)}. Give it to the app; one that is "
        "connected by OAuth is to be connected again then.",
        code="hubspot_scope_missing",
    )


def _scopes_in(problem: Mapping[str, Any]) -> Iterator[str]:
    """The scopes of which one is missing; HubSpot names them in several ways."""
    errors = problem.get("errors")
    for error in [problem, *(errors if isinstance(errors, list) else [])]:
        context = error.get("context") if isinstance(error, dict) else None
        if isinstance(context, dict):
            yield from (str(scope) for name in _SCOPES for scope in context.get(name) or ())


def refusal(error: Mapping[str, Any]) -> Receipt:
    """What one error among the results of a batch says of its record."""
    category, message = str(error.get("category")), str(error.get("message") or "HubSpot gives no reason.")
    if there := _EXISTING.search(message):
        return Receipt.duplicate(there[1])
    return Receipt.rejected(message[:500]) if category in _REFUSED else Receipt.deferred(message[:500])


def link_refusal(error: Mapping[str, Any]) -> Receipt:
    """What an error says of an association: our own record is new, so that it is the person who is gone."""
    receipt = refusal(error)
    return Receipt.person_gone(receipt.reason) if error.get("category") == "OBJECT_NOT_FOUND" else receipt


def usage_told(headers: Mapping[str, str]) -> Iterator[Usage]:
    """How much is left in ten seconds and in the day; searches tell nothing, and OAuth nothing of the day."""
    told = {name.lower().removeprefix("x-hubspot-ratelimit-"): value for name, value in headers.items()}
    for limit, all, left in (("10 seconds", "max", "remaining"), ("1 day", "daily", "daily-remaining")):
        if told.get(left, "").isdigit():
            yield Usage(limit=limit, amount=_number(told.get(all), 0) or None, remaining=_number(told[left], 0))


def _problem(response: requests.Response) -> Mapping[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _number(given: str | None, otherwise: float) -> float:
    return float(given) if given and given.isascii() and given.isdigit() else otherwise
