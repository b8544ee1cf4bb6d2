"""Anything at all is either understood or refused with BadInput, and soon."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxsdk import BadInput, Raw, Secret
from cxsdk_email import Email
from cxsdk_email.mime import record_id
from cxsdk_email.quoting import trimmed

EMAIL = Email(address="support@example.com", host="mail.example.com", password=Secret("sample"))
RECEIVED = datetime(2026, 1, 5, tzinfo=UTC)


def understand(body: bytes) -> None:
    """What must hold for any bytes."""
    identifier = record_id(body)
    assert 0 < len(identifier) <= 200
    try:
        facts = EMAIL.parse(Raw(id=identifier, body=body, received_at=RECEIVED))
    except BadInput:
        return
    for fact in facts:
        said = fact.model_dump_json()
        assert "\\u0000" not in said
        said.encode()  # no half of a character


ATOMS = [
    "From", "To", "Cc", "Subject", "Date", "Message-ID", "References", "In-Reply-To", "Content-Type", "Reply-To",
    "Sender",
    "Content-Transfer-Encoding", "Content-Disposition", "Auto-Submitted", "Return-Path", "X-Failed-Recipients",
    "Received",
]  # fmt: skip
VALUES = [
    "a@example.net", "support@example.com", "<1@x>", "multipart/mixed; boundary=b", "multipart/report; boundary=b",
    "multipart/report; report-type=delivery-status; boundary=b", 'multipart/alternative; boundary="b"', "multipart/x",
    "multipart/report; report-type*=x'y'%FF; boundary=b", "message/rfc822", "message/delivery-status", "text/html",
    "message/feedback-report", "message/disposition-notification", "text/rfc822-headers", "message/partial",
    'text/plain; charset="\0"', "text/plain; charset*=utf-8''koi8-u", "text/plain; charset*0=a; charset*99999999=b",
    "text/html; charset=utf-7", "text/calendar", "application/ms-tnef", "text", "/", "; ; =", "base64",
    "quoted-printable",
    "x-uuencode", "8bit", "attachment; filename*=", "attachment; filename*1=a; filename*0*=bad'", 'inline; filename=""',
    "=?utf-8?B?4pyT?=", "=?utf-8?B?=?=", "=?x?q?=?=", "=?utf-7?q?+AAA-?=", "undisclosed-recipients:;",
    "G: a@b.c, d@e.f;",
    "((((", '"', "<<<>>>", "@", "a@" + "b" * 300, "Mon, 5 Jan 2026 10:00:00 +0000", "1 Jan 99999 0:0:0 +99999", "auto",
    "MAILER-DAEMON@x.y", "Undelivered mail", "\udc80\udcff", "x" * 2000, "",
]  # fmt: skip
BODIES = [
    "--b", "--b--", "", "Content-Type: text/html", "Content-Type: message/rfc822",
    "Content-Type: message/delivery-status",
    "Action: failed", "Status: 5.1.1", "Original-Rcpt-To: a@example.net", "Disposition: x; displayed", "begin 644 x",
    "M" + "`" * 60, "end", "=FF=", "====", "<p>&#0;&#xD800;<table><tr><td rowspan=99999999>", "<blockquote>", "\ue000",
    "<div style='padding-left:99999999em;display:none'>", "<![CDATA[", "<?xml version='1.0' encoding='utf-8'?>", "> x",
    "On Mon, Jan 5, 2026 at 10:00 AM x wrote:", "-- ", "stop", "\0\x85\u2028", "привет", "\udcff\udcfe",
]  # fmt: skip

#: Half of the mails can be understood.
SENT = ["From: a@example.net", "Message-ID: <1@example.net>"]
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=200, suppress_health_check=QUIET)
@given(st.binary(max_size=3000))
def test_any_bytes_are_understood_or_refused(body: bytes) -> None:
    understand(body)


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
header = st.builds("{}: {}".format, st.sampled_from(ATOMS), st.sampled_from(VALUES) | text)
lines = st.lists(st.sampled_from(BODIES) | header | text, max_size=25)


@settings(max_examples=500, suppress_health_check=QUIET)
@given(st.sampled_from([[], SENT]), st.lists(header, max_size=14), lines, st.sampled_from(["\n", "\r\n", "\r"]))
def test_any_structure_is_understood_or_refused(sent: list[str], headers: list[str], body: list[str], end: str) -> None:
    understand(end.join([*sent, *headers, "", *body]).encode("utf-8", "surrogateescape"))


@settings(max_examples=200)
@given(st.lists(st.sampled_from(BODIES) | text, max_size=20).map("\n".join))
def test_trimming_never_takes_everything(said: str) -> None:
    assert bool(trimmed(said)) == bool(said.strip())


HEAD = b"From: a@example.net\nDate: Mon, 5 Jan 2026 10:00:00 +0000\nMessage-ID: <1@example.net>\n"
HTML = HEAD + b"Content-Type: text/html\n\n"


@pytest.mark.parametrize(
    "body",
    [
        HEAD + b"X-A: b\n" * 50_000 + b"\nHello",
        HEAD + b"To: " + b"a@example.net, " * 50_000 + b"\n\nHello",
        HEAD + b"Subject: " + b"=?a?q?" * 100_000 + b"\n\nHello",
        HEAD + b"References: " + b"<a@b> " * 100_000 + b"\n\nHello",
        HEAD + b"Cc: " + b"(" * 100_000 + b"\n\nHello",
        HEAD + b"\n" + b"On " + b"a " * 500_000,
        HEAD + b"\n" + b"\n-- \n" * 200_000,
        HEAD + b"\n" + b" " * 1_000_000,
        HEAD + b"\n" + b"> " * 500_000,
        HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 20_000,
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" * 2000 + b"x",
        HEAD + b"Content-Type: message/rfc822\n\n" * 2000 + b"x",
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3000)),
        HTML + b"<div>" * 100_000 + b"x",
        HTML + b"<blockquote>" * 20_000 + b"x",
        HTML + b"<table><tr><td>" * 20_000 + b"x",
        HTML + b"<table><tr><td>" + b"x" * 100_000 + b"</td></tr>" + b"<tr><td>y" * 20_000,
        HTML + b"<p style='margin-top:999999999em'>" * 1000 + b"x",
        HTML + b"<ul><li>" * 20_000 + b"x",
        HTML + b"<" * 500_000,
        HTML + b"&#" * 300_000,
        HEAD + b"Content-Transfer-Encoding: base64\n\n" + b"!" * 1_000_000,
        HEAD + b"Content-Transfer-Encoding: x-uuencode\n\nbegin 644 x\n" + b"M!!\n" * 100_000,
        b"x" * 1_000_000,
    ],
    ids=range(24),
)
def test_a_mail_made_to_hurt_is_done_with_soon(body: bytes) -> None:
    began = time.process_time()  # whatever else the machine does meanwhile
    understand(body)
    assert time.process_time() - began < 5
