"""Reports about mails that we sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cxsdk import BadInput, Delivery, DeliveryState, InteractionFact, OptOut, email
from tests.plugins.email.letters import CUSTOMER, SUPPORT, mail

Parsed = Callable[..., list[Any]]
OURS = "<k1.cxsdk@example.com>"


def report(
    kind: str, fields: str, *, part: str = "", original: str = "", top: str = "", words: str = "Sorry."
) -> bytes:
    """A multipart/report as RFC 6522 has it."""
    original = original or f"From: {SUPPORT}\nTo: {CUSTOMER}\nMessage-ID: {OURS}\nSubject: Your order\n"
    top = top or f"multipart/report; report-type={kind}; boundary=b"
    text = (
        f"From: MAILER-DAEMON@mx.example.net\nTo: {SUPPORT}\nSubject: Undelivered Mail Returned to Sender\n"
        f"Message-ID: <9@mx.example.net>\nDate: Mon, 05 Jan 2026 10:00:00 +0000\nContent-Type: {top}\n\n"
        f"--b\nContent-Type: text/plain\n\n{words}\n"
        f"--b\nContent-Type: {part or 'message/' + kind}\n\n{fields}\n"
        f"--b\nContent-Type: message/rfc822\n\n{original}\n\nHello\n--b--\n"
    )
    return text.replace("\n", "\r\n").encode()


def dsn(action: str, status: str, diagnostic: str = "smtp; 550 5.1.1 No such user", **options: str) -> bytes:
    fields = (
        "Reporting-MTA: dns; mx.example.net\n\n"
        f"Final-Recipient: rfc822; {CUSTOMER}\nAction: {action}\nStatus: {status}\nDiagnostic-Code: {diagnostic}\n"
    )
    return report("delivery-status", fields, **options)


@pytest.mark.parametrize(
    ("action", "status", "state"),
    [
        ("failed", "5.1.1", DeliveryState.BOUNCED),
        ("Failed", "4.4.7", DeliveryState.FAILED),
        ("delivered", "2.0.0", DeliveryState.DELIVERED),
        ("relayed", "2.0.0", DeliveryState.SENT),
    ],
)
def test_a_report_tells_what_became_of_our_message(
    parsed: Parsed, action: str, status: str, state: DeliveryState
) -> None:
    [fact] = parsed(dsn(action, status))
    assert isinstance(fact, Delivery)
    assert (fact.message_id, fact.state) == (OURS, state)
    assert fact.reason == f"{status} 550 5.1.1 No such user"


def test_a_delay_is_no_news(parsed: Parsed) -> None:
    assert parsed(dsn("delayed", "4.4.1")) == []


def test_the_headers_alone_name_the_original(parsed: Parsed) -> None:
    body = dsn("failed", "5.1.1").replace(b"message/rfc822", b"text/rfc822-headers")
    assert parsed(body)[0].message_id == OURS


def test_a_report_whose_type_was_lost_on_the_way_is_still_one(parsed: Parsed) -> None:
    assert parsed(dsn("failed", "5.1.1", top="multipart/mixed; boundary=b"))[0].state is DeliveryState.BOUNCED


def test_a_report_that_does_not_say_of_which_mail_is_set_aside(parsed: Parsed) -> None:
    with pytest.raises(BadInput, match="which one"):
        parsed(dsn("failed", "5.1.1", original="Subject: nothing\n"))


def test_a_receipt_says_that_a_message_was_read(parsed: Parsed) -> None:
    fields = f"Original-Message-ID: {OURS}\nDisposition: manual-action/MDN-sent-manually; displayed\n"
    [fact] = parsed(report("disposition-notification", fields))
    assert (fact.message_id, fact.state) == (OURS, DeliveryState.READ)


def test_a_message_deleted_unread_is_no_news(parsed: Parsed) -> None:
    fields = f"Original-Message-ID: {OURS}\nDisposition: automatic-action/MDN-sent-automatically; deleted\n"
    assert parsed(report("disposition-notification", fields)) == []


@pytest.mark.parametrize("fields", [f"Feedback-Type: abuse\nOriginal-Rcpt-To: <{CUSTOMER}>", "Feedback-Type: abuse"])
def test_a_complaint_opts_out(parsed: Parsed, fields: str) -> None:
    [fact] = parsed(report("feedback-report", fields))
    assert isinstance(fact, OptOut)
    assert (fact.customer, fact.reason) == ((email(CUSTOMER),), "complaint")


EXIM = f"""\
This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its recipients.

  {CUSTOMER}
    host mx.example.net [192.0.2.1]
    SMTP error from remote mail server after RCPT TO: 550 5.1.1 Unknown user

------ This is a copy of the message, including all the headers. ------

Message-ID: {OURS}
Subject: Your order
"""


@pytest.mark.parametrize(
    "headers",
    [
        {"_from": "Mail Delivery System <Mailer-Daemon@mx.example.net>", "subject": "Mail delivery failed: returning"},
        {"_from": "MAILER-DAEMON@mx.example.net", "subject": "failure notice"},
        {"_from": "postmaster@mx.example.net", "subject": "Undeliverable: Your order"},
        {"_from": "mailer-daemon@mx.example.net", "subject": "Недоставленное сообщение"},
        {"_from": "anybody@mx.example.net", "x_failed_recipients": CUSTOMER},
        {"_from": "anybody@mx.example.net", "subject": "Delivery failed", "return_path": "<>"},
    ],
)
def test_a_returned_mail_in_nobodys_format_is_recognised(parsed: Parsed, headers: dict[str, str]) -> None:
    [fact] = parsed(mail(EXIM, **headers))
    assert (fact.message_id, fact.state) == (OURS, DeliveryState.BOUNCED)
    assert "550 5.1.1 Unknown user" in fact.reason


def test_a_warning_in_nobodys_format_is_no_news(parsed: Parsed) -> None:
    subject = "Warning: message delayed, mail delivery failed so far"
    assert parsed(mail(EXIM, _from="mailer-daemon@mx.example.net", subject=subject)) == []


def test_a_customer_who_writes_about_a_failed_delivery_is_a_contact(parsed: Parsed) -> None:
    [fact] = parsed(mail("My parcel was not delivered", subject="Delivery failed"))
    assert isinstance(fact, InteractionFact)


def test_somebody_absent_is_a_contact_of_a_machine_not_a_bounce(parsed: Parsed) -> None:
    [fact] = parsed(mail("I am away", subject="Out of office", auto_submitted="auto-replied", in_reply_to=OURS))
    assert isinstance(fact, InteractionFact)
    assert fact.automatic
