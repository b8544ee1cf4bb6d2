"""``examples/subscription``: a mail, a deal that is won, a survey on Typeform, an unhappy answer, a task in HubSpot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from cxsdk.testing import HttpStandIn, SentRequest
from tests.examples.conftest import Company, Mail
from tests.plugins.hubspot import fake as hubspot_fake
from tests.plugins.hubspot.fake import FakeHubSpot
from tests.plugins.typeform import fake as typeform_fake
from tests.plugins.typeform.fake import FakeTypeform, answer, encoded

pytestmark = [
    pytest.mark.usefixtures("own_secrets"),
    pytest.mark.parametrize("mail", ["success@example.com"], indirect=True),
]


class Vendors(HttpStandIn):
    """HubSpot and Typeform, each behind its own name."""

    def __init__(self) -> None:
        self.hubspot = FakeHubSpot()
        self.typeform = FakeTypeform()
        self.typeform.responses["cL0sing"] = []

    def answer(self, request: SentRequest) -> Any:
        vendor = {"api.hubapi.com": self.hubspot, "api.typeform.com": self.typeform}[
            urlsplit(request.url).hostname or ""
        ]
        return vendor.answer(request)


@pytest.fixture
def vendors(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendors]:
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", hubspot_fake.TOKEN)
    monkeypatch.setenv("HUBSPOT_CLIENT_SECRET", hubspot_fake.CLIENT_SECRET)
    monkeypatch.setenv("TYPEFORM_TOKEN", typeform_fake.TOKEN)
    monkeypatch.setenv("TYPEFORM_WEBHOOK_SECRET", typeform_fake.SECRET)
    vendors = Vendors()
    vendors.start()
    yield vendors
    vendors.stop()


@pytest.fixture
def company(examples: Any, mail: Mail, vendors: Vendors) -> Company:
    # without limits: here all sources are read at one moment, where a clock process would let some wait
    opened: Company = examples("subscription", email=mail.place, hubspot={"limits": ()}, typeform={"limits": ()})
    return opened


def test_the_whole_loop(company: Company, mail: Mail, vendors: Vendors) -> None:
    hubspot = vendors.hubspot
    hubspot.now = company.now
    mail.arrives("success@example.com", "How do I invite my team?", company.now)
    company.settle()
    [(ann, contact)] = hubspot.held["contacts"].items()
    assert contact["email"] == "ann@example.net"
    assert "How do I invite my team?" in hubspot.all_of("emails")[0]["hs_email_text"]

    hubspot.put("deals", contact=ann, dealname="A year", dealstage="closedwon")
    company.later(minutes=3)
    company.later(days=2)
    [asked] = mail.smtp.received
    assert asked.recipients == ("ann@example.net",)

    unhappy = answer("multiple_choice", "csat", "choice", {"label": "I do not like it"})
    body, headers = encoded(vendors.typeform.respond(mail.link(), unhappy, at=company.now))
    assert company.web.post("/webhooks/typeform", content=body, headers=headers).status_code == 202
    company.settle()
    [(task, made)] = hubspot.held["tasks"].items()
    assert made["hs_task_subject"].startswith("Get in touch within 4 hours")
    assert hubspot.linked["tasks", task] == [ann]
    due = datetime.fromisoformat(made["hs_timestamp"])
    assert (due - company.now).total_seconds() == pytest.approx(4 * 3600, abs=1)

    hubspot.now = company.now
    hubspot.complete(task)
    company.later(minutes=5)
    assert len(mail.smtp.received) == 2
    assert "/to/cL0sing" in mail.link()


def test_a_renewal_is_asked_about_too(company: Company, mail: Mail, vendors: Vendors) -> None:
    hubspot = vendors.hubspot
    hubspot.now = company.now
    ann = hubspot.put("contacts", firstname="Ann", email="ann@example.net")
    renewed = f"{company.now:%Y-%m-%d}"
    hubspot.put("deals", contact=ann, dealname="A year", dealstage="contractsent", renewal_date=renewed)
    company.later(minutes=3)
    company.later(days=3)
    assert [sent.recipients for sent in mail.smtp.received] == [("ann@example.net",)]
