"""One call, end to end: a signed POST becomes a person and an entry in the CRM, once."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from cxsdk import CX, Secret
from cxsdk.domain.clock import ManualClock
from cxsdk.store.tables import inbox
from cxsdk.testing.inline import Installation
from cxsdk.web import public_app
from cxsdk_localcrm import LocalCRM
from cxsdk_telephony import Telephony
from tests.installing import installed

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CALLER = "+12125550123"


class Office:
    """A company with a phone system and a CRM."""

    def __init__(self, installation: Installation, crm: LocalCRM, web: TestClient) -> None:
        self.installation = installation
        self.crm = crm
        self.web = web
        self.clock: Any = installation.runtime.clock

    def post(self, type: str, *, call: str = "c1", event: str | None = None, secret: str = "hush", **more: Any) -> int:
        """Posts an event of a call as a PBX would, and returns the status."""
        told = {"event_id": event or type, "call_id": call, "type": type, "at": self.clock.now().isoformat()}
        told |= {"direction": "inbound", "from": CALLER, "to": "+12125550100"} | more
        body = json.dumps(told).encode()
        stamp = str(int(self.clock.now().timestamp()))
        signature = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers = {"X-Telephony-Timestamp": stamp, "X-Telephony-Signature": signature}
        return self.web.post("/webhooks/pbx", content=body, headers=headers).status_code

    def rows(self) -> list[Any]:
        """What stands in the inbox."""
        with self.installation.runtime.store.read() as tx:
            return list(tx.execute(inbox.select()))

    def entries(self) -> list[dict[str, Any]]:
        """What stands on the CRM's timelines, once all is done."""
        self.installation.settle()
        return list(self.crm.entries())


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    crm = LocalCRM(database=str(tmp_path / "crm.db"))
    pbx = Telephony(name="pbx", secret=Secret("hush"))
    cx = CX(crm=crm, channels=[pbx], database=f"sqlite:///{tmp_path}/cx.db")
    with (
        installed(cx, clock=ManualClock(NOON)) as installation,
        TestClient(public_app(installation.opened)) as web,
    ):
        yield Office(installation, crm, web)


def test_a_call_becomes_a_person_and_an_entry(office: Office) -> None:
    assert office.post("ringing") == 202
    assert office.post("answered") == 202
    office.clock.advance(timedelta(minutes=3))
    assert office.post("hung_up") == 202
    [entry] = office.entries()
    [person] = office.crm.people()
    assert entry["person_id"] == person["id"]
    assert (entry["kind"], entry["direction"], entry["state"]) == ("call", "inbound", "ended")
    assert entry["seconds"] == 180
    assert entry["at"] == NOON
    assert entry["counterpart"] == CALLER


def test_a_call_is_not_logged_while_it_goes_on(office: Office) -> None:
    office.post("ringing")
    office.post("answered")
    assert office.entries() == []


def test_a_call_that_nobody_ends_is_logged_two_hours_after_its_last_event(office: Office) -> None:
    office.post("ringing")
    office.installation.move_to(NOON + timedelta(hours=1))
    office.post("answered")
    office.installation.move_to(NOON + timedelta(hours=2, minutes=59))
    assert office.entries() == []
    office.installation.move_to(NOON + timedelta(hours=3))
    [entry] = office.entries()
    assert entry["state"] == "answered"


def test_a_recording_that_comes_later_updates_the_same_entry(office: Office) -> None:
    office.post("missed")
    [before] = office.entries()
    office.clock.advance(timedelta(minutes=5))
    office.post("recording", recording_url="https://pbx.example.com/r/1")
    [after] = office.entries()
    assert after["id"] == before["id"]
    assert after["recording_url"] == "https://pbx.example.com/r/1"
    assert after["revision"] == before["revision"] + 1


def test_an_event_that_comes_twice_is_one_row_and_one_entry(office: Office) -> None:
    assert {office.post("missed") for _ in range(5)} == {202}
    assert len(office.rows()) == 1
    assert len(office.entries()) == 1


def test_another_event_under_the_same_id_is_refused_and_does_not_replace_the_first(office: Office) -> None:
    office.post("missed", event="1")
    assert office.post("answered", event="1") == 409
    assert b"missed" in office.rows()[0].body


def test_a_wrong_signature_leaves_no_row(office: Office) -> None:
    assert office.post("missed", secret="guess") == 401
    assert office.rows() == []


def test_a_request_that_is_six_minutes_old_is_refused_and_one_of_four_minutes_taken(office: Office) -> None:
    stamp = str(int(NOON.timestamp()))
    body = b'{"event_id":"1","call_id":"c1","type":"missed","at":%s,"from":"%s"}' % (stamp.encode(), CALLER.encode())
    signature = hmac.new(b"hush", stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"X-Telephony-Timestamp": stamp, "X-Telephony-Signature": signature}
    office.clock.advance(timedelta(minutes=6))
    assert office.web.post("/webhooks/pbx", content=body, headers=headers).json()["code"] == "timestamp_old"
    fresh = str(int((NOON + timedelta(minutes=2)).timestamp()))
    signature = hmac.new(b"hush", fresh.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"X-Telephony-Timestamp": fresh, "X-Telephony-Signature": signature}
    assert office.web.post("/webhooks/pbx", content=body, headers=headers).status_code == 202


def test_an_unknown_account_and_an_account_without_a_webhook_are_not_found(office: Office) -> None:
    assert office.web.post("/webhooks/nobody", content=b"{}").status_code == 404
    assert office.web.post("/webhooks/localcrm", content=b"{}").status_code == 404


def test_a_body_that_is_too_large_is_refused(office: Office) -> None:
    answer = office.web.post("/webhooks/pbx", content=b"x" * 1_048_577)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("more", [{"from": "12"}, {"at": "1815-06-18T11:00:00Z"}, {"at": 5e20}, {"direction": 7}])
def test_a_record_that_cannot_be_understood_is_set_aside_with_its_reason(office: Office, more: dict[str, Any]) -> None:
    assert office.post("missed", **more) == 202
    assert office.entries() == []
    [row] = office.rows()
    assert row.state == "dead"
    assert f"body.{next(iter(more))}" in row.reason


def test_one_poison_record_does_not_hold_up_the_rest(office: Office) -> None:
    office.post("missed", call="bad", **{"from": "12"})
    for number in range(20):
        office.post("missed", call=f"good{number}")
    assert len(office.entries()) == 20


def test_two_calls_from_one_stranger_make_one_person(office: Office) -> None:
    office.post("missed", call="c1")
    office.post("missed", call="c2")
    assert len(office.entries()) == 2
    assert len(list(office.crm.people())) == 1


def test_callers_who_withhold_their_number_are_logged_on_a_card_that_says_so(office: Office) -> None:
    office.post("missed", call="c1", **{"from": "anonymous"})
    office.post("missed", call="c2", **{"from": ""})
    assert len(office.entries()) == 2
    [person] = office.crm.people()
    assert person["name"] == "Unknown caller (pbx)"


def test_a_webhook_is_answered_with_the_status_that_its_provider_wants(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Telephony, "webhook_status", 204)
    assert office.post("ringing") == 204
    assert len(office.rows()) == 1
