"""What a message holds, as a timeline can show it: text, and files by reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxsdk import Attachment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cxsdk_telegram.update import File, Message

#: Content types of what Telegram sends without one.
_TYPES = {
    "audio": "audio/mpeg",
    "photo": "image/jpeg",
    "video": "video/mp4",
    "video_note": "video/mp4",
    "voice": "audio/ogg",
}


def text_of(message: Message) -> str:
    """What was written, or a word in brackets for what cannot be written."""
    return message.text or message.caption or " ".join(_described(message)) or "[message without text]"


def _described(message: Message) -> Iterator[str]:
    if message.sticker:
        yield f"[sticker {message.sticker.emoji}]".replace(" ]", "]")
    if message.venue:
        yield f"[place: {message.venue.title}, {message.venue.address}]"
    if message.location:
        yield f"[location {message.location.latitude}, {message.location.longitude}]"
    if message.contact:
        name = f"{message.contact.first_name} {message.contact.last_name}".strip()
        yield f"[contact: {name}, {message.contact.phone_number}]"
    if message.poll:
        yield f"[poll: {message.poll.question}]"
    for kind, _ in _files(message):
        yield f"[{kind.replace('_', ' ')}]"


def attachments_of(message: Message) -> tuple[Attachment, ...]:
    """The files, by the id under which Telegram's getFile gives them."""
    return tuple(
        Attachment(
            name=file.file_name or kind,
            content_type=file.mime_type or _TYPES.get(kind, "application/octet-stream"),
            size=file.file_size,
            reference=file.file_id,
        )
        for kind, file in _files(message)
    )


def _files(message: Message) -> Iterator[tuple[str, File]]:
    if message.photo:
        yield "photo", message.photo[-1]  # the same picture in several sizes, the largest last
    for kind in ("audio", "video", "video_note", "voice"):
        if file := getattr(message, kind):
            yield kind, file
    if message.animation:  # comes as a document too
        yield "animation", message.animation
    elif message.document:
        yield "document", message.document
