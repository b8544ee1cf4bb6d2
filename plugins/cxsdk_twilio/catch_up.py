"""Lists of the API, read from where the last reading ended: what webhooks missed while we were away.

Twilio documents no order of a list, and may filter by whole days: what began since a while before the cursor is listed
to its end, and of that, what has changed since the cursor is read, oldest first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from cxsdk import Http, Page, Raw, Stop
from cxsdk_twilio.records import KEPT, read_time

#: The first reading begins so long ago.
A_DAY = timedelta(days=1)
#: What changes now began at most so long ago: Twilio holds a message for 10 hours, and ends a call after 4.
LONGEST = timedelta(hours=10)
#: What changed so lately may not be listed yet: it is left to the next reading.
SETTLED = timedelta(minutes=1)
#: So many items are stored in one transaction, and so many come in one answer, at most.
_STORED, _LISTED = 200, 1000

Item = dict[str, Any]


class Listing(NamedTuple):
    """A list of the API, by its path and its filter for times, and which of its items are wanted."""

    path: str
    since: str
    wanted: Callable[[Item], bool]

    def read(self, http: Http, now: datetime, cursor: str | None, stop: Stop) -> Iterator[Page]:
        """Pages of what changed between the cursor, which is a time, and a minute ago."""
        since = datetime.fromisoformat(cursor) if cursor else now - A_DAY
        until = now - SETTLED
        found = [(_changed(item, since), item) for item in self._items(http, since, stop) if self.wanted(item)]
        news = sorted((each for each in found if since <= each[0] < until), key=lambda each: each[0])
        if stop.is_set():
            return
        for start in range(0, len(news) or 1, _STORED):
            rest = news[start + _STORED :]
            raws = tuple(_raw(item) for _, item in news[start : start + _STORED])
            yield Page(items=raws, cursor=(rest[0][0] if rest else until).isoformat())

    def _items(self, http: Http, since: datetime, stop: Stop) -> Iterator[Item]:
        params: Item | None = {self.since: f"{since - LONGEST:%Y-%m-%dT%H:%M:%SZ}", "PageSize": _LISTED}
        path, seen = self.path, set[str]()
        while path and path not in seen and not stop.is_set():
            seen.add(path)
            answer = http.get(path, params=params)
            yield from answer.get("calls") or answer.get("messages") or ()
            path, params = answer.get("next_page_uri") or "", None


def _raw(item: Item) -> Raw:
    return Raw.of({name: item[name] for name in KEPT if item.get(name) is not None})


def _changed(item: Item, unknown: datetime) -> datetime:
    try:
        return read_time(item.get("date_updated") or item.get("date_created"))
    except ValueError:
        return unknown
