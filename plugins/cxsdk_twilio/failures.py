"""What Twilio's own error codes mean where HTTP's status alone says too little.

https://www.twilio.com/docs/api/errors. What is answered 400 and not listed here is refused for good, with Twilio's code
and words: 21211 and 21614 (no mobile number), 21610 (opted out: an opt-out here, too), 21408 (the region is not
allowed), 21617 (too long).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cxsdk import AuthenticationError, CxsdkError, OutcomeUnknown, RateLimited, Rejected

if TYPE_CHECKING:
    import requests

#: Errors of the account or its settings: every message would meet them, so that none may be given up.
_CURES = {
    20003: "Compare account_sid with auth_token, or api_key with api_secret.",
    20005: "The account is not active: see its state in Twilio's console.",
    20006: "The credentials may not do this: give the API key the rights, or take the account's own token.",
    20404: "Twilio knows no such account: compare account_sid.",
    21212: "Twilio cannot send from this sender: compare it with the account's numbers.",
    21603: "A sender is missing.",
    21609: "Twilio cannot reach our webhook: public_url must be open to the internet, its host without an underscore.",
    21661: "The sender takes no messages: choose a number that can.",
    21701: "There is no such messaging service: compare sender.",
    21703: "The messaging service has no numbers: add one to it.",
}

#: Limits, and after how many seconds to come back where no Retry-After says so.
_LIMITS = {
    14107: 60.0,  # too many messages to one number
    20429: 1.0,  # too many requests at the same time
    21611: 600.0,  # the number's queue holds ten hours of messages
    60728: 600.0,  # an hour's messages
    63017: 1.0,  # messages a second
    63038: 3600.0,  # a day's messages
}


def read_failure(response: requests.Response) -> CxsdkError | None:
    """The error in an answer, where HTTP's own meaning would not do; None where it does."""
    answer = _answer(response)
    if response.ok:
        made = response.request.method != "POST" or answer.get("sid")
        return None if made else OutcomeUnknown("Twilio's answer names no message.")
    code = answer.get("code")
    details: dict[str, Any] = {"status": response.status_code, "provider_code": str(code)}
    if code in _CURES:
        return AuthenticationError(f"{_said(answer)} {_CURES[code]}", **details)
    if code in _LIMITS:
        return RateLimited(_said(answer), retry_after=_wait(response) or _LIMITS[code], **details)
    return Rejected(_said(answer), **details) if code and response.status_code == 400 else None


def _said(answer: dict[str, Any]) -> str:
    return f"Twilio said {answer.get('code')}: {str(answer.get('message', '')).rstrip('.')[:200]}."


def _wait(response: requests.Response) -> float | None:
    given = response.headers.get("Retry-After", "")
    return float(given) if given.isascii() and given.isdigit() else None


def _answer(response: requests.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
