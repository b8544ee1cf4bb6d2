"""``examples/call_centre``: a call, a deal that is won, a survey by SMS, an unhappy answer, a to-do in Bitrix24."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from cxsdk.journeys import sources
from cxsdk.testing import NOW, Answer, HttpStandIn, SentRequest
from tests.examples.conftest import Company
from tests.plugins.asterisk.ami import Manager
from tests.plugins.asterisk.samples import CUSTOMER, SECRET, hangup, rings, unanswered
from tests.plugins.bitrix24.fake import PORTAL, TOKEN, WEBHOOK, FakeBitrix24
from tests.plugins.bitrix24.test_bitrix24_outgoing import reach
from tests.plugins.twilio import samples as twilio

pytestmark = pytest.mark.usefixtures("own_secrets")


class Vendors(HttpStandIn):
    """Bitrix24, and Twilio as far as it sends."""

    def __init__(self) -> None:
        self.bitrix24 = FakeBitrix24()
        self.texts: list[dict[str, str]] = []

    def answer(self, request: SentRequest) -> Any:
        if urlsplit(request.url).hostname == PORTAL:
            return self.bitrix24.answer(request)
        self.texts.append(request.form)
        return Answer(201, twilio.made(sid=f"SM{len(self.texts):032d}", to=request.form["To"]))

    def link(self) -> str:
        """The link in the last SMS."""
        return next(word for word in self.texts[-1]["Body"].split() if "/s/" in word)


@pytest.fixture
def vendors(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendors]:
    monkeypatch.setenv("BITRIX24_WEBHOOK", WEBHOOK)
    monkeypatch.setenv("BITRIX24_APPLICATION_TOKEN", TOKEN)
    monkeypatch.setenv("ASTERISK_SECRET", SECRET)
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", twilio.ACCOUNT)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "sample-twilio-token")
    vendors = Vendors()
    vendors.start()
    yield vendors
    vendors.stop()


@pytest.fixture
def manager() -> Iterator[Manager]:
    """An Asterisk whose customer reaches nobody."""
    with Manager([rings(), unanswered(20), hangup(21)]) as manager:
        yield manager


@pytest.fixture
def centre(examples: Any, vendors: Vendors, manager: Manager, monkeypatch: pytest.MonkeyPatch) -> Company:
    monkeypatch.setattr("cxsdk_asterisk.stream._LOOK_EVERY_S", 0.02)
    asterisk = {"host": manager.host, "port": manager.port}
    places = {"bitrix24": {"limits": ()}, "asterisk": asterisk, "twilio": {"catch_up": False}}
    opened: Company = examples("call_centre", at=NOW + timedelta(minutes=2), **places)
    return opened


def listen(centre: Company) -> None:
    """A clock process listens to Asterisk for a moment; a stream has no end of its own."""
    runtime, asterisk = centre.installation.runtime, centre.account("asterisk")
    [source] = [each for each in sources.sources_of(runtime) if each.account == "asterisk"]
    fence = sources.acquire(runtime, source, "test")
    assert fence is not None
    stop = threading.Event()
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    sources.read_to_the_end(runtime, source, fence, stop)
    sources.release(runtime, source, fence)
    timer.join()
    object.__setattr__(asterisk, "sources", dict)  # from here on, the line is quiet
    centre.settle()


def todos(portal: FakeBitrix24) -> dict[int, dict[str, Any]]:
    return {id: each for id, each in portal.activities.items() if each["ORIGINATOR_ID"] == "cxsdk.task"}


def test_the_whole_loop(centre: Company, vendors: Vendors) -> None:
    portal = vendors.bitrix24
    portal.now = centre.now
    ann = portal.put(3, name="Ann", fm=reach(PHONE=CUSTOMER))
    listen(centre)
    [call] = [each for each in portal.activities.values() if each["PROVIDER_ID"] == "VOXIMPLANT_CALL"]
    assert (call["SUBJECT"], call["OWNER_ID"]) == (f"Missed call {CUSTOMER}", str(ann))
    [(back, _)] = todos(portal).items()
    portal.complete(str(back))

    portal.put(2, contactId=ann, companyId=0, title="Chairs", stageId="WON", movedTime=centre.now.isoformat())
    centre.later(hours=4)  # it is early in New York
    [asked] = vendors.texts
    assert asked["To"] == CUSTOMER

    centre.answers(vendors.link(), q_csat="1")
    [task] = todos(portal).keys() - {back}
    assert "Get in touch within 1 hour" in str(portal.activities[task])
    portal.now = centre.now
    portal.complete(str(task))
    centre.later(minutes=5)
    assert len(vendors.texts) == 2
    centre.answers(vendors.link(), q_solved="1")
