"""A message that is longer than its channel takes, in parts that it does take."""

from __future__ import annotations

from cxsdk.domain.outward import Message


def parts_of(message: Message, limit: int) -> list[Message]:
    """The message in parts of at most ``limit`` UTF-16 units, in the order in which they are read.

    Each has a key of its own; the last one has the message's, and the buttons. HTML cannot be cut, and is left out.
    """
    texts = split_text(message.text, limit)
    last = len(texts)
    return [_part(message, text, number, is_last=number == last) for number, text in enumerate(texts, 1)]


def _part(message: Message, text: str, number: int, *, is_last: bool) -> Message:
    changes = {
        "key": message.key if is_last else f"{message.key}-{number}",
        "text": text,
        "html": None,
        "link": message.link if message.link and message.link in text else None,
        "choices": message.choices if is_last else (),
        "in_reply_to": message.in_reply_to if number == 1 else None,
    }
    return message.model_copy(update=changes)


def fits(text: str, limit: int | None) -> bool:
    """Whether a text can go out as it is."""
    return limit is None or 2 * len(text) <= limit or _units(text) <= limit


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "replace")) // 2


def split_text(text: str, limit: int) -> list[str]:
    """A text in parts of at most ``limit`` UTF-16 units, cut between lines or words where there are any."""
    parts = []
    while len(head := _longest(text, limit)) < len(text):
        cut = _break(head, text)
        parts.append(text[:cut])
        text = text[cut:].lstrip()
    return [part for part in [*parts, text] if part.strip()] or [text]


def _longest(text: str, limit: int) -> str:
    units = max(limit, 2)  # an emoji cannot be cut
    return text.encode("utf-16-le", "replace")[: 2 * units].decode("utf-16-le", "ignore")


def _break(head: str, text: str) -> int:
    """The end of the last line, else of the last word, in the second half; else the end."""
    if text[len(head)].isspace():
        return len(head)
    half = len(head) // 2
    return next((at for mark in ("\n", " ") if (at := head.rfind(mark, half)) > 0), len(head))
