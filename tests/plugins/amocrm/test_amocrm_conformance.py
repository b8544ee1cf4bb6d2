"""amoCRM passes the conformance kit."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from cxsdk import Request
from cxsdk.testing import CRMConformance
from cxsdk_amocrm import AmoCRM
from tests.plugins.amocrm.conftest import amocrm
from tests.plugins.amocrm.fake import SECRET, FakeAmoCRM

ACCOUNT = {"account[id]": "1234567", "account[subdomain]": "example"}


def form(place: str, **fields: object) -> bytes:
    """A webhook's body as amoCRM documents it."""
    return urlencode({**{f"{place}[0][{name}]": str(value) for name, value in fields.items()}, **ACCOUNT}).encode()


DONE = form(
    "task[update]",
    id=123456,
    element_id=4711,
    element_type=1,
    task_type=1,
    text="Call back",
    status=1,
    created_user_id=7654321,
    responsible_user_id=7654321,
    date_create=1767610000,
    last_modified=1767614280,
    complete_till="2026-01-05 16:00:00",
)


class TestAmoCRM(CRMConformance):
    """With everything that it can do."""

    stand_in = FakeAmoCRM
    key = SECRET
    payloads = (
        DONE,
        form("task[delete]", id=123456),
        form("contacts[delete]", id=4711, type="contact"),
        form("leads[status]", id=5, status_id=142, pipeline_id=7, old_status_id=141, old_pipeline_id=7),
    )

    def plugin(self) -> AmoCRM:
        dates = {"889001": "renewal", "CONTRACT_END": "subscription"}
        return amocrm(dates=dates, erase_deleted=True, default_user="7654321")

    def sign(self, request: Request, key: str, at: datetime) -> Request:
        return request.model_copy(update={"url": f"{request.url}?key={key}"})

    def fill(self, rig: Any) -> None:
        super().fill(rig)
        account = rig.provider
        ann = account.contact(name="Ann", emails=["ann@example.com"], phones=["+1 212-555-0123"])
        renewed = {"field_id": 889001, "field_type": "date", "values": [{"value": 1767571200}]}
        end = {
            "field_id": 889002,
            "field_code": "CONTRACT_END",
            "field_type": "date",
            "values": [{"value": 1798761600}],
        }
        account.put(
            "leads",
            name="Ten chairs",
            price=500,
            pipeline_id=7,
            status_id=142,
            closed_at=1767610800,
            custom_fields_values=[end, renewed],
            _embedded={"contacts": [{"id": int(ann), "is_main": True}]},
        )


class TestAmoCRMWithLeads(TestAmoCRM):
    """With leads for strangers in the first stage, made together with their contacts."""

    methods = ("create_people",)

    def plugin(self) -> AmoCRM:
        return amocrm(strangers="lead", pipeline=7, erase_deleted=True)
