"""amoCRM in a whole installation: a stranger's missed call, the task to call back, and a lead that is won."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cxsdk.store.tables import events, tasks
from cxsdk.testing import NOW, Answer
from cxsdk.testing.inline import Installation
from cxsdk.web import public_app
from tests.plugins.amocrm.conftest import amocrm
from tests.plugins.amocrm.fake import BANNED, LIMITED, SECRET, FakeAmoCRM, problem
from tests.plugins.amocrm.test_amocrm_conformance import form
from tests.plugins.switchboard import company, ring


@pytest.fixture
def installation(account: FakeAmoCRM, tmp_path: Path) -> Iterator[Installation]:
    account.now = NOW
    with company(amocrm(limits=[]), tmp_path) as opened:
        yield opened


def post(installation: Installation, body: bytes, key: str = SECRET) -> int:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    with TestClient(public_app(installation.opened), base_url="https://cx.example.com") as web:
        answer = web.post("/webhooks/amocrm", params={"key": key}, content=body, headers=headers)
    installation.settle(read=False)
    return answer.status_code


def is_done(installation: Installation) -> bool:
    with installation.runtime.store.read() as tx:
        return tx.execute(tasks.select()).one().done_at is not None


def test_a_strangers_missed_call_is_a_contact_a_lead_a_call_and_a_task_once(
    installation: Installation, account: FakeAmoCRM
) -> None:
    for _ in range(2):
        ring(installation, agent="agent@example.com")
    [contact], [lead] = account.all_of("contacts"), account.all_of("unsorted")
    [call], [task] = account.notes_of(), account.all_of("tasks")
    assert lead["_embedded"]["contacts"] == [{"id": contact["id"]}]
    assert call["entity_id"] == task["entity_id"] == contact["id"]
    assert contact["responsible_user_id"] == task["responsible_user_id"] == 7654321
    assert (call["note_type"], call["params"]["call_status"], call["params"]["phone"]) == ("call_in", 6, "+12125550123")


@pytest.mark.parametrize("path", ["contacts", "calls", "tasks"])
def test_what_was_done_while_the_answer_was_lost_is_there_once(
    installation: Installation, account: FakeAmoCRM, path: str
) -> None:
    account.forget(path)
    ring(installation)
    installation.pass_to(NOW + timedelta(minutes=20))
    assert [len(account.all_of(kind)) for kind in ("contacts", "tasks")] == [1, 1]
    assert [note["params"]["phone"] for note in account.notes_of()] == ["+12125550123"]


def test_a_lead_whose_answer_was_lost_makes_no_second_contact(installation: Installation, account: FakeAmoCRM) -> None:
    account.forget("leads/unsorted/sip")
    ring(installation)
    installation.pass_to(NOW + timedelta(minutes=20))
    assert [len(account.all_of(kind)) for kind in ("contacts", "unsorted", "tasks")] == [1, 1, 1]


@pytest.mark.parametrize("answer", [problem(402, "Payment Required", "Unpaid"), BANNED, LIMITED])
def test_an_account_that_must_wait_loses_nothing(
    installation: Installation, account: FakeAmoCRM, answer: Answer
) -> None:
    account.play_to_writes(answer, times=2)
    ring(installation)
    assert not account.all_of("contacts")
    installation.pass_to(NOW + timedelta(hours=3))
    assert [len(account.all_of(kind)) for kind in ("contacts", "tasks")] == [1, 1]
    assert len(account.notes_of()) == 1


def test_a_task_that_is_done_in_amocrm_is_done(installation: Installation, account: FakeAmoCRM) -> None:
    ring(installation)
    [task] = account.all_of("tasks")
    account.complete(str(task["id"]))
    installation.pass_to(NOW + timedelta(minutes=3))
    assert is_done(installation)


def test_a_webhook_tells_the_same(installation: Installation, account: FakeAmoCRM) -> None:
    ring(installation)
    [task] = account.all_of("tasks")
    done = form("task[update]", id=task["id"], status=1, last_modified=int(NOW.timestamp()))
    assert post(installation, done, key="other") == 401
    assert not is_done(installation)
    assert post(installation, done) == 202
    assert is_done(installation)


def test_a_lead_that_is_won_is_one_purchase(installation: Installation, account: FakeAmoCRM) -> None:
    ann = account.contact(name="Ann", emails=["ann@example.com"])
    contacts = {"contacts": [{"id": int(ann), "is_main": True}]}
    won = account.put("leads", name="Chairs", pipeline_id=7, status_id=142, closed_at=1767614400, _embedded=contacts)
    installation.pass_to(NOW + timedelta(minutes=3))
    account.now = NOW + timedelta(minutes=3)
    account.change("leads", won, name="Ten chairs")
    installation.pass_to(NOW + timedelta(minutes=8))
    with installation.runtime.store.read() as tx:
        assert [row.kind for row in tx.execute(events.select())] == ["purchase"]


def test_a_contact_who_is_gone_without_a_word_is_looked_up_again(
    installation: Installation, account: FakeAmoCRM
) -> None:
    ring(installation)
    [contact] = account.all_of("contacts")
    del account.held["contacts"][str(contact["id"])]
    kept = account.contact(phones=["+1 212 555 0123"])
    ring(installation, id="c2", at="2026-01-05T11:59:30Z")
    installation.pass_to(NOW + timedelta(minutes=10))
    assert [str(note["entity_id"]) for note in account.notes_of()] == [str(contact["id"]), kept]
