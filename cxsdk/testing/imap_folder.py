"""What the IMAP stand-in keeps."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Stored:
    """A mail; a damaged one can be listed and not be fetched."""

    uid: int
    body: bytes
    at: datetime
    seen: bool = False
    damaged: bool = False


@dataclass
class Folder:
    """A folder and its mails, by rising UID."""

    name: str
    flag: str
    validity: int = 1
    next_uid: int = 1
    messages: list[Stored] = field(default_factory=list)

    def within(self, numbers: str) -> list[Stored]:
        """The messages whose UIDs a set like ``3,7:9,12:*`` names, in order."""
        return list({stored.uid: stored for one in numbers.split(",") for stored in self._between(one)}.values())

    def _between(self, numbers: str) -> list[Stored]:
        if not self.messages:
            return []
        last = self.messages[-1].uid
        first_uid, _, last_uid = numbers.partition(":")
        ends = sorted(last if end == "*" else int(end) for end in (first_uid, last_uid or first_uid))
        begin = bisect_left(self.messages, ends[0], key=lambda stored: stored.uid)
        end = bisect_left(self.messages, ends[1] + 1, key=lambda stored: stored.uid)
        return self.messages[begin:end]

    def sequence_number(self, stored: Stored) -> int:
        """The place of a mail in the folder, from 1."""
        return bisect_left(self.messages, stored.uid, key=lambda other: other.uid) + 1
