"""A message as sendMessage takes it, with buttons in rows."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

from cxsdk import Choice, Message

#: Telegram's limit of one message, in UTF-16 units as it counts them.
TEXT_LIMIT = 4096
#: Buttons side by side that a narrow phone still shows whole; longer labels get a row of their own.
ROW_LENGTH = 6
LABEL_LENGTH = 12


def build_request(message: Message, chat_id: int) -> dict[str, Any]:
    """The call of sendMessage that brings a message."""
    head = {"chat_id": chat_id, "text": message.text}
    return {**head, **_preview(message), **_reply(message), **_markup(message)}


def rows(choices: Sequence[Choice]) -> list[Sequence[Choice]]:
    """The buttons in rows of the same length, as far as they go: 0 to 10 in 6 and 5, five grades in one."""
    most = 1 if any(len(choice.label) > LABEL_LENGTH for choice in choices) else ROW_LENGTH
    length = ceil(len(choices) / ceil(len(choices) / most))
    return [choices[start : start + length] for start in range(0, len(choices), length)]


def _preview(message: Message) -> dict[str, Any]:
    # A survey's link needs no picture, and the preview's robot would open the page
    return {"link_preview_options": {"is_disabled": True}} if message.automatic else {}


def _reply(message: Message) -> dict[str, Any]:
    number = (message.in_reply_to or "").rpartition(":")[2]
    if not (number.isascii() and number.isdigit()):
        return {}
    return {"reply_parameters": {"message_id": int(number), "allow_sending_without_reply": True}}


def _markup(message: Message) -> dict[str, Any]:
    if message.choices:
        keyboard = [[{"text": each.label, "callback_data": each.data} for each in row] for row in rows(message.choices)]
        return {"reply_markup": {"inline_keyboard": keyboard}}
    if label := message.provider_options.get("request_contact"):
        button = {"text": label, "request_contact": True}
        return {"reply_markup": {"keyboard": [[button]], "one_time_keyboard": True, "resize_keyboard": True}}
    return {}
