"""EspoCRM in a whole installation: a stranger's missed call, the task to call back, and a deal that is won."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cxsdk import Secret
from cxsdk.store.tables import events, tasks
from cxsdk.testing import NOW
from cxsdk.testing.inline import Installation
from cxsdk.web import public_app
from tests.plugins.espocrm.conftest import espocrm
from tests.plugins.espocrm.fake import WEBHOOK_ID, WEBHOOK_KEY, FakeEspoCRM, signed
from tests.plugins.switchboard import company, ring


@pytest.fixture
def installation(site: FakeEspoCRM, tmp_path: Path) -> Iterator[Installation]:
    webhooks = {"Task.update": (WEBHOOK_ID, Secret(WEBHOOK_KEY))}
    crm = espocrm(webhooks=webhooks, dates={"cRenewedOn": "renewal"})
    with company(crm, tmp_path) as opened:
        yield opened


def test_a_strangers_missed_call_is_a_lead_a_call_and_a_task_once(
    installation: Installation, site: FakeEspoCRM
) -> None:
    for _ in range(2):
        ring(installation, agent="agent@example.com")
    [lead], [call], [task] = site.of("Lead"), site.of("Call"), site.of("Task")
    assert lead["assignedUserId"] == call["assignedUserId"] == task["assignedUserId"] == "user-ann"
    assert call["parentId"] == task["parentId"] == lead["id"]
    assert (call["name"], call["status"]) == ("Missed call +12125550123", "Not Held")


def test_a_call_whose_answer_was_lost_is_there_once(installation: Installation, site: FakeEspoCRM) -> None:
    site.put("Contact", id="c1", phoneNumberData=[{"phoneNumber": "+12125550123", "primary": True}])
    site.forget()
    ring(installation)
    installation.pass_to(NOW + timedelta(minutes=10))
    assert (len(site.of("Lead")), len(site.of("Call")), len(site.of("Task"))) == (0, 1, 1)


def test_a_task_that_is_done_in_espocrm_is_done(installation: Installation, site: FakeEspoCRM) -> None:
    ring(installation)
    [task] = site.of("Task")
    site.complete(f"Task:{task['id']}")
    installation.pass_to(NOW + timedelta(minutes=2))
    with installation.runtime.store.read() as tx:
        assert tx.execute(tasks.select()).one().done_at is not None


def test_a_webhook_tells_the_same(installation: Installation, site: FakeEspoCRM) -> None:
    ring(installation)
    [task] = site.of("Task")
    done = {"status": "Completed", "dateCompleted": "2026-01-05 12:00:00", "id": task["id"]}
    body = json.dumps([done]).encode()
    with TestClient(public_app(installation.opened)) as web:
        assert web.post("/webhooks/espocrm", content=body, headers=signed(body, key="other")).status_code == 401
        assert web.post("/webhooks/espocrm", content=body, headers=signed(body)).status_code == 202
    installation.settle(read=False)
    with installation.runtime.store.read() as tx:
        assert tx.execute(tasks.select()).one().done_at == NOW


def test_a_deal_that_is_won_is_one_purchase(installation: Installation, site: FakeEspoCRM) -> None:
    site.put("Contact", id="c1", name="Ann", emailAddressData=[{"emailAddress": "ann@example.com", "primary": True}])
    won = site.put("Opportunity", stage="Closed Won", contactId="c1", closeDate="2026-01-20")
    installation.settle()
    site.now = NOW
    site.change(won, name="Ten chairs")
    installation.pass_to(NOW + timedelta(minutes=5))
    with installation.runtime.store.read() as tx:
        assert [row.kind for row in tx.execute(events.select())] == ["purchase"]


def test_a_renewal_whose_day_has_come_is_one_event_also_if_the_deal_is_changed_later(
    installation: Installation, site: FakeEspoCRM
) -> None:
    site.put("Contact", id="c1", name="Ann", emailAddressData=[{"emailAddress": "ann@example.com", "primary": True}])
    held = site.put("Opportunity", stage="Proposal", contactId="c1", cRenewedOn="2026-01-06")
    noon = NOW + timedelta(days=1)
    assert renewals(installation, noon - timedelta(seconds=1)) == []
    assert renewals(installation, noon + timedelta(minutes=2)) == [noon]
    site.now = noon + timedelta(minutes=2)
    site.change(held, name="Ten chairs")
    assert renewals(installation, noon + timedelta(minutes=5)) == [noon]


def renewals(installation: Installation, at: datetime) -> list[datetime]:
    """When they were, as far as the installation knows at a moment."""
    installation.pass_to(at)
    with installation.runtime.store.read() as tx:
        return [row.at for row in tx.execute(events.select()) if row.kind == "renewal"]


def test_a_converted_lead_is_followed(installation: Installation, site: FakeEspoCRM) -> None:
    ring(installation)
    [lead] = site.of("Lead")
    site.put("Contact", id="c1", name="Ann", assignedUserId="user-bob")
    site.change(f"Lead:{lead['id']}", status="Converted", createdContactId="c1")
    installation.pass_to(NOW + timedelta(minutes=2))
    ring(installation, id="c2", at="2026-01-05T12:01:00Z")
    assert [(call["parentType"], call["parentId"]) for call in site.of("Call")] == [
        ("Lead", lead["id"]),
        ("Contact", "c1"),
    ]
