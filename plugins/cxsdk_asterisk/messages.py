"""AMI's messages: lines ``Name: value``, ended by an empty one. Pure.

https://docs.asterisk.org/Configuration/Interfaces/Asterisk-Manager-Interface-AMI/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

#: A message's fields; their names in lower case, for Asterisk writes now ``Uniqueid``, now ``UniqueID``.
Message = Mapping[str, str]

END = b"\r\n\r\n"
#: No message is so long: what has no end by then is none.
LONGEST = 256_000
#: How Asterisk writes that there is nothing to tell.
_NOTHING = "<unknown>"


class Framing:
    """Cuts a stream of bytes into messages, wherever its packets begin and end."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, received: bytes) -> list[bytes]:
        """The messages that are whole by now, without their ends. Raises ValueError for what never ends."""
        *whole, self._rest = (self._rest + received).split(END)
        if len(self._rest) > LONGEST:
            raise ValueError(f"no message ends within {LONGEST} bytes")
        return [frame for frame in whole if frame]


def read_message(frame: bytes) -> Message:
    """The fields of one message; of one that is repeated, the last."""
    lines = frame.decode("utf-8", "replace").replace("\0", "").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): _value(value) for name, colon, value in pairs if colon}


def read_messages(body: bytes) -> Iterator[Message]:
    """All messages of a record."""
    return (read_message(frame) for frame in body.split(END) if frame)


def write_message(**fields: str) -> bytes:
    """A message to send. Raises ValueError where a value would end its line and begin another."""
    if any({"\r", "\n"} & set(value) for value in fields.values()):
        raise ValueError("a field holds a line break")
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\n"


def read_epoch(given: str) -> datetime | None:
    """Seconds since 1970, as ``Timestamp`` and the first part of a ``Uniqueid`` tell them."""
    try:
        return datetime.fromtimestamp(float(given), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def began_at(uniqueid: str) -> datetime | None:
    """When a channel was made: ``1795337861.17``, or with the system's name ``pbx1-1795337861.17``."""
    return read_epoch(uniqueid.rpartition("-")[2].partition(".")[0])


def _value(written: str) -> str:
    value = written.strip()
    return "" if value == _NOTHING else value
