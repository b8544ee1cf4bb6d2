"""Sending messages whole: what is longer than the channel takes goes out in parts, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from cxsdk.capabilities import Channel
from cxsdk.domain.outward import Message, Receipt
from cxsdk.domain.parts import fits, parts_of
from cxsdk.observe.guarding import guarded


def send_whole(channel: Channel, messages: Sequence[Message]) -> Iterable[Receipt]:
    """Sends each message; a receipt for each, in their order."""
    if all(fits(message.text, channel.message_length) for message in messages):
        return channel.send(messages)
    return _send_apart(channel, messages)


def _send_apart(channel: Channel, messages: Sequence[Message]) -> Iterator[Receipt]:
    """What fits goes out together as far as it stands together, and what does not fit alone."""
    for is_short, some in groupby(messages, lambda message: fits(message.text, channel.message_length)):
        if is_short:
            yield from _each(channel, list(some))
        else:
            yield from (_send_parts(channel, message) for message in some)


def _each(channel: Channel, messages: Sequence[Message]) -> Iterator[Receipt]:
    # Were there more receipts or fewer, those of the next messages would be taken for these
    for receipt, _ in zip(channel.send(messages), messages, strict=True):
        yield receipt


def _send_parts(channel: Channel, message: Message) -> Receipt:
    """The receipt of the last part; where it broke off in between, nobody may send it again from the beginning."""
    parts = parts_of(message, channel.message_length or 0)
    there = _written(channel, parts)
    receipt = Receipt.duplicate(there.get(message.key))
    for number, part in enumerate(parts):
        if part.key in there:
            continue
        try:
            with guarded():
                [receipt] = channel.send([part])
        except Exception as error:
            if not number:
                raise
            return _broken_off(number, len(parts), str(error))
        if not receipt.is_done:
            return _broken_off(number, len(parts), receipt.reason) if number else receipt
    return receipt


def _written(channel: Channel, parts: Sequence[Message]) -> dict[str, str]:
    """The parts that an earlier call has brought there, where the channel can tell."""
    if channel.duplicates != "lookup":
        return {}
    keys = [part.key for part in parts]
    return {key: id for key, id in zip(keys, channel.find_written(keys), strict=True) if id is not None}


def _broken_off(number: int, total: int, reason: str) -> Receipt:
    return Receipt.unknown(f"Only {number} of {total} parts arrived: {reason}")
