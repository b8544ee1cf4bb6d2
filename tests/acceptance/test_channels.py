"""The loop over real protocols: mail by SMTP and IMAP, messages by the Bot API; only the other end is a stand-in."""

from __future__ import annotations

import email
import email.policy
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
from cxsdk.store import inbox
from cxsdk.store.inbox import Arrival
from cxsdk.store.tables import cases, identities, invitations, responses
from cxsdk.testing.botapi import BotAPI
from cxsdk.testing.imap import ImapServer
from cxsdk.testing.inline import Installation, installed
from cxsdk.testing.smtp import SmtpServer
from cxsdk_email import Email
from cxsdk_hostedsurvey import HostedSurvey
from cxsdk_localcrm import LocalCRM
from cxsdk_telegram import Telegram
from tests.acceptance.conftest import NOON

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


def test_a_question_is_answered_by_one_tap_and_an_unhappy_tap_opens_a_case(shop: Shop) -> None:
    shop.bot.user_says(USER, "Hello")
    shop.installation.settle()
    purchase(shop, f'{{"telegram": "{USER}"}}')
    shop.later(timedelta(hours=2))
    asked = shop.bot.sent[-1]
    buttons = [
        button for row in asked["reply_markup"]["inline_keyboard"] for button in row if "callback_data" in button
    ]
    assert len(buttons) == 3
    lowest = next(button for button in buttons if button["callback_data"].endswith(":1"))
    shop.bot.user_taps(USER, lowest["callback_data"], asked["message_id"])
    shop.installation.settle()
    [answer] = shop.rows(responses)
    assert (answer.scale, answer.score) == ("csat_3", 1)
    [case] = shop.rows(cases)
    assert case.state == "open"


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
