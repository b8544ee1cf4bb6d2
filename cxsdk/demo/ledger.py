"""What the senders know: the number of each contact, and whether our side said that it has it.

The numbers are the senders' own. They travel in the contacts' content, and nothing of ours derives from them or reads
them; so what the CRM holds can be counted without trusting any key of ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

_REFERENCE = re.compile(r"ref[ -]#?(\d{7})")


class Way(StrEnum):
    """Which way a contact goes."""

    IN = "in"  #: the customer turned to the company
    OUT = "out"  #: an agent turned to the customer


@dataclass
class Ledger:
    """The contacts that are to be sent, by number."""

    contacts: dict[int, Way] = field(default_factory=dict)
    acknowledged: set[int] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)

    def number(self, way: Way) -> int:
        """The number of a contact that is about to be sent."""
        number = len(self.contacts) + 1
        self.contacts[number] = way
        return number

    def acknowledge(self, number: int | None) -> None:
        """Our side has it; None for what is no contact."""
        if number is not None:
            self.acknowledged.add(number)

    def refuse(self, what: str, why: str) -> None:
        """Our side does not want it, and says why."""
        self.refused.append(f"{what}: {why}")

    def acknowledged_of(self, way: Way) -> set[int]:
        """The numbers that must be in the CRM, one way."""
        return {number for number in self.acknowledged if self.contacts[number] is way}


def reference(number: int) -> str:
    """How a contact names its number."""
    return f"ref #{number:07d}"


def find_reference(*texts: str | None) -> int | None:
    """The first number that these texts name: what a contact quotes comes after its own words."""
    return next((int(found[1]) for text in texts if text and (found := _REFERENCE.search(text))), None)
