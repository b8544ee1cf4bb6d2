"""Lengths of time as people write them in settings: ``"2h"``, ``"14d"``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WRITTEN = re.compile(r"([0-9]{1,12})([smhdw])")

#: Nothing that is waited for takes longer, and the end of a longer time may not exist as a date.
LONGEST = timedelta(days=36_500)


def duration(given: object) -> timedelta:
    """A length of time from ``"90s"``, ``"15m"``, ``"1h"``, ``"14d"`` or ``"2w"``; a timedelta is taken as it is.

    Raises ValueError, with the cure, for all else, and for what is not longer than zero or is over 100 years.
    """
    length = given if isinstance(given, timedelta) else _read(given)
    if length <= timedelta(0):
        raise ValueError('must be longer than zero; write "90s", "15m", "1h", "14d" or "2w"')
    if length > LONGEST:
        raise ValueError("must not be longer than 100 years")
    return length


def _read(given: object) -> timedelta:
    written = _WRITTEN.fullmatch(given) if isinstance(given, str) else None
    if written is None:
        raise ValueError('is not a length of time; write a whole number and a unit: "90s", "15m", "1h", "14d" or "2w"')
    number, unit = written.groups()
    # no more than is refused anyway: a timedelta cannot hold it
    return timedelta(seconds=min(int(number) * _SECONDS[unit], LONGEST.total_seconds() + 1))


def spoken(length: timedelta) -> str:
    """A length of time in words, in the largest unit that divides it: ``90 days``, ``1 hour``, ``90 seconds``."""
    for unit in ("days", "hours", "minutes"):
        number, rest = divmod(length, timedelta(**{unit: 1}))
        if number and not rest:
            return _counted(number, unit)
    return _counted(round(length.total_seconds()), "seconds")


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit[:-1] if number == 1 else unit}"


#: A field of settings that takes what ``duration`` takes and holds a timedelta longer than zero.
Duration = Annotated[timedelta, BeforeValidator(duration)]
