"""What Bitrix24's errors mean, for a whole request and for one command of a batch, and what answers tell of limits.

https://apidocs.bitrix24.com/error-codes.html
https://apidocs.bitrix24.com/limits.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from cxsdk import AuthenticationError, CxsdkError, Limit, RateLimited, Receipt, Rejected, Transient, Usage

if TYPE_CHECKING:
    import requests

#: The name of the limit on the seconds that each method works.
OPERATING = "operating"
#: A blocked method is free again when the oldest of its ten minutes ends, at the latest after so many seconds.
_BUCKET = 60.0
#: How often a portal that is blocked by hand, or closed, is asked again.
_BLOCKED, _CLOSED = 3600.0, 300.0

_RIGHTS = "Check the user of the webhook or application in Bitrix24, and their rights."
_ADDRESS = "Is the webhook's address the one in Bitrix24, and not deleted there?"
_AGAIN = "Connect the account again."
#: Codes that speak of the account, and what to do; Bitrix24 writes them in either case.
_ACCESS = {
    "NO_AUTH_FOUND": _ADDRESS,
    "AUTHORIZATION_ERROR": _RIGHTS,
    "INVALID_TOKEN": _AGAIN,
    "EXPIRED_TOKEN": _AGAIN,
    "ERROR_OAUTH": _AGAIN,
    "APPLICATION_NOT_FOUND": "Install the application in Bitrix24, and connect the account again.",
    "PAYMENT_REQUIRED": "The application is not paid for.",
    "INVALID_CREDENTIALS": _RIGHTS,
    "INSUFFICIENT_SCOPE": "Give the webhook or application the scopes crm and user, and telephony for its calls.",
    "USER_ACCESS_ERROR": "The user may not use the application: allow it in Bitrix24.",
    "ALLOWED_ONLY_INTRANET_USER": "The user of the webhook or application must be an employee.",
    "METHOD_CONFIRM_WAITING": "An administrator must confirm the method in Bitrix24.",
    "METHOD_CONFIRM_DENIED": "An administrator must confirm the method in Bitrix24.",
    "WRONG_AUTH_TYPE": _ADDRESS,
    "ERROR_METHOD_NOT_FOUND": _ADDRESS,
    "ERROR_MANIFEST_IS_NOT_AVAILABLE": _ADDRESS,
    "INVALID_REQUEST": "Is the address of the portal one that begins with https?",
}
_LIMITS = {"QUERY_LIMIT_EXCEEDED": 5.0, "OPERATION_TIME_LIMIT": _BUCKET, "OVERLOAD_LIMIT": _BLOCKED}
_GONE = ("OWNER_NOT_FOUND", "NOT_FOUND")
#: What a call is told for which the database failed, in words alone.
_BROKEN = "database error"
_UNFINISHED = ("INTERNAL_SERVER_ERROR", "ERROR_UNEXPECTED_ANSWER")


class Problem(NamedTuple):
    """An error as Bitrix24 tells it; its code may be empty, or a sentence."""

    code: str
    text: str

    @classmethod
    def of(cls, told: Any) -> Problem | None:
        """The error in an answer's JSON, or in that of one command; None where there is none."""
        if not isinstance(told, Mapping) or "error" not in told:
            return None
        return cls(str(told["error"] or ""), str(told.get("error_description") or ""))

    @property
    def said(self) -> str:
        """Bitrix24's words."""
        return " ".join(filter(None, ["Bitrix24:", self.code, self.text[:500]]))

    def of_the_account(self) -> CxsdkError | None:
        """The error where it speaks of the account, whichever record it met."""
        code = self.code.upper()
        if code in _ACCESS:
            return AuthenticationError(f"{self.said} {_ACCESS[code]}", provider_code=self.code)
        if code in _LIMITS:
            return RateLimited(self.said, retry_after=_LIMITS[code], provider_code=self.code)
        if code == "PORTAL_DELETED":
            return Transient(self.said, retry_after=_CLOSED, provider_code=self.code)
        if "commercial plans" in self.text:
            return AuthenticationError(f"{self.said} Ask Bitrix24 for a plan with REST.", provider_code=self.code)
        return None

    def of_a_read(self) -> CxsdkError:
        """The error that a command which only reads raises: no record is to blame."""
        if "ACCESS_DENIED" in (said := f"{self.code} {self.text}".upper()) or "ACCESS DENIED" in said:
            return AuthenticationError(f"{self.said} {_RIGHTS}", provider_code=self.code)
        return self.of_the_account() or Transient(self.said, provider_code=self.code)

    def of_a_write(self) -> Receipt:
        """What became of the value that a command was to write."""
        if self.of_the_account() is not None:
            return Receipt.deferred(self.said)
        if self.code in _UNFINISHED or _BROKEN in self.text:
            return Receipt.unknown(self.said)
        return Receipt.person_gone(self.said) if self.code in _GONE else Receipt.rejected(self.said)


def read_failure(response: requests.Response, now: float) -> CxsdkError | None:
    """The error in an answer, where its status alone does not tell enough."""
    body = _json(response)
    problem = Problem.of(body)
    if problem is None:
        return None
    error = problem.of_the_account()
    if isinstance(error, RateLimited):
        error.retry_after = _until_reset(body.get("time"), now) or error.retry_after
    if error is None and response.ok:
        return Rejected(problem.said, provider_code=problem.code)
    return error


def usage_told(response: requests.Response, limits: Sequence[Limit]) -> Iterator[Usage]:
    """How many seconds each method may still work, where there is a limit on them; with none left, until when."""
    limit = next((each for each in limits if each.name == OPERATING and each.seconds is not None), None)
    if limit is None:
        return
    last = {method: time for method, time in _times(response) if _is_number(time.get("operating"))}
    for method, time in last.items():
        left = limit.amount - time["operating"]
        if left > 0:
            yield Usage(limit=OPERATING, key=method, remaining=left)
        else:
            wait = _until_reset(time, time.get("finish")) or _BUCKET
            yield Usage(limit=OPERATING, key=method, remaining=0, resets_in=timedelta(seconds=wait))


def _times(response: requests.Response) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The time that each method took, by what was asked for: the answer names commands, and no methods."""
    body = _mapping(_json(response))
    method = urlsplit(response.request.url or "").path.rpartition("/")[2]
    if method != "batch":
        yield method, _mapping(body.get("time"))
        return
    asked = json.loads(response.request.body or b"{}").get("cmd") or {}
    for name, time in _mapping(_mapping(body.get("result")).get("result_time")).items():
        if name in asked:
            yield str(asked[name]).partition("?")[0], _mapping(time)


def _until_reset(time: Any, now: Any) -> float | None:
    """How long until the oldest minute of a method's work counts no more."""
    at = _mapping(time).get("operating_reset_at")
    return max(at - now, 1.0) if _is_number(at) and _is_number(now) else None


def _is_number(told: Any) -> bool:
    return isinstance(told, int | float) and not isinstance(told, bool)


def _mapping(told: Any) -> Mapping[str, Any]:
    return told if isinstance(told, Mapping) else {}


def _json(response: requests.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
