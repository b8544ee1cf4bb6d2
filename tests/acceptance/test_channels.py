"""The loop over real protocols: mail by SMTP and IMAP, messages by the Bot API; only the other end is a stand-in."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table

from cxsdk import CX, Loyalty, PostPurchase, Raw, Secret
from cxsdk.domain.clock import ManualClock
from cxsdk.domain.texts import text
from cxsdk.store import inbox
from cxsdk.store.engine import owes
from cxsdk.store.inbox import Arrival
from cxsdk.store.tables import cases, customers, identities, invitations, outbox, responses
from cxsdk.store.tables import inbox as inbox_table
from cxsdk.testing.botapi import BotAPI, buttons
from cxsdk.testing.imap import ImapServer
from cxsdk.testing.inline import Installation
from cxsdk.testing.smtp import SmtpServer
from cxsdk_email import Email
from cxsdk_hostedsurvey import HostedSurvey
from cxsdk_localcrm import LocalCRM
from cxsdk_telegram import Telegram
from tests.acceptance.conftest import NOON
from tests.installing import installed

LOGIN = {"user": "support@example.com", "password": "sample-password"}
CUSTOMER = "ann@example.net"
USER = 4711


class Shop:
    """A shop with a mailbox and a bot."""

    def __init__(
        self, installation: Installation, crm: LocalCRM, smtp: SmtpServer, imap: ImapServer, bot: BotAPI
    ) -> None:
        self.installation = installation
        self.crm = crm
        self.smtp = smtp
        self.imap = imap
        self.bot = bot

    def api(self, body: str) -> None:
        """The shop tells of something over the ingest API."""
        runtime = self.installation.runtime
        raw = Raw(id=str(hash(body)), body=body.encode(), received_at=runtime.clock.now())
        with runtime.store.write() as tx:
            inbox.put(runtime.store, tx, [Arrival("api", raw)])
        self.installation.settle()

    def later(self, by: timedelta) -> None:
        """Time passes."""
        self.installation.pass_to(self.installation.runtime.clock.now() + by)

    def rows(self, table: Table) -> list[Any]:
        """All rows of a table."""
        with self.installation.runtime.store.read() as tx:
            return list(tx.execute(table.select()))

    def mail(self, text: str, *, sender: str = CUSTOMER, folder: str = "INBOX", **headers: str) -> None:
        """A mail lies in a folder of the mailbox."""
        message = EmailMessage()
        message["From"], message["To"] = (sender, LOGIN["user"]) if folder == "INBOX" else (LOGIN["user"], sender)
        message["Message-ID"] = f"<{abs(hash((text, folder)))}@example.net>"
        message["Date"] = self.installation.runtime.clock.now()
        message["Subject"] = "Sample"
        for name, value in headers.items():
            message[name.replace("_", "-")] = value
        message.set_content(text)
        self.imap.deliver(folder, message.as_bytes())
        self.installation.settle()

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """Entries of one kind on the CRM's timelines."""
        return [entry for entry in self.crm.entries() if entry["kind"] == kind]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    clock = ManualClock(NOON)
    with ExitStack() as stack:
        smtp = stack.enter_context(SmtpServer(**LOGIN))
        imap = stack.enter_context(ImapServer(**LOGIN, idle=False))
        bot = stack.enter_context(BotAPI(clock=clock))
        crm = LocalCRM(database=str(tmp_path / "crm.db"), durable=False)
        mailbox = Email(
            address=LOGIN["user"], host="127.0.0.1", password=Secret(LOGIN["password"]), idle=False,
            smtp_port=smtp.port, smtp_security="plain", imap_port=imap.port, imap_security="plain",
        )  # fmt: skip
        cx = CX(
            company="Sample Shop",
            crm=crm,
            channels=[mailbox, Telegram(token=Secret(bot.token), api_url=bot.url, poll_seconds=0)],
            survey_providers=[HostedSurvey()],
            surveys=[PostPurchase(after="2h"), Loyalty(between=("14d", "28d"))],
            database=f"sqlite:///{tmp_path}/cx.db",
        )
        installation = stack.enter_context(installed(cx, clock=clock))
        yield Shop(installation, crm, smtp, imap, bot)


def purchase(shop: Shop, customer: str) -> None:
    at = shop.installation.runtime.clock.now().isoformat()
    shop.api(f'{{"type": "event", "kind": "purchase", "at": "{at}", "customer": {customer}}}')


def test_a_mail_is_logged_once_with_what_is_new_in_it(shop: Shop) -> None:
    shop.mail("Where is my parcel?\n\nOn 1 January 2026, Support wrote:\n> Thank you for your order.\n")
    shop.installation.settle()
    [entry] = shop.entries("email")
    assert (entry["direction"], entry["text"].strip()) == ("inbound", "Where is my parcel?")


def test_what_an_agent_sends_from_their_own_client_is_logged_on_the_same_person(shop: Shop) -> None:
    shop.mail("Where is my parcel?")
    shop.mail("It is on its way.", folder="Sent")
    first, second = shop.entries("email")
    assert first["person_id"] == second["person_id"]
    assert {first["direction"], second["direction"]} == {"inbound", "outbound"}


def test_an_invitation_by_mail_has_what_a_mail_program_needs(shop: Shop) -> None:
    purchase(shop, f'{{"email": "{CUSTOMER}"}}')
    shop.later(timedelta(hours=2))
    [mail] = shop.smtp.received
    letter = email.message_from_bytes(mail.data, policy=email.policy.default)
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert letter["Auto-Submitted"] == "auto-generated"
    html = letter.get_body(("html",))
    plain = letter.get_body(("plain",))
    assert html is not None
    assert plain is not None
    assert "?score=3" in html.get_content()
    assert "/s/" in plain.get_content()


def test_a_bounce_makes_the_invitation_failed(shop: Shop) -> None:
    purchase(shop, f'{{"email": "{CUSTOMER}"}}')
    shop.later(timedelta(hours=2))
    sent = email.message_from_bytes(shop.smtp.received[0].data, policy=email.policy.default)
    report = (
        "From: MAILER-DAEMON@example.com\r\nTo: support@example.com\r\nSubject: Undelivered\r\n"
        "Message-ID: <bounce@example.com>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com\r\n\r\n"
        f"Final-Recipient: rfc822; {CUSTOMER}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {sent['Message-ID']}\r\n\r\n--b--\r\n"
    )
    shop.imap.deliver("INBOX", report.encode())
    shop.installation.settle()
    [first, *_] = [row for row in shop.rows(invitations) if row.kind == "post_purchase"]
    assert (first.state, first.reason) == ("failed", "bounced")


def test_an_agents_message_over_the_api_goes_out_once_and_is_logged(shop: Shop) -> None:
    body = f'{{"type": "message", "at": "{NOON.isoformat()}", "customer": {{"email": "{CUSTOMER}"}}, "text": "Hello"}}'
    shop.api(body)
    shop.api(body)
    assert len(shop.smtp.received) == 1
    [entry] = shop.entries("email")
    assert (entry["direction"], entry["text"], entry["automatic"]) == ("outbound", "Hello", False)


def test_a_message_to_the_bot_is_logged(shop: Shop) -> None:
    shop.bot.user_says(USER, "Hello")
    shop.installation.settle()
    [entry] = shop.entries("message")
    assert entry["text"] == "Hello"


def asked_in_telegram(shop: Shop, language: str = "en") -> dict[str, Any]:
    """The bot has asked a customer how they like their purchase; the message."""
    shop.bot.user_says(USER, "Hello", language=language)
    shop.installation.settle()
    purchase(shop, f'{{"telegram": "{USER}"}}')
    shop.later(timedelta(hours=2))
    return shop.bot.sent[-1]


def tap(shop: Shop, asked: dict[str, Any], *, grade: int) -> None:
    """The customer taps a grade."""
    data = next(data for data in buttons(asked) if data.endswith(f":{grade}"))
    shop.bot.user_taps(USER, data, asked["message_id"])
    shop.installation.settle()


def calls(shop: Shop, method: str) -> list[dict[str, Any]]:
    """What the bot was asked to do."""
    return [exchange.params for exchange in shop.bot.exchanges if exchange.method == method]


def test_a_question_is_answered_by_one_tap_and_an_unhappy_tap_opens_a_case(shop: Shop) -> None:
    asked = asked_in_telegram(shop)
    assert len(buttons(asked)) == 3
    tap(shop, asked, grade=1)
    [answer] = shop.rows(responses)
    assert (answer.scale, answer.score) == ("csat_3", 1)
    [case] = shop.rows(cases)
    assert case.state == "open"


def test_whoever_tapped_is_thanked_in_their_language_and_sees_their_choice(shop: Shop) -> None:
    asked = asked_in_telegram(shop, language="uk")
    tap(shop, asked, grade=3)
    assert shop.bot.unanswered_taps == set()
    assert [call["text"] for call in calls(shop, "answerCallbackQuery")] == [text("reply.thanks", "uk")]
    labels = [button["text"] for row in shop.bot.sent[-1]["reply_markup"]["inline_keyboard"] for button in row]
    assert [label for label in labels if label.startswith("✓")] == ["✓ Подобається"]


@pytest.mark.parametrize("code", [400, 401, 429, 500])
def test_an_answer_counts_even_if_nobody_can_be_thanked_for_it(shop: Shop, code: int) -> None:
    asked = asked_in_telegram(shop)
    shop.bot.fails("answerCallbackQuery", code, "Sample trouble", retry_after=5)
    tap(shop, asked, grade=1)
    [answer] = shop.rows(responses)
    assert answer.score == 1
    assert [row.state for row in shop.rows(inbox_table) if row.account == "telegram"] == ["done"] * 2


def test_a_tap_that_is_folded_again_is_not_answered_again(shop: Shop) -> None:
    asked = asked_in_telegram(shop)
    tap(shop, asked, grade=1)
    runtime = shop.installation.runtime
    with runtime.store.write() as tx:
        mine = inbox_table.update().where(inbox_table.c.account == "telegram")
        tx.execute(mine.values(state="owed", next_at=NOON))
        owes(tx, ["inbox:telegram"])
    shop.installation.settle()
    assert {row.state for row in shop.rows(inbox_table)} == {"done"}
    assert len(calls(shop, "answerCallbackQuery")) == 1


def test_a_tap_under_a_question_that_nobody_knows_is_set_aside_and_not_thanked_for(shop: Shop) -> None:
    asked = asked_in_telegram(shop)
    with shop.installation.runtime.store.write() as tx:
        tx.execute(invitations.delete())
    tap(shop, asked, grade=1)
    assert "invitation_unknown" in [row.reason for row in shop.rows(inbox_table)][-1]
    assert calls(shop, "answerCallbackQuery") == []


def test_a_long_message_arrives_in_parts_and_is_one_entry(shop: Shop) -> None:
    shop.bot.user_says(USER, "Hello")
    shop.installation.settle()
    long = "\n".join(f"Line {n} of a long letter." for n in range(400))
    message = {"type": "message", "at": NOON.isoformat(), "customer": {"telegram": USER}, "text": long}
    shop.api(json.dumps(message))
    assert len(shop.bot.sent) == 3
    assert "\n".join(part["text"] for part in shop.bot.sent) == long
    [entry] = [entry for entry in shop.entries("message") if entry["direction"] == "outbound"]
    assert entry["text"] == long


def test_a_long_message_that_breaks_off_is_set_aside_and_not_begun_again(shop: Shop) -> None:
    shop.bot.user_says(USER, "Hello")
    shop.installation.settle()
    shop.bot.passes("sendMessage")
    shop.bot.fails("sendMessage", 429, "Too Many Requests: retry after 30", retry_after=30)
    message = {"type": "message", "at": NOON.isoformat(), "customer": {"telegram": USER}, "text": "word " * 2000}
    shop.api(json.dumps(message))
    shop.later(timedelta(days=1))
    assert len(shop.bot.sent) == 1
    assert [row.state for row in shop.rows(outbox) if row.kind == "message"] == ["unknown"]


def test_a_shared_contact_makes_the_bot_user_and_the_number_one_customer(shop: Shop) -> None:
    shop.bot.user_says(USER, "Hello")
    shop.bot.user_shares_contact(USER, "+12125550123")
    shop.installation.settle()
    found = {row.kind: (row.customer_id, row.confidence) for row in shop.rows(identities)}
    assert found["phone"] == found["telegram"]
    assert found["phone"][1] == "known"


def test_a_user_who_says_stop_gets_no_more_questions(shop: Shop) -> None:
    shop.bot.user_says(USER, "стоп")
    shop.installation.settle()
    purchase(shop, f'{{"telegram": "{USER}"}}')
    shop.later(timedelta(days=20))
    assert shop.bot.sent == []


def test_a_user_who_says_start_is_asked_about_what_they_buy_from_then_on(shop: Shop) -> None:
    shop.bot.user_says(USER, "стоп")
    shop.installation.settle()
    purchase(shop, f'{{"telegram": "{USER}"}}')
    shop.later(timedelta(days=1))
    shop.bot.user_says(USER, "Старт")
    shop.installation.settle()
    shop.later(timedelta(days=3))
    assert shop.bot.sent == []
    purchase(shop, f'{{"telegram": "{USER}"}}')
    shop.later(timedelta(days=1))
    assert len(shop.bot.sent) == 1


@pytest.mark.parametrize("said", ["/start", "start please", "Can we start on Monday?"])
def test_what_telegram_writes_by_itself_and_other_words_opt_nobody_in(shop: Shop, said: str) -> None:
    shop.bot.user_says(USER, "stop")
    shop.installation.settle()
    shop.later(timedelta(hours=1))
    shop.bot.user_says(USER, said)
    shop.installation.settle()
    [customer] = shop.rows(customers)
    assert customer.opted_out_at == NOON
