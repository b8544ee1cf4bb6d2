"""What answers mean by HTTP's own rules, and what it means that there was none.

A read may be repeated, so that nothing about it is ever unknown. A write that met an error of the server (5xx), an
answer that is late or cannot be read, may have happened; but 503 with Retry-After says that the service did not take
the request and names the time to come back, so it is Transient.
"""

from __future__ import annotations

from datetime import datetime

import requests

from cxsdk.errors import (
    AuthenticationError,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Rejected,
    Transient,
    Unsupported,
)
from cxsdk.http.details import details, words
from cxsdk.http.retry_after import retry_after
from cxsdk.http.wire import AnswerTooLong, Exchange

_BY_STATUS: dict[int, type[ProviderError]] = {
    401: AuthenticationError,
    403: AuthenticationError,
    405: Unsupported,
    407: AuthenticationError,
    408: Transient,
    425: Transient,
    429: RateLimited,
    501: Unsupported,
}

_CURES: dict[type[ProviderError], str] = {
    AuthenticationError: "Check the account's credentials and rights there.",
    Unsupported: "The provider does not offer this.",
    RateLimited: "The account is over a limit there and waits.",
    Transient: "It did not happen and is tried again later.",
    OutcomeUnknown: "It may have happened: it is looked up before it is repeated.",
    Rejected: "Correct the record there or here; it is not sent again by itself.",
}


def meaning(answer: requests.Response, what: str, *, reads: bool, now: datetime) -> ProviderError:
    """The error that the status of an answer, 300 or more, stands for. ``what`` names account and request."""
    if "Location" in answer.headers and 300 <= answer.status_code < 400 and answer.status_code != 303:
        return Rejected(f"{what} was sent on to another address. Give the new one as base_url.", **details(answer))
    wait = retry_after(answer.headers, now)
    kind = _kind(answer.status_code, reads, wait)
    said = " ".join(filter(None, [f"{what} was answered with {answer.status_code}.", words(answer), _CURES[kind]]))
    if issubclass(kind, Transient):
        return kind(said, retry_after=wait, **details(answer))
    return kind(said, **details(answer))


def unreadable(answer: requests.Response, what: str, why: str, *, reads: bool) -> ProviderError:
    """A success that tells nothing: not JSON where JSON was asked for, a proxy's page, a body cut off."""
    kind: type[ProviderError] = Transient if reads else OutcomeUnknown
    return kind(f"{what} was answered with {answer.status_code}, but {why} {_CURES[kind]}", **details(answer))


def unanswered(problem: Exception, what: str, limits: Exchange, *, reads: bool) -> ProviderError:
    """No whole answer came. Where nothing of the request was sent, it did not happen, whatever it asks for."""
    if isinstance(problem, AnswerTooLong):
        return (Rejected if reads else OutcomeUnknown)(f"{what}: the answer is too long to be read.")
    if isinstance(problem, (ValueError, requests.exceptions.InvalidJSONError)) and not limits.sent:
        # a URL or header that cannot be written, a NaN in the JSON
        return Rejected(f"{what} cannot be put into a request: {type(problem).__name__}. {_CURES[Rejected]}")
    kind: type[ProviderError] = Transient if reads or _not_sent(problem, limits) else OutcomeUnknown
    return kind(f"{what} got no whole answer: {_cause(problem)}. {_CURES[kind]}")


def _kind(status: int, reads: bool, wait: float | None) -> type[ProviderError]:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status < 500 and (reads or status != 303):  # "see other": done, and told elsewhere
        return Rejected
    if reads or (status == 503 and wait is not None):
        return Transient
    return OutcomeUnknown


def _not_sent(problem: Exception, limits: Exchange) -> bool:
    known = limits.touched or isinstance(problem, (requests.ConnectTimeout, TimeoutError))
    return known and not limits.sent


def _cause(problem: BaseException) -> str:
    """The innermost reason in its own words; the libraries' wrappers repeat the URL and tell nothing more."""
    seen = problem
    for _ in range(10):
        inner = seen.__cause__ or seen.__context__ or getattr(seen, "reason", None) or next(iter(seen.args), None)
        if not isinstance(inner, BaseException):
            break
        seen = inner
    return " ".join(filter(None, [type(seen).__name__, str(getattr(seen, "strerror", None) or "")]))
