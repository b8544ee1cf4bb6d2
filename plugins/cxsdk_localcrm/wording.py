"""How values read on a page: times in UTC, spans, calls, links that are safe to follow."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit


def moment(at: str) -> str:
    """A stored time for people: ``5 Jan 2026, 12:00 UTC``."""
    time = datetime.fromisoformat(at)
    return f"{time.day} {time:%b %Y, %H:%M} UTC"


def due(at: str, now: datetime) -> str:
    """How far away a due time is: ``in 2 h 5 min``, ``3 d 4 h late``."""
    left = datetime.fromisoformat(at) - now
    return f"{_span(-left)} late" if left < timedelta(0) else f"in {_span(left)}"


def is_late(at: str, now: datetime) -> bool:
    """Whether a due time has passed."""
    return datetime.fromisoformat(at) < now


def _span(span: timedelta) -> str:
    minutes = span // timedelta(minutes=1)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def duration(seconds: int) -> str:
    """How long a call lasted: ``4:05``, ``1:02:03``."""
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def is_web_link(url: str) -> bool:
    """Whether a page may offer this address to click on: http and https only, never ``javascript:`` and its kin."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def service(identity: str) -> str:
    """The kind of an identity: ``phone``, ``email``, ``telegram``."""
    return identity.partition(":")[0]


def value(identity: str) -> str:
    """The number, address or handle itself."""
    return identity.partition(":")[2]


def contact(entry: Mapping[str, Any]) -> str:
    """What sort of contact it was, in a few words: ``Missed call``, ``E-mail from the customer``."""
    kind, direction, missed = entry["kind"], entry["direction"], entry["state"] == "missed"
    if missed and direction == "inbound":
        return "Missed call"
    side = _SIDES.get((kind, direction), _SIDES.get(direction, ""))
    return f"{_KINDS.get(kind, kind.capitalize())} {side}".strip() + (", not answered" if missed else "")


_KINDS = {"email": "E-mail"}
_SIDES = {
    "inbound": "from the customer",
    "outbound": "to the customer",
    ("survey", "inbound"): "answered",
    ("survey", "outbound"): "sent",
    ("note", "inbound"): "",
    ("note", "outbound"): "",
}

FILTERS: dict[str, Callable[..., Any]] = {
    "moment": moment,
    "due": due,
    "is_late": is_late,
    "duration": duration,
    "is_web_link": is_web_link,
    "service": service,
    "value": value,
    "contact": contact,
    "from_json": json.loads,
}
