"""What an error of the Bot API means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cxsdk import AuthenticationError, CxsdkError, OutcomeUnknown, RateLimited, Rejected, Transient

if TYPE_CHECKING:
    import requests

_TOKEN = "Telegram does not know this token: take the bot's present one from @BotFather."  # noqa: S105
_CONFLICT = (
    "Only one reader at a time gets a bot's updates. If a webhook is set, remove it (Telegram.remove_webhook) or give "
    "webhook_secret; if another process polls with the same token, stop it."
)


def read_failure(response: requests.Response) -> CxsdkError | None:
    """The error in an answer ``{"ok": false, ...}``; None where it is none, or not Telegram's own."""
    answer = _answer(response)
    if response.ok and answer and "result" not in answer:
        return OutcomeUnknown("Telegram's answer holds no result.")
    return _meaning(answer, response.status_code) if answer.get("ok") is False else None


def _meaning(answer: dict[str, Any], status: int) -> CxsdkError | None:
    text = str(answer.get("description", ""))
    parameters = answer.get("parameters") or {}
    details: dict[str, Any] = {"status": status, "provider_code": str(answer.get("error_code"))}
    match answer.get("error_code"):
        case 429:
            return RateLimited(text, retry_after=float(parameters.get("retry_after", 1)), **details)
        case 401 | 404:
            return AuthenticationError(f"{text}. {_TOKEN}", **details)
        case 409:
            return Transient(f"{text}. {_CONFLICT}", code="updates_conflict", **details)
        case 400 | 403:
            moved = parameters.get("migrate_to_chat_id")
            return Rejected(f"{text}. The chat is now {moved}." if moved else text, **details)
    return None


def _answer(response: requests.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
