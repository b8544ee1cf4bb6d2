"""Twilio in a whole installation: what it posts over the real web becomes entries, tasks and deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from cxsdk import CX
from cxsdk.domain.clock import ManualClock
from cxsdk.testing import NOW
from cxsdk.testing.inline import Installation, installed
from cxsdk.web import public_app
from cxsdk_localcrm import LocalCRM
from tests.plugins.twilio.samples import CUSTOMER, LEG, NEXT_LEG, URL, call, leg, recording, sign, text, twilio


class Office:
    """One installation, to which Twilio posts."""

    def __init__(self, installation: Installation, crm: LocalCRM, web: TestClient, clock: ManualClock) -> None:
        self.installation, self.crm, self.web, self.clock = installation, crm, web, clock

    def post(self, form: dict[str, str], url: str = URL) -> int:
        path = url.removeprefix("https://cx.example.com")
        return self.web.post(path, content=urlencode(form).encode(), headers=sign(url, form)).status_code


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    crm = LocalCRM(database=str(tmp_path / "crm.db"))
    settings = {"database": f"sqlite:///{tmp_path}/cx.db", "public_url": "https://cx.example.com"}
    clock = ManualClock(NOW)
    cx = CX(crm=crm, channels=[twilio(catch_up=False)], **settings)
    with installed(cx, clock=clock) as installation, TestClient(public_app(installation.opened)) as web:
        yield Office(installation, crm, web, clock)


def test_the_proof_holds_whatever_stands_between_twilio_and_us(office: Office) -> None:
    assert office.post(text()) == 204
    assert office.post(text("Again", MessageSid="SM2"), f"{URL}?line=sales%20desk") == 204
    assert office.web.post("/webhooks/twilio", data=text("Forged")).status_code == 401


def test_a_call_that_no_agent_took_is_one_entry_and_a_task(office: Office) -> None:
    for form in (leg("no-answer", 20), leg("busy", 40, CallSid=NEXT_LEG), call("completed", 60, CallDuration="58")):
        assert office.post(form) == 204
    office.installation.settle()
    [entry] = office.crm.entries()
    assert (entry["kind"], entry["state"], entry["counterpart"]) == ("call", "missed", CUSTOMER)
    assert len(list(office.crm.tasks())) == 1


def test_a_call_that_an_agent_took_is_one_entry_with_its_recording_and_no_task(office: Office) -> None:
    for form in (leg("no-answer", 20), leg("completed", 60, CallSid=NEXT_LEG, CallDuration="30")):
        assert office.post(form) == 204
    assert office.post(call("completed", 61, CallDuration="59")) == 204
    office.clock.advance(timedelta(minutes=1))
    assert office.post(recording()) == 204
    office.installation.settle()
    [entry] = office.crm.entries()
    assert (entry["state"], entry["seconds"]) == ("ended", 31)
    assert entry["recording_url"] == recording()["RecordingUrl"]
    assert list(office.crm.tasks()) == []


def test_no_task_is_made_while_the_next_agent_is_still_called(office: Office) -> None:
    assert office.post(leg("no-answer", 20)) == 204
    office.installation.settle()
    assert (list(office.crm.entries()), list(office.crm.tasks())) == ([], [])
    assert LEG != NEXT_LEG
