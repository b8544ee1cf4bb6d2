"""Sample contacts: calls that have just ended, as a phone system tells of them in one signed webhook each."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

#: The secret of the sample phone system.
SECRET = "hush"
#: One contact in so many is somebody's first.
FIRST = 10


@dataclass(frozen=True)
class Contacts:
    """So many contacts, numbered from ``first`` on; of regular customers only, or of new ones as well."""

    first: int
    count: int
    regulars: int
    only_regulars: bool = False

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.first + self.count))

    def __len__(self) -> int:
        return self.count

    def caller(self, number: int) -> str:
        """Who calls."""
        is_new = not self.only_regulars and number % FIRST == 0
        return sample_number(self.regulars + number // FIRST if is_new else number % self.regulars)

    def body(self, number: int) -> bytes:
        """The webhook's body. The contact's own number is in the comment, by which the CRM counts what it gets."""
        told = {
            "event_id": "1", "call_id": f"call-{number}", "type": "hung_up", "at": int(time.time()), "duration": 95,
            "direction": "inbound", "from": self.caller(number), "to": "+12125550100", "comment": str(number),
        }  # fmt: skip
        return json.dumps(told).encode()


def signed(body: bytes) -> dict[str, str]:
    """The headers that prove a body to be the phone system's."""
    stamp = str(int(time.time()))
    signature = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Telephony-Timestamp": stamp, "X-Telephony-Signature": signature}


def sample_number(index: int) -> str:
    """A number that is valid and nobody's: 555-0100 to 555-0199 of each area."""
    areas = _areas()
    return f"+1{areas[index // 100 % len(areas)]}55501{index % 100:02}"


@cache
def _areas() -> list[int]:
    from phonenumbers import is_valid_number, parse

    return [area for area in range(201, 990) if is_valid_number(parse(f"+1{area}5550123"))]
