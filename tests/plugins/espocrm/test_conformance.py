"""EspoCRM passes the conformance kit, and its webhooks do with either signature."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cxsdk import Raw, Request, Secret
from cxsdk.testing import CRMConformance, WebhookConformance
from cxsdk_espocrm import EspoCRM
from tests.plugins.espocrm.conftest import espocrm
from tests.plugins.espocrm.fake import SECRET_KEY, WEBHOOK_ID, WEBHOOK_KEY, FakeEspoCRM, signed


def told(event: str, *records: dict[str, Any]) -> Raw:
    """A webhook's body, with the id that ``event_key`` gives it."""
    return Raw(id=f"{event}:sample", body=json.dumps(records).encode())


class TestEspoCRM(CRMConformance):
    """With an API key, and webhooks of today."""

    stand_in = FakeEspoCRM
    key = WEBHOOK_KEY
    payloads = (
        told("Task.update", {"status": "Completed", "dateCompleted": "2026-01-05 11:58:00", "id": "64a1b2c3d4e5f6071"}),
        told("Task.update", {"id": "64a1b2c3d4e5f6071", "name": "some name"}, {"id": "t2", "status": "Started"}),
        told("Lead.update", {"id": "64a1b2c3d4e5f6072", "createdContactId": "64a1b2c3d4e5f6073"}),
        told("Contact.delete", {"id": "64a1b2c3d4e5f6073"}),
    )

    def plugin(self) -> EspoCRM:
        webhooks = {"Task.update": (WEBHOOK_ID, Secret(WEBHOOK_KEY))}
        return espocrm(webhooks=webhooks, mail_address="support@example.com", dates={"cRenewedOn": "renewal"})

    def sign(self, request: Request, key: str, at: datetime) -> Mapping[str, str]:
        return signed(request.body, key=key)

    def fill(self, rig: Any) -> None:
        super().fill(rig)
        site = rig.provider
        site.put("Contact", id="c1", name="Ann", emailAddressData=[{"emailAddress": "ann@example.com"}])
        site.put("Opportunity", name="Ten chairs", stage="Closed Won", contactId="c1", closeDate="2026-01-20")
        site.put("Opportunity", name="Ten chairs", stage="Proposal", contactId="c1", cRenewedOn="2026-01-05")
        site.put("Lead", status="Converted", createdContactId="c1")


class TestEspoCRMBefore9(WebhookConformance):
    """With signed requests, and webhooks that have the legacy signature alone."""

    stand_in = FakeEspoCRM
    key = WEBHOOK_KEY
    payloads = TestEspoCRM.payloads

    def plugin(self) -> EspoCRM:
        self.provider.hmac_only = True  # type: ignore[attr-defined]
        webhooks = {"Task.update": (WEBHOOK_ID, Secret(WEBHOOK_KEY))}
        return espocrm(secret_key=Secret(SECRET_KEY), webhooks=webhooks, stages={})

    def sign(self, request: Request, key: str, at: datetime) -> Mapping[str, str]:
        return signed(request.body, key=key, legacy=True)

    def fill(self, rig: Any) -> None:
        rig.provider.put("Task", status="Started", cCxsdkKey="t1")
        rig.provider.put("Lead", status="Converted", createdContactId="c1")
