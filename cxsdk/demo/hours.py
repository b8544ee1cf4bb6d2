"""When things happen: the data has days only, so the times of day are seeded.

They lie in one busy quarter of an hour a day, so that what happens together is worked off together: a replay lasts as
long as it has steps. More quarters, two hours apart, would share their steps with what is due two hours later.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

#: The shop's zone, and its customers'.
ZONE = ZoneInfo("America/New_York")
#: The hours at which a busy quarter begins.
BUSY = (12,)
#: The clock moves in steps that end on these.
STEP = timedelta(minutes=15)

_EPOCH = datetime(1990, 1, 1, tzinfo=UTC)


def busy_moment(day: date, rng: Random, hours: tuple[int, ...] = BUSY) -> datetime:
    """A moment within one of the day's busy quarters."""
    begin = datetime.combine(day, time(rng.choice(hours)), ZONE)
    return begin.astimezone(UTC) + timedelta(seconds=rng.randint(1, 890))


def working_day(day: date) -> date:
    """The day itself, or the Monday after a weekend, when nobody calls or writes: they only buy."""
    return day + timedelta(days=max(0, 7 - day.weekday())) if day.weekday() > 4 else day


def next_busy(after: datetime, rng: Random, *, skip: int = 0) -> datetime:
    """A moment within the next busy quarter after this moment, or so many quarters later."""
    local = after.astimezone(ZONE)
    later = [hour for hour in BUSY if hour > local.hour]
    days, place = divmod(len(BUSY) - len(later) + skip, len(BUSY))
    return busy_moment(working_day(local.date() + timedelta(days=days)), rng, (BUSY[place],))


def evening(day: date) -> datetime:
    """The end of a day, when nothing more happens: what is due after it is not waited for."""
    return datetime.combine(day, time(22), ZONE).astimezone(UTC)


def step_end(moment: datetime) -> datetime:
    """The end of the step into which a moment falls."""
    return _EPOCH - (_EPOCH - moment) // STEP * STEP
