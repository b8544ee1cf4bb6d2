"""Lists of the API, read from where the last reading ended: what webhooks missed while we were away.

Twilio documents no order, and may filter by whole days: what began since a while before the cursor is read to its end,
and what has not changed since the cursor is left out here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from cxsdk import Http, Page, Raw, Stop
from cxsdk_twilio.records import KEPT, read_time

#: The first reading begins so long ago.
A_DAY = timedelta(days=1)
#: What changes now began at most so long ago: Twilio holds a message for 10 hours, and ends a call after 4.
LONGEST = timedelta(hours=10)
#: What is in a list may be there a little later than its own time says.
OVERLAP = timedelta(minutes=5)
_PAGE_SIZE = 1000

Item = dict[str, Any]


class List:
    """One list, ``Calls`` or ``Messages``, and which of its items are read."""

    def __init__(self, name: str, date: str, wanted: Callable[[Item], bool]) -> None:
        self._name, self._date, self._wanted = name, date, wanted

    def read(self, http: Http, account: str, now: datetime, cursor: str | None, stop: Stop) -> Iterator[Page]:
        """Pages of what changed since the cursor; the cursor moves once all of them are stored."""
        since = datetime.fromisoformat(cursor) if cursor else now - A_DAY
        found = False
        for items in self._pages(http, account, since, stop):
            raws = tuple(_raw(item) for item in items if self._wanted(item) and _changed_since(item, since))
            if raws:
                found = True
                yield Page(items=raws, cursor=cursor)
        if found and not stop.is_set():
            yield Page(cursor=(now - OVERLAP).isoformat())

    def _pages(self, http: Http, account: str, since: datetime, stop: Stop) -> Iterator[list[Item]]:
        params: Item | None = {self._date: f"{since - LONGEST:%Y-%m-%dT%H:%M:%SZ}", "PageSize": _PAGE_SIZE}
        path, seen = f"{account}/{self._name}.json", set[str]()
        while path and path not in seen and not stop.is_set():
            seen.add(path)
            answer = http.get(path, params=params)
            yield answer.get(self._name.lower()) or []
            path, params = answer.get("next_page_uri") or "", None


def _raw(item: Item) -> Raw:
    return Raw.of({name: item[name] for name in KEPT if item.get(name) is not None})


def _changed_since(item: Item, since: datetime) -> bool:
    """Whether it is news; what tells no time may be."""
    try:
        return read_time(item.get("date_updated") or item.get("date_created")) >= since
    except ValueError:
        return True
