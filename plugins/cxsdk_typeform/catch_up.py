"""Responses read from the API: what webhooks missed while we were away.

Windows of time are read, each once it has settled: the API may hold back what was submitted lately. A window that does
not fit into one answer is halved until it does, which is right in whatever order responses are listed; tokens
(``after``, ``before``) go by an order that Typeform describes in two ways.
https://www.typeform.com/developers/responses/reference/retrieve-responses/
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from cxsdk import Http, Page, Raw, Stop

#: Typeform says that the responses of the last 30 minutes may be missing.
SETTLED = timedelta(minutes=45)
#: The first reading begins so long before.
A_DAY = timedelta(days=1)
#: The most that Typeform lists in one answer.
LISTED = 1000
#: What a response is understood by; of people's browsers and networks nothing is kept.
_KEPT = ("token", "landed_at", "submitted_at", "hidden", "answers")


def read_responses(http: Http, form: str, now: datetime, cursor: str | None, stop: Stop) -> Iterator[Page]:
    """Pages of completed responses; the cursor is the second, since 1970, from which on nothing was read."""
    last = int((now - SETTLED).timestamp())
    begin = int(cursor) if cursor else last - int(A_DAY.total_seconds())
    while begin <= last and not stop.is_set():
        end = last
        while len(items := _listed(http, form, begin, end)) >= LISTED and end > begin and not stop.is_set():
            end = (begin + end) // 2
        if stop.is_set():
            return
        begin = end + 1
        yield Page(items=tuple(_raw(form, item) for item in items), cursor=str(begin))


def _listed(http: Http, form: str, since: int, until: int) -> list[dict[str, Any]]:
    asked = {"since": since, "until": until, "page_size": LISTED, "response_type": "completed"}
    return http.get(f"/forms/{form}/responses", params=asked).get("items") or []


def _raw(form: str, item: dict[str, Any]) -> Raw:
    kept = {name: item[name] for name in _KEPT if name in item}
    return Raw.of({"form_id": form, **kept}, id=item.get("token"))
