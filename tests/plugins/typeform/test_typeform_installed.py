"""Typeform in a whole installation: a purchase, the link, the answer, and the case that an unhappy one opens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from cxsdk import (
    CX,
    BusinessEvent,
    Channel,
    EventKind,
    Inbound,
    Message,
    PostPurchase,
    Raw,
    Receipt,
    Request,
    email,
)
from cxsdk.domain.clock import ManualClock
from cxsdk.store.tables import cases, responses
from cxsdk.testing import NOW
from cxsdk.testing.inline import Installation, installed
from cxsdk.web import public_app
from cxsdk_localcrm import LocalCRM
from tests.plugins.typeform.fake import FakeTypeform, answer, encoded, typeform

UNHAPPY = (
    answer("multiple_choice", "csat", "choice", {"label": "I do not like it"}),
    answer("long_text", "comment", "text", "A leg is missing"),
    answer("yes_no", "contact", "boolean", True),
    answer("phone_number", "phone", "phone_number", "+12125550123"),
)


class Shop(Channel, Inbound):
    """A shop that tells of purchases, and a mailbox that keeps what is sent."""

    reaches = "email"

    def open(self, context: Any) -> None:
        self._sent: list[Message] = []

    @property
    def sent(self) -> list[Message]:
        return self._sent

    def send(self, messages: Sequence[Message]) -> Iterator[Receipt]:
        for message in messages:
            self._sent.append(message)
            yield Receipt.accepted(message.key)

    def verify(self, request: Request, now: datetime) -> None:
        """Anybody may post."""

    def parse(self, raw: Raw) -> Iterator[BusinessEvent]:
        bought = raw.payload()
        yield BusinessEvent(
            key=bought["order"], at=bought["at"], kind=EventKind.PURCHASE, customer=[email("customer@example.com")]
        )


class Company:
    """One installation with its web, its shop and Typeform beside it."""

    def __init__(self, installation: Installation, crm: LocalCRM, shop: Shop, web: TestClient) -> None:
        self.installation, self.crm, self.shop, self.web = installation, crm, shop, web

    def sells(self) -> str:
        """Somebody buys, and is asked about it: the link in the letter."""
        told = {"order": "A1", "at": NOW.isoformat()}
        assert self.web.post("/webhooks/shop", json=told).status_code == 202
        self.later(timedelta(hours=2))
        [letter] = self.shop.sent
        return str(letter.link)

    def told(self, payload: dict[str, Any]) -> None:
        """Typeform posts."""
        body, headers = encoded(payload)
        assert self.web.post("/webhooks/typeform", content=body, headers=headers).status_code == 202
        self.installation.settle()

    def later(self, by: timedelta) -> None:
        """Time passes."""
        self.installation.pass_to(self.now + by)

    @property
    def now(self) -> datetime:
        """The company's present."""
        return self.installation.runtime.clock.now()

    def rows(self, table: Any) -> list[Any]:
        """What the installation keeps."""
        with self.installation.runtime.store.read() as tx:
            return list(tx.execute(table.select()))

    def counts(self) -> tuple[int, int, int]:
        """How many answers, parts of answers, and cases there are."""
        found = self.rows(responses)
        return len(found), sum(len(row.parts) for row in found), len(self.rows(cases))


@pytest.fixture
def company(site: FakeTypeform, tmp_path: Path) -> Iterator[Company]:
    crm, shop = LocalCRM(database=str(tmp_path / "crm.db"), durable=False), Shop()
    # without limits: here all sources are read at one moment, where a clock process would let some wait
    provider = typeform(grades={"I do not like it": 1, "There are problems": 2, "I like it": 3}, limits=())
    cx = CX(
        crm=crm, channels=[shop], survey_providers=[provider], surveys=[PostPurchase(after="2h")],
        database=f"sqlite:///{tmp_path / 'cx.db'}",
    )  # fmt: skip
    with (
        installed(cx, clock=ManualClock(NOW)) as installation,
        TestClient(public_app(installation.opened)) as web,
    ):
        yield Company(installation, crm, shop, web)


def test_an_unhappy_answer_over_typeform_is_a_case_with_a_task(company: Company, site: FakeTypeform) -> None:
    company.told(site.respond(company.sells(), *UNHAPPY, at=company.now))
    [response], [task] = company.rows(responses), list(company.crm.tasks())
    assert response.answers == {"csat": 1, "comment": "A leg is missing"}
    assert company.counts() == (1, 1, 1)
    assert "A leg is missing" in task["text"]
    assert "+12125550123" in task["text"]


def test_what_the_webhook_told_and_the_list_tells_again_is_one_answer(company: Company, site: FakeTypeform) -> None:
    company.told(site.respond(company.sells(), *UNHAPPY, at=company.now))
    company.later(timedelta(hours=3))
    assert company.counts() == (1, 1, 1)


def test_an_answer_that_no_webhook_told_is_read_and_a_late_webhook_adds_nothing(
    company: Company, site: FakeTypeform
) -> None:
    payload = site.respond(company.sells(), *UNHAPPY, at=company.now)
    company.later(timedelta(minutes=30))
    assert company.counts() == (0, 0, 0)
    company.later(timedelta(minutes=30))
    assert company.counts() == (1, 1, 1)
    company.told(payload)
    assert company.counts() == (1, 1, 1)


def test_a_part_counts_at_once_and_the_whole_adds_to_it(company: Company, site: FakeTypeform) -> None:
    whole = site.respond(company.sells(), *UNHAPPY, at=company.now + timedelta(minutes=1))
    part = {**whole, "event_type": "form_response_partial", "event_id": "e0"}
    part["form_response"] = {**whole["form_response"], "answers": [UNHAPPY[0]], "submitted_at": company.now.isoformat()}
    company.told(part)
    assert company.counts() == (1, 1, 1)
    company.later(timedelta(minutes=1))
    company.told(whole)
    assert company.counts() == (1, 2, 1)
    assert company.rows(responses)[0].answers == {"csat": 1, "comment": "A leg is missing"}
    [task] = company.crm.tasks()
    assert "A leg is missing" in task["text"]


def test_an_answer_that_no_invitation_led_to_is_nobodys(company: Company, site: FakeTypeform) -> None:
    company.told(site.respond(company.sells().partition("#")[0], *UNHAPPY, at=company.now))
    assert company.counts() == (0, 0, 0)
