"""What a customer who tapped a button is shown: that it counts, and which one it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cxsdk_telegram.update import CallbackQuery

#: Telegram's limit for the words that it shows for a moment.
NOTICE_LIMIT = 200
#: Before the label of the button that was chosen.
MARK = "✓ "


def build_notice(tap: CallbackQuery, words: str) -> dict[str, Any]:
    """The call of answerCallbackQuery that ends the button's waiting, with words that are shown for a moment."""
    return {"callback_query_id": tap.id, **({"text": words[:NOTICE_LIMIT]} if words else {})}


def build_mark(tap: CallbackQuery) -> dict[str, Any] | None:
    """The call of editMessageReplyMarkup that marks the chosen button, and no other; None where nothing changes.

    The buttons stay: whoever changes their mind taps another one.
    """
    if tap.message is None or tap.message.reply_markup is None:
        return None
    rows = [[_marked(button, tap.data) for button in row] for row in tap.message.reply_markup.inline_keyboard]
    if rows == tap.message.reply_markup.inline_keyboard:
        return None
    head = {"chat_id": tap.message.chat.id, "message_id": tap.message.message_id}
    return {**head, "reply_markup": {"inline_keyboard": rows}}


def _marked(button: dict[str, Any], chosen: str | None) -> dict[str, Any]:
    label = str(button.get("text", "")).removeprefix(MARK)
    return {**button, "text": MARK + label if button.get("callback_data") == chosen else label}
