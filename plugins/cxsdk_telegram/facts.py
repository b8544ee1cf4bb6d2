"""What an update tells of a customer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from cxsdk import (
    BadInput,
    Direction,
    Fact,
    Identity,
    IdentityClaim,
    InteractionFact,
    OptOut,
    Response,
    handle,
    phone,
)
from cxsdk_telegram.content import attachments_of, text_of
from cxsdk_telegram.update import CallbackQuery, Contact, MembershipChange, Message, Update, User

#: A button's data, as the core makes it: ``{token}:{question}:{value}``.
_ANSWER = re.compile(r"(?P<token>[^:\s]+):(?P<question>[a-z][a-z0-9_]{0,39}):(?P<value>-?[0-9]{1,3})")


def facts_of(update: Update, received_at: datetime | None) -> Iterator[Fact]:
    """The facts in an update; none for those that tell of no customer, such as what is said in groups.

    ``received_at`` dates a tap: Telegram does not say when it was made.
    """
    if update.message:
        yield from _message(update.message, update.message.id)
    if update.edited_message:
        yield from _message(update.edited_message, f"{update.edited_message.id}:{update.update_id}")
    if update.callback_query:
        yield from _tap(update.callback_query, received_at)
    if update.my_chat_member:
        yield from _membership(update.my_chat_member, update.update_id)


def _message(message: Message, key: str) -> Iterator[Fact]:
    if not message.chat.is_private or message.sender is None or message.sender.is_bot:
        return
    sender, at = _customer(message.sender), message.edit_date or message.date
    yield InteractionFact(
        key=key,
        interaction=message.id,
        at=at,
        direction=Direction.INBOUND,
        sender=sender,
        name=message.sender.name,
        language=message.sender.language_code,
        text=text_of(message),
        attachments=attachments_of(message),
        thread=str(message.chat.id),
        in_reply_to=_answered(message),
    )
    if number := _own_number(message.contact, message.sender):
        yield IdentityClaim(key=f"{key}:contact", at=at, identities=(sender, number), name=message.sender.name)


def _customer(user: User) -> Identity:
    return handle("telegram", user.id)


def _answered(message: Message) -> str | None:
    answered = message.reply_to_message
    return f"{answered.chat.id}:{answered.message_id}" if answered else None


def _own_number(contact: Contact | None, sender: User) -> Identity | None:
    # A card of somebody else proves nothing about the sender
    if contact is None or contact.user_id != sender.id:
        return None
    try:
        return phone(f"+{contact.phone_number.lstrip('+')}")
    except BadInput:
        return None


def _tap(tap: CallbackQuery, received_at: datetime | None) -> Iterator[Fact]:
    if tap.data is None or tap.sender.is_bot or (tap.message and not tap.message.chat.is_private):
        return
    at = received_at or (tap.message.date if tap.message else None)
    if at is None:
        raise BadInput("A tap without a message has no time.", field="body.callback_query.message")
    if answer := _ANSWER.fullmatch(tap.data):
        answers = {answer["question"]: int(answer["value"])}
        yield Response(key=f"tap:{tap.id}", at=at, invitation=answer["token"], answers=answers)
    else:
        yield _foreign_tap(tap, at)


def _foreign_tap(tap: CallbackQuery, at: datetime) -> InteractionFact:
    """A tap on a button of somebody else who uses this bot: a contact all the same."""
    return InteractionFact(
        key=f"tap:{tap.id}",
        at=at,
        direction=Direction.INBOUND,
        sender=_customer(tap.sender),
        name=tap.sender.name,
        language=tap.sender.language_code,
        text=f"[button: {tap.data}]",
        thread=str(tap.message.chat.id) if tap.message else None,
    )


def _membership(change: MembershipChange, update_id: int) -> Iterator[Fact]:
    if change.chat.is_private and change.new_chat_member.status == "kicked":
        customer = (_customer(change.sender),)
        yield OptOut(key=f"update:{update_id}", at=change.date, customer=customer, reason="blocked the bot")
