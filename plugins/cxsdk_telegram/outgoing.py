"""A message as sendMessage takes it: in parts of a length that Telegram accepts, with buttons in rows."""

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


def build_requests(message: Message, chat_id: int) -> list[dict[str, Any]]:
    """The calls of sendMessage that bring a message: one, unless it is too long. The last one has the buttons."""
    requests = [{"chat_id": chat_id, "text": part, **_preview(message)} for part in split(message.text)]
    requests[0].update(_reply(message))
    requests[-1].update(_markup(message))
    return requests


def split(text: str) -> list[str]:
    """The text in parts that Telegram accepts, cut between lines or words where there are any."""
    parts = []
    while len(head := _longest(text)) < len(text):
        cut = _break(head)
        parts.append(text[:cut])
        text = text[cut:].lstrip()
    return [part for part in [*parts, text] if part.strip()] or [text]


def _longest(text: str) -> str:
    return text.encode("utf-16-le", "replace")[: 2 * TEXT_LIMIT].decode("utf-16-le", "ignore")


def _break(head: str) -> int:
    """The end of the last line, else of the last word, in the second half; else the end."""
    half = len(head) // 2
    return next((at for mark in ("\n", " ") if (at := head.rfind(mark, half)) > 0), len(head))


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
