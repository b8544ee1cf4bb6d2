"""How long a provider asks us to wait (RFC 9110, section 10.2.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

#: Nobody is made to wait longer than the longest real limit, a daily one.
LONGEST_S = 86_400.0


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds to wait by Retry-After, or None where it is missing or makes no sense.

    A date is compared with the answer's own Date, so that two clocks that disagree do no harm; without one, with
    ``now``. Never negative, at most a day.
    """
    given = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]*)?", given):
        return min(float(given), LONGEST_S)
    until = _date(given)
    if until is None:
        return None
    seconds = (until - (_date(headers.get("Date", "")) or now)).total_seconds()
    return min(max(seconds, 0.0), LONGEST_S)


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    try:
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):  # the year 9999, an offset of a day
        return None
