"""HubSpot passes the conformance kit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cxsdk import Request
from cxsdk.testing import CRMConformance
from cxsdk_hubspot import HubSpot
from tests.plugins.hubspot.conftest import hubspot
from tests.plugins.hubspot.fake import CLIENT_SECRET, FakeHubSpot, signed


def event(type: str, **fields: Any) -> dict[str, Any]:
    """An event as HubSpot documents it."""
    common = {"eventId": 1, "subscriptionId": 12345, "portalId": 62515, "appId": 54321, "attemptNumber": 0}
    return {**common, "occurredAt": 1767614280000, "subscriptionType": type, "objectId": 123, **fields}


class TestHubSpot(CRMConformance):
    """With everything that it can do."""

    stand_in = FakeHubSpot
    key = CLIENT_SECRET
    payloads = (
        [
            event(
                "contact.merge", primaryObjectId=123, mergedObjectIds=[456], newObjectId=789, numberOfPropertiesMoved=3
            )
        ],
        [event("contact.privacyDeletion"), event("contact.creation", changeSource="CRM", changeFlag="NEW")],
        [event("contact.deletion", changeFlag="DELETED", changeSource="CRM_UI")],
        [
            event(
                "object.propertyChange", objectTypeId="0-27", propertyName="hs_task_status", propertyValue="COMPLETED"
            ),
            event("object.deletion", objectTypeId="0-27"),
        ],
    )

    def plugin(self) -> HubSpot:
        dates = {"renewal_date": "renewal", "contract_end": "subscription"}
        return hubspot(dates=dates, erase_deleted=True, default_owner="41629779")

    def sign(self, request: Request, key: str, at: datetime) -> Mapping[str, str]:
        return signed(request, key=key, at=at)

    def fill(self, rig: Any) -> None:
        super().fill(rig)
        account = rig.provider
        ann = account.put("contacts", firstname="Ann", email="ann@example.com", phone="+1 212-555-0123")
        deal = {"dealname": "Ten chairs", "amount": "500.00", "deal_currency_code": "USD", "dealstage": "closedwon"}
        account.put("deals", contact=ann, closedate="2026-01-05T11:00:00Z", contract_end="2027-01-05", **deal)
        account.put("deals", contact=ann, renewal_date="2026-01-05", **deal | {"dealstage": "open"})
