"""Bitrix24 in a whole installation: a stranger's missed call, the task to call back, and a deal that is won."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cxsdk.store.tables import events, tasks
from cxsdk.testing import NOW
from cxsdk.testing.inline import Installation
from cxsdk.web import public_app
from tests.plugins.bitrix24.conftest import bitrix24
from tests.plugins.bitrix24.fake import FakeBitrix24
from tests.plugins.bitrix24.test_bitrix24_conformance import event, proven
from tests.plugins.bitrix24.test_bitrix24_outgoing import reach
from tests.plugins.switchboard import company, ring

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def installation(portal: FakeBitrix24, tmp_path: Path) -> Iterator[Installation]:
    portal.now = NOW
    with company(bitrix24(), tmp_path) as opened:
        yield opened


def of_kind(portal: FakeBitrix24, origin: str) -> dict[int, dict[str, object]]:
    return {id: each for id, each in portal.activities.items() if each["ORIGINATOR_ID"] == origin}


def test_a_strangers_missed_call_is_a_lead_a_call_and_a_task_once(
    installation: Installation, portal: FakeBitrix24
) -> None:
    for _ in range(2):
        ring(installation, agent="agent@example.com")
    [(person, lead)] = portal.held[1].items()
    [call], [task] = of_kind(portal, "cxsdk").values(), of_kind(portal, "cxsdk.task").values()
    assert lead["assignedById"] == 1
    assert (call["SUBJECT"], call["PROVIDER_ID"]) == ("Missed call +12125550123", "VOXIMPLANT_CALL")
    for each in (call, task):
        assert (each["OWNER_TYPE_ID"], each["OWNER_ID"], each["RESPONSIBLE_ID"]) == ("1", str(person), "1")


@pytest.mark.parametrize("method", ["crm.item.add", "crm.activity.add", "crm.activity.todo.add"])
def test_a_call_whose_answer_was_lost_is_there_once(
    installation: Installation, portal: FakeBitrix24, method: str
) -> None:
    portal.forget(method)
    ring(installation)
    installation.pass_to(NOW + timedelta(minutes=10))
    assert len(portal.held[1]) == 1
    assert [len(of_kind(portal, origin)) for origin in ("cxsdk", "cxsdk.task")] == [1, 1]


def test_a_task_that_is_done_in_bitrix24_is_done(installation: Installation, portal: FakeBitrix24) -> None:
    ring(installation)
    [id] = of_kind(portal, "cxsdk.task")
    portal.complete(str(id))
    installation.pass_to(NOW + timedelta(minutes=3))
    with installation.runtime.store.read() as tx:
        assert tx.execute(tasks.select()).one().done_at is not None


def test_a_task_that_was_deleted_is_made_again(installation: Installation, portal: FakeBitrix24) -> None:
    ring(installation)
    [id] = of_kind(portal, "cxsdk.task")
    del portal.activities[id]
    deleted = event("ONCRMACTIVITYDELETE", id)
    with TestClient(public_app(installation.opened), base_url="https://cx.example.com") as web:
        answers = [
            web.post("/webhooks/bitrix24", content=body, headers=FORM).status_code
            for body in (deleted, proven(deleted, "other"), proven(deleted))
        ]
    assert answers == [401, 401, 202]
    installation.settle(read=False)
    assert len(of_kind(portal, "cxsdk.task")) == 1


def test_a_deal_that_is_won_is_one_purchase(installation: Installation, portal: FakeBitrix24) -> None:
    ann = portal.put(3, name="Ann", fm=reach(EMAIL="ann@example.com"))
    won = portal.put(
        2, contactId=ann, companyId=0, title="Chairs", stageId="WON", movedTime="2026-01-05T14:59:00+03:00"
    )
    installation.pass_to(NOW + timedelta(minutes=3))
    portal.now = NOW + timedelta(minutes=3)
    portal.edit(2, won, title="Ten chairs")
    installation.pass_to(NOW + timedelta(minutes=8))
    with installation.runtime.store.read() as tx:
        assert [row.kind for row in tx.execute(events.select())] == ["purchase"]


def test_a_lead_that_became_a_contact_is_followed(installation: Installation, portal: FakeBitrix24) -> None:
    ring(installation)
    [lead] = portal.held[1]
    contact = portal.put(3, name="Ann", leadId=lead)
    installation.pass_to(NOW + timedelta(minutes=3))
    ring(installation, id="c2", at="2026-01-05T12:01:30Z")
    owners = [(each["OWNER_TYPE_ID"], each["OWNER_ID"]) for each in of_kind(portal, "cxsdk").values()]
    assert owners == [("1", str(lead)), ("3", str(contact))]


def test_somebody_who_is_gone_without_a_word_is_looked_up_again(
    installation: Installation, portal: FakeBitrix24
) -> None:
    ring(installation)
    [lead] = portal.held[1]
    del portal.held[1][lead]
    portal.put(3, id=900, fm=reach(PHONE="+12125550123"))
    ring(installation, id="c2", at="2026-01-05T11:59:30Z")
    installation.pass_to(NOW + timedelta(minutes=10))
    assert sorted(str(each["OWNER_ID"]) for each in of_kind(portal, "cxsdk").values()) == [str(lead), "900"]


def test_a_method_that_has_worked_too_long_is_left_alone(installation: Installation, portal: FakeBitrix24) -> None:
    portal.operating["crm.item.add"] = 490.0
    ring(installation, read=False)
    assert len(portal.held[1]) == 1
    assert portal.activities == {}  # which methods a call will use is not known before: the account waits
    portal.operating.clear()
    installation.pass_to(NOW + timedelta(minutes=11))
    assert [len(of_kind(portal, origin)) for origin in ("cxsdk", "cxsdk.task")] == [1, 1]
