"""The methods that a bot calls, with the refusals that the real ones give."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cxsdk.testing.botapi.account import BOT, Account, Chat, Json

_ABILITIES = {"can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False}
_WEBHOOK_ACTIVE = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)
_TERMINATED = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
_NOT_MODIFIED = (
    "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a "
    "current content and reply markup of the message"
)
_TOO_OLD = "Bad Request: query is too old and response timeout expired or query ID is invalid"


class Refusal(Exception):
    """An answer that is not ok."""

    def __init__(self, code: int, description: str, parameters: Mapping[str, int] | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.answer: Json = {"ok": False, "error_code": code, "description": description}
        if parameters:
            self.answer["parameters"] = dict(parameters)


@dataclass
class Silence:
    """No answer at all: the connection is closed after so many seconds, with the call done or not."""

    seconds: float
    done: bool


@dataclass
class Exchange:
    """One call and its answer."""

    method: str
    params: Json
    status: int
    answer: Json


def methods(account: Account) -> dict[str, Callable[..., Any]]:
    """What a bot can call, by the Bot API's names."""
    return {
        "getMe": lambda: {**BOT, **_ABILITIES},
        "sendMessage": _Sending(account).send_message,
        "answerCallbackQuery": _Sending(account).answer_callback_query,
        "editMessageReplyMarkup": _Sending(account).edit_message_reply_markup,
        "getUpdates": _Receiving(account).get_updates,
        "setWebhook": _Receiving(account).set_webhook,
        "deleteWebhook": _Receiving(account).delete_webhook,
        "getWebhookInfo": _Receiving(account).get_webhook_info,
    }


def buttons(message: Mapping[str, Any]) -> list[str]:
    """The data of a message's buttons, row by row."""
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button["callback_data"] for row in rows for button in row if "callback_data" in button]


class _Sending:
    def __init__(self, account: Account) -> None:
        self._account = account

    def send_message(self, chat_id: Any = None, text: Any = "", **options: Any) -> Json:
        with self._account.changed:
            chat = self._chat(chat_id)
            content = {"text": _checked(text), **_kept(options), **_replied(chat, options.get("reply_parameters"))}
            message = self._account.write(chat, BOT, content)
            self._account.sent.append(message)
            return message

    def answer_callback_query(self, callback_query_id: str = "", text: str = "", **_: Any) -> bool:
        if len(text) > 200:
            raise Refusal(400, "Bad Request: MESSAGE_TOO_LONG")
        with self._account.changed:
            if callback_query_id not in self._account.taps:
                raise Refusal(400, _TOO_OLD)
            self._account.taps.remove(callback_query_id)
            return True

    def edit_message_reply_markup(self, chat_id: Any = None, message_id: int = 0, **options: Any) -> Json:
        with self._account.changed:
            message = self._chat(chat_id).messages.get(message_id)
            if message is None or message["from"] != BOT:
                raise Refusal(400, "Bad Request: message to edit not found")
            markup = _kept(options).get("reply_markup")
            if markup == message.get("reply_markup"):
                raise Refusal(400, _NOT_MODIFIED)
            message.pop("reply_markup", None)
            message.update({} if markup is None else {"reply_markup": markup}, edit_date=self._account.now())
            return message

    def _chat(self, chat_id: Any) -> Chat:
        chat = self._account.chats.get(chat_id)
        if chat is None:
            raise Refusal(400, "Bad Request: chat not found")
        if chat.is_blocked:
            raise Refusal(403, "Forbidden: bot was blocked by the user")
        return chat


class _Receiving:
    def __init__(self, account: Account) -> None:
        self._account = account

    def get_updates(
        self, offset: int = 0, limit: int = 100, timeout: float = 0, allowed_updates: list[str] | None = None
    ) -> list[Json]:
        account = self._account
        with account.changed:
            if account.webhook["url"]:
                raise Refusal(409, _WEBHOOK_ACTIVE)
            self._allow(allowed_updates)
            this = account.polls = account.polls + 1
            account.changed.notify_all()  # ends another poll that waits
            account.acknowledge(offset - 1)
            account.changed.wait_for(lambda: account.pending or account.polls != this or account.is_closing, timeout)
            if account.polls != this:
                raise Refusal(409, _TERMINATED)
            return list(account.pending)[: max(1, min(limit, 100))]

    def set_webhook(
        self, url: str = "", secret_token: str = "", allowed_updates: list[str] | None = None, **_: Any
    ) -> bool:
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", secret_token):
            raise Refusal(400, "Bad Request: secret token contains unallowed characters")
        with self._account.changed:
            self._account.webhook = {"url": url, "secret_token": secret_token}
            self._allow(allowed_updates)
            return True

    def delete_webhook(self, drop_pending_updates: bool = False) -> bool:
        with self._account.changed:
            self._account.webhook = {"url": ""}
            if drop_pending_updates:
                self._account.pending.clear()
            return True

    def get_webhook_info(self) -> Json:
        with self._account.changed:
            shown = {name: value for name, value in self._account.webhook.items() if name != "secret_token"}
            allowed = {"allowed_updates": self._account.allowed} if self._account.allowed else {}
            pending = len(self._account.pending)
            return {**shown, **allowed, "has_custom_certificate": False, "pending_update_count": pending}

    def _allow(self, kinds: list[str] | None) -> None:
        if kinds is not None:
            self._account.allowed = kinds


def _checked(text: Any) -> str:
    if not isinstance(text, str) or not text.strip():
        raise Refusal(400, "Bad Request: message text is empty")
    if len(text.encode("utf-16-le", "replace")) > 2 * 4096:
        raise Refusal(400, "Bad Request: message is too long")
    return text


def _kept(options: Mapping[str, Any]) -> Json:
    """What of a call's options comes back in the message: a keyboard only if it hangs on the message."""
    kept = {name: options[name] for name in ("link_preview_options", "reply_markup") if name in options}
    if any(not 1 <= len(data.encode()) <= 64 for data in buttons(kept)):
        raise Refusal(400, "Bad Request: BUTTON_DATA_INVALID")
    if "inline_keyboard" not in kept.get("reply_markup", {}):
        kept.pop("reply_markup", None)
    return kept


def _replied(chat: Chat, reply: Mapping[str, Any] | None) -> Json:
    if reply is None:
        return {}
    if original := chat.messages.get(reply["message_id"]):
        return {"reply_to_message": {name: value for name, value in original.items() if name != "reply_to_message"}}
    if reply.get("allow_sending_without_reply"):
        return {}
    raise Refusal(400, "Bad Request: message to be replied not found")
