"""Responses read from the API: what webhooks missed while we were away.

Windows of time are read, a day at most, once they have settled: the API may hold back what was submitted lately. One
that does not fit into an answer is halved until it does. That is right in whatever order responses are listed; in which
order a page before or after a token comes, Typeform does not say.
https://www.typeform.com/developers/responses/reference/retrieve-responses/
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from cxsdk import Http, Page, Raw, Stop

#: Typeform says that the responses of the last 30 minutes may be missing.
SETTLED = timedelta(minutes=45)
#: The longest window, and how long before now the first one begins, in seconds.
_DAY_S = 86_400
#: Between two requests: Typeform takes two a second.
PACE_S = 0.5
#: The most that Typeform lists in one answer.
LISTED = 1000
#: What a response is understood by; of people's browsers and networks nothing is kept.
_KEPT = ("token", "landed_at", "submitted_at", "hidden", "answers")


def read_responses(http: Http, form: str, now: datetime, cursor: str | None, stop: Stop) -> Iterator[Page]:
    """Pages of completed responses; the cursor is the second, since 1970, from which on nothing was read."""
    last = int((now - SETTLED).timestamp())
    begin = int(cursor) if cursor else last - _DAY_S
    while begin <= last and not stop.is_set():
        end = min(begin + _DAY_S, last)
        while len(items := _listed(http, form, begin, end)) >= LISTED and end > begin:
            end = (begin + end) // 2
            if stop.wait(PACE_S):
                return
        begin = end + 1
        yield Page(items=tuple(_raw(form, item) for item in items), cursor=str(begin))
        if begin > last or stop.wait(PACE_S):
            return


def _listed(http: Http, form: str, since: int, until: int) -> list[dict[str, Any]]:
    asked = {"since": since, "until": until, "page_size": LISTED, "response_type": "completed"}
    return http.get(f"/forms/{form}/responses", params=asked).get("items") or []


def _raw(form: str, item: dict[str, Any]) -> Raw:
    kept = {name: item[name] for name in _KEPT if name in item}
    return Raw.of({"form_id": form, **kept}, id=item.get("token"))
