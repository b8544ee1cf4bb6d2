"""What amoCRM's errors mean, for a whole request and for single records of it.

https://www.amocrm.ru/developers/content/crm_platform/error-codes
https://developers.kommo.com/docs/limitations
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cxsdk import AuthenticationError, CxsdkError, OutcomeUnknown, RateLimited, Rejected

if TYPE_CHECKING:
    import requests

#: How long to wait at the limit, and where an address was banned: amoCRM tells neither, and bans whoever goes on.
LIMIT_WAIT, BAN_WAIT = 10.0, 3600.0
#: What is said of a call whose number no card has.
NO_CARD = "Entity not found"


class Refused(Rejected):
    """amoCRM refuses records of a request, and nothing of it was written."""

    def __init__(self, said: str, records: Mapping[str, str]) -> None:
        super().__init__(said)
        self.records = records  #: why, by the ``request_id`` of each that is refused


def read_failure(response: requests.Response) -> CxsdkError | None:
    """The error in an answer, where its status alone does not tell enough."""
    body = _json(response)
    said = f"amoCRM: {response.status_code} {_words(body)}".strip()
    match response.status_code:
        case 301 | 302:
            return _moved()
        case 400:
            return _refused(said, body)
        case 402:
            return _unpaid(said)
        case 403 if body is None:  # a web server's page: it is not the API that refuses
            return _banned(said)
        case 429 if "Retry-After" not in response.headers:
            return RateLimited(said, retry_after=LIMIT_WAIT)
    return None


def field_missing(code: str) -> CxsdkError:
    """Without the field nobody can be found again: the account waits, and no record is given up."""
    return AuthenticationError(
        f"amoCRM has no field of contacts with the code {code}, and does not let us make it. Run setup() with an "
        "administrator's token; key_field names the field.",
        code="amocrm_field_missing",
    )


def refusals(body: Any) -> dict[str, str]:
    """Why records are refused, by their ``request_id``; of one without a name, by an empty one."""
    if not isinstance(body, dict):
        return {}
    found: dict[str, str] = {}
    for record in _records(body.get("validation-errors")):
        found[_name(record)] = "; ".join(_mistakes(record)) or "It is not valid."
    for record in _records(body.get("errors")):
        found[_name(record)] = _words(record) or "amoCRM gives no reason."
    return found


def _refused(said: str, body: Any) -> CxsdkError | None:
    records = refusals(body)
    if isinstance(body, dict) and body.get("_total_items"):
        return OutcomeUnknown(f"{said} Some of the records are there.")
    return Refused(f"{said} {'; '.join(records.values())}"[:500], records) if records else None


def _moved() -> CxsdkError:
    return AuthenticationError(
        "The account has moved to another address. Give it as account, or connect the account again.",
        code="amocrm_moved",
    )


def _unpaid(said: str) -> CxsdkError:
    return AuthenticationError(f"{said} The account is not paid for, or over its plan.", code="amocrm_unpaid")


def _banned(said: str) -> CxsdkError:
    return RateLimited(
        f"{said}. Requests of this address or account are refused after too many in a second. Write to amoCRM's "
        "support with the address and the account, and give lower limits.",
        retry_after=BAN_WAIT,
        code="amocrm_banned",
    )


def _mistakes(record: Mapping[str, Any]) -> Iterator[str]:
    for mistake in _records(record.get("errors")):
        yield " ".join(str(mistake[name]) for name in ("path", "code", "detail") if mistake.get(name))


def _records(given: Any) -> list[Mapping[str, Any]]:
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


def _name(record: Mapping[str, Any]) -> str:
    return str(record.get("request_id") or "")


def _words(body: Any) -> str:
    told = [body.get(name) for name in ("title", "detail", "hint")] if isinstance(body, dict) else []
    return ". ".join(dict.fromkeys(str(one).rstrip(".") for one in told if isinstance(one, str | int) and one))


def _json(response: requests.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
