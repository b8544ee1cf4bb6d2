"""HubSpot in a whole installation: a stranger's missed call, the task to call back, and a deal that is won."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cxsdk import Request
from cxsdk.store.tables import events, tasks
from cxsdk.testing import NOW
from cxsdk.testing.inline import Installation
from cxsdk.web import public_app
from tests.plugins.hubspot.conftest import hubspot
from tests.plugins.hubspot.fake import FakeHubSpot, signed
from tests.plugins.hubspot.test_hubspot_conformance import event
from tests.plugins.switchboard import company, ring


@pytest.fixture
def installation(account: FakeHubSpot, tmp_path: Path) -> Iterator[Installation]:
    account.now = NOW
    with company(hubspot(limits=[]), tmp_path) as opened:
        yield opened


def post(installation: Installation, told: object, **proof: str) -> int:
    body = json.dumps([told]).encode()
    request = Request(url="https://cx.example.com/webhooks/hubspot", body=body)
    with TestClient(public_app(installation.opened), base_url="https://cx.example.com") as web:
        answer = web.post("/webhooks/hubspot", content=body, headers=signed(request, at=NOW, **proof))
    installation.settle(read=False)
    return answer.status_code


def test_a_strangers_missed_call_is_a_lead_a_call_and_a_task_once(
    installation: Installation, account: FakeHubSpot
) -> None:
    for _ in range(2):
        ring(installation, agent="agent@example.com")
    [(person, lead)] = account.held["contacts"].items()
    [(call_id, call)], [(task_id, task)] = account.held["calls"].items(), account.held["tasks"].items()
    assert account.linked == {("calls", call_id): [person], ("tasks", task_id): [person]}
    assert lead["hubspot_owner_id"] == call["hubspot_owner_id"] == task["hubspot_owner_id"] == "41629779"
    assert (call["hs_call_title"], call["hs_call_status"]) == ("Missed call +12125550123", "NO_ANSWER")


@pytest.mark.parametrize("path", ["calls/batch/upsert", "associations/tasks/contacts/batch/associate/default"])
def test_a_call_whose_answer_was_lost_is_there_once(
    installation: Installation, account: FakeHubSpot, path: str
) -> None:
    account.put("contacts", phone="+1 212 555 0123")
    account.forget(path)
    ring(installation)
    installation.pass_to(NOW + timedelta(minutes=10))
    assert [len(account.held[kind]) for kind in ("contacts", "calls", "tasks")] == [1, 1, 1]
    assert len(account.linked) == 2


def test_a_task_that_is_done_in_hubspot_is_done(installation: Installation, account: FakeHubSpot) -> None:
    ring(installation)
    [id] = account.held["tasks"]
    account.complete(id)
    installation.pass_to(NOW + timedelta(minutes=3))
    with installation.runtime.store.read() as tx:
        assert tx.execute(tasks.select()).one().done_at is not None


def test_a_webhook_tells_the_same(installation: Installation, account: FakeHubSpot) -> None:
    ring(installation)
    [id] = account.held["tasks"]
    change = {"objectTypeId": "0-27", "propertyName": "hs_task_status", "propertyValue": "COMPLETED"}
    done = event("object.propertyChange", objectId=int(id), **change)
    assert post(installation, done, key="other") == 401
    assert post(installation, done) == 202
    with installation.runtime.store.read() as tx:
        assert tx.execute(tasks.select()).one().done_at is not None


def test_a_deal_that_is_won_is_one_purchase(installation: Installation, account: FakeHubSpot) -> None:
    ann = account.put("contacts", firstname="Ann", email="ann@example.com")
    won = account.put("deals", contact=ann, dealname="Chairs", dealstage="closedwon")
    installation.pass_to(NOW + timedelta(minutes=3))
    account.now = NOW + timedelta(minutes=3)
    account.change("deals", won, dealname="Ten chairs")
    installation.pass_to(NOW + timedelta(minutes=8))
    with installation.runtime.store.read() as tx:
        assert [row.kind for row in tx.execute(events.select())] == ["purchase"]


def test_a_contact_who_is_gone_without_a_word_is_looked_up_again(
    installation: Installation, account: FakeHubSpot
) -> None:
    ring(installation)
    [person] = account.held["contacts"]
    del account.held["contacts"][person]
    account.put("contacts", id="900", phone="+12125550123")
    ring(installation, id="c2", at="2026-01-05T11:59:30Z")
    installation.pass_to(NOW + timedelta(minutes=10))
    assert len(account.held["calls"]) == 2
    assert sorted(people[0] for (kind, _), people in account.linked.items() if kind == "calls") == [person, "900"]


def test_a_merged_contact_is_followed(installation: Installation, account: FakeHubSpot) -> None:
    ring(installation)
    [person] = account.held["contacts"]
    account.put("contacts", id="900", firstname="Ann")
    del account.held["contacts"][person]
    merged = event("contact.merge", primaryObjectId=int(person), mergedObjectIds=[901], newObjectId=900)
    assert post(installation, merged) == 202
    ring(installation, id="c2", at="2026-01-05T11:59:30Z")
    assert sorted(people[0] for (kind, _), people in account.linked.items() if kind == "calls") == [person, "900"]
