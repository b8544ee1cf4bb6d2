"""Webhooks as HubSpot posts them, to try an installation with.

https://developers.hubspot.com/docs/api-reference/webhooks-webhooks-v3/guide
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from cxsdk import Request, Secret
from cxsdk_hubspot.signing import sign

#: Ids that no account reaches.
_CONTACT, _OTHER, _TASK = 900_000_000_000_001, 900_000_000_000_002, 900_000_000_000_003


def sample_events(url: str, key: Secret, now: datetime) -> Mapping[str, Request]:
    """A merge of two contacts, and a task that is done; of records that nobody has, so that they change nothing."""
    stamp = round(now.timestamp() * 1000)
    common = {"eventId": stamp % 1_000_000_000, "portalId": 1, "appId": 1, "subscriptionId": 1, "attemptNumber": 0}
    status = {"objectTypeId": "0-27", "propertyName": "hs_task_status", "propertyValue": "COMPLETED"}
    merge = {"primaryObjectId": _CONTACT, "mergedObjectIds": [_OTHER], "newObjectId": _CONTACT}
    told = {
        "contact_merged": {"subscriptionType": "contact.merge", "objectId": _CONTACT, **merge},
        "task_completed": {"subscriptionType": "object.propertyChange", "objectId": _TASK, **status},
    }
    return {
        name: sign(_request(url, {**common, "occurredAt": stamp, **event}), key, now) for name, event in told.items()
    }


def _request(url: str, event: Mapping[str, object]) -> Request:
    return Request(url=url, headers={"Content-Type": "application/json"}, body=json.dumps([event]).encode())
