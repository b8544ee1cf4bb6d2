"""Webhooks as EspoCRM posts them, to try an installation with.

https://docs.espocrm.com/administration/webhooks/
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cxsdk import Request
from cxsdk_espocrm.incoming import PEOPLE
from cxsdk_espocrm.outgoing import time_of
from cxsdk_espocrm.signing import Webhooks, sign_webhook


def sample_webhooks(url: str, webhooks: Webhooks, now: datetime) -> Mapping[str, Request]:
    """For each event that we understand, a record that nobody has: it changes nothing."""
    told = {event: _record(event, now) for event in webhooks}
    return {event: _request(url, record, webhooks, event) for event, record in told.items() if record}


def _record(event: str, now: datetime) -> dict[str, Any]:
    entity, _, change = event.partition(".")
    id = f"sample{now.timestamp():.3f}"
    if entity == "Task":
        return {"id": id, "status": "Completed", "dateCompleted": time_of(now)}
    if entity in PEOPLE and change == "delete":
        return {"id": id}
    return {"id": id, "createdContactId": f"{id}-contact"} if entity == "Lead" else {}


def _request(url: str, record: Mapping[str, Any], webhooks: Webhooks, event: str) -> Request:
    request = Request(url=url, headers={"Content-Type": "application/json"}, body=json.dumps([record]).encode())
    return sign_webhook(request, *webhooks[event])
