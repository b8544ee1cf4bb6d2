"""``examples/shop``: a contact, a purchase, a survey, an unhappy answer, a task with a clock, a last question."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from cxsdk.testing.botapi import BotAPI, buttons
from tests.examples.conftest import Company, Mail

pytestmark = [
    pytest.mark.usefixtures("own_secrets"),
    pytest.mark.parametrize("mail", ["support@example.com"], indirect=True),
]
USER = 4711


@pytest.fixture
def bot(monkeypatch: pytest.MonkeyPatch) -> Iterator[BotAPI]:
    with BotAPI() as api:
        monkeypatch.setenv("TELEGRAM_TOKEN", api.token)
        yield api


@pytest.fixture
def shop(examples: Any, mail: Mail, bot: BotAPI) -> Company:
    telegram = {"api_url": bot.url, "poll_seconds": 0}
    opened: Company = examples("shop", email=mail.place, telegram=telegram, localcrm={"durable": False})
    return opened


def tasks(shop: Company) -> list[dict[str, Any]]:
    return list(shop.account("localcrm").tasks())


def texts(shop: Company, kind: str) -> list[str]:
    return [entry["text"].strip() for entry in shop.account("localcrm").entries() if entry["kind"] == kind]


def test_the_whole_loop_by_mail(shop: Company, mail: Mail) -> None:
    mail.arrives("support@example.com", "Do you have it in blue?", shop.now)
    shop.settle()
    assert texts(shop, "email") == ["Do you have it in blue?"]

    shop.sells(email="ann@example.net")
    assert mail.smtp.received == []
    shop.later(hours=2)
    [asked] = mail.smtp.received
    assert asked.recipients == ("ann@example.net",)

    answered_at = shop.now
    shop.answers(mail.link(), q_csat="1")
    [task] = tasks(shop)
    assert task["title"].startswith("Get in touch within 1 hour")
    assert _moment(task["due"]) == answered_at + timedelta(hours=1)

    assert shop.account("localcrm").complete_task(str(task["id"]))
    shop.later(minutes=1)
    assert len(mail.smtp.received) == 2
    shop.answers(mail.link(), q_solved="1")


def test_the_whole_loop_in_telegram(shop: Company, bot: BotAPI) -> None:
    bot.user_says(USER, "Where is my parcel?")
    shop.settle()
    assert texts(shop, "message") == ["Where is my parcel?"]

    shop.sells(telegram=str(USER))
    shop.later(hours=2)
    asked = bot.sent[-1]
    unhappy = next(data for data in buttons(asked) if data.endswith(":1"))
    bot.user_taps(USER, unhappy, asked["message_id"])
    shop.settle()
    [task] = tasks(shop)
    assert shop.account("localcrm").complete_task(str(task["id"]))
    before = len(bot.sent)
    shop.later(minutes=1)
    assert len(bot.sent) > before


def test_a_happy_customer_is_asked_whether_they_would_recommend_it_and_makes_no_work(shop: Company, mail: Mail) -> None:
    shop.sells(email="ann@example.net")
    shop.later(hours=2)
    shop.answers(mail.link(), q_csat="3")
    shop.later(days=29)
    assert len(mail.smtp.received) == 2
    assert tasks(shop) == []


def _moment(due: Any) -> datetime:
    return due if isinstance(due, datetime) else datetime.fromisoformat(due)
