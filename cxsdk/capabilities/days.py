"""Sources of what is dated: nobody tells that a day has come, so each day is asked for once, when it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta

from cxsdk.capabilities.inbound import Stop
from cxsdk.domain.raw import Page, Raw

#: A day has come at its noon in UTC: by then, and no later, it is that day in almost every zone.
NOON = timedelta(hours=12)
_DAY = timedelta(days=1)

#: ``read(day, after)`` yields, in an order that stays, what is dated on that day: pages of records, each with the place
#: behind its last one. ``after`` is such a place, or empty; what stands before it has been read.
DayReader = Callable[[date, str], Iterator[tuple[Sequence[Raw], str]]]


def each_day(read: DayReader, cursor: str | None, stop: Stop, now: datetime) -> Iterator[Page]:
    """The pages of a source that reads each day once, as soon as it has come; for ``sources``.

    Days that passed while nobody read are read one after the other. The first reading begins with today.
    """
    done, _, after = (cursor or str(now.date() - _DAY)).partition("|")
    if cursor is None:
        yield Page(cursor=done)
    for day in _days(date.fromisoformat(done), (now - NOON).date()):
        for items, behind in read(day, after):
            yield Page(items=tuple(items), cursor=f"{day - _DAY}|{behind}")
            if stop.is_set():
                return
        after = ""
        yield Page(cursor=str(day))
        if stop.is_set():
            return


def _days(done: date, last: date) -> Iterator[date]:
    """The days after one, up to another."""
    while done < last:
        done += _DAY
        yield done
