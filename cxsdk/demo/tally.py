"""Counting contacts on both sides: what the senders were told we have, against what stands in the CRM."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cxsdk.demo.ledger import Ledger, Way, find_reference


@dataclass(frozen=True)
class Count:
    """Contacts of one way."""

    received: int  #: that our side acknowledged
    logged: int  #: of these, in the CRM
    doubled: int  #: of these, in the CRM more than once
    lost: int  #: of these, not in the CRM


def number_of(entry: Mapping[str, Any]) -> int | None:
    """The sender's number in an entry of the CRM; None for entries that are nobody's contact, such as invitations."""
    return find_reference(entry["comment"], entry["text"], entry["recording_url"])


def count_contacts(entries: Iterable[Mapping[str, Any]], ledger: Ledger) -> dict[Way, Count]:
    """The contacts in these entries, grouped by the senders' numbers and never by a key of ours."""
    found = Counter(number for entry in entries if (number := number_of(entry)) is not None)
    return {way: _count(found, ledger.acknowledged_of(way)) for way in Way}


def _count(found: Counter[int], numbers: set[int]) -> Count:
    times = Counter(min(found[number], 2) for number in numbers)
    return Count(received=len(numbers), logged=times[1] + times[2], doubled=times[2], lost=times[0])
