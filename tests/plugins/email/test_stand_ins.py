"""The stand-ins keep to their protocols: the standard library's own clients talk with them."""

from __future__ import annotations

import imaplib
import smtplib
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from cxsdk import AuthenticationError, Secret
from cxsdk.testing import read, send
from cxsdk.testing.imap import ImapServer
from cxsdk.testing.smtp import SmtpServer
from cxsdk_email import Email
from tests.plugins.email.letters import mail, message


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_smtp_lets_in_who_knows_the_password(smtp: SmtpServer, mechanism: str) -> None:
    with smtplib.SMTP(smtp.host, smtp.port, local_hostname="test") as client:
        client.ehlo()
        client.user, client.password = smtp.user, smtp.password
        assert client.auth(mechanism, getattr(client, f"auth_{mechanism.lower()}"))[0] == 235


def test_smtp_wants_a_login_only_where_it_has_a_user() -> None:
    with SmtpServer() as smtp, smtplib.SMTP(smtp.host, smtp.port, local_hostname="test") as client:
        client.sendmail("a@example.com", ["b@example.net", "c@example.net"], b"Subject: x\r\n\r\n..\r\n.dot\r\n")
        assert smtp.received[0].recipients == ("b@example.net", "c@example.net")
        assert smtp.received[0].data == b"Subject: x\r\n\r\n..\r\n.dot\r\n"


def test_smtp_refuses_mail_without_a_login(smtp: SmtpServer) -> None:
    with smtplib.SMTP(smtp.host, smtp.port, local_hostname="test") as client, pytest.raises(smtplib.SMTPSenderRefused):
        client.sendmail("a@example.com", "b@example.net", b"x")


def test_smtp_answers_pipelined_commands_in_one_go() -> None:
    with SmtpServer() as smtp, socket.create_connection((smtp.host, smtp.port)) as client:
        client.sendall(b"EHLO x\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nNOOP\r\nRSET\r\nDATA\r\nWHAT\r\nQUIT\r\n")
        with client.makefile("rb") as answers:
            codes = [line[:3] for line in answers if line[3:4] != b"-"]
    assert codes == [b"220", b"250", b"250", b"250", b"250", b"250", b"554", b"500", b"221"]


def test_a_mail_is_handed_on_before_it_is_acknowledged() -> None:
    seen: list[bytes] = []
    relay = SmtpServer(on_message=lambda got: seen.append(got.data))
    with relay, smtplib.SMTP(relay.host, relay.port, local_hostname="test") as client:
        client.sendmail("a@example.com", "b@example.net", b"x")
        assert seen == [b"x\r\n"]


def test_imap_lists_searches_and_takes_in(imap: ImapServer) -> None:
    with imaplib.IMAP4(imap.host, imap.port) as client:
        client.login(imap.user, imap.password)
        assert client.list()[1][1] == b'(\\HasNoChildren \\Sent) "/" "Sent"'
        assert client.append("Sent", "(\\Seen)", imaplib.Time2Internaldate(time.time()), mail())[0] == "OK"
        client.select("Sent")
        assert client.response("UIDVALIDITY")[1] == [b"1"]
        assert client.uid("SEARCH", "ALL")[1] == [b"1"]
        assert client.uid("SEARCH", "SINCE", "1-Jan-2100")[1] == [b""]
        _, [content, _] = client.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[])")
        assert content[1] == mail()


def test_imap_marks_as_read_what_is_not_peeked_at(imap: ImapServer) -> None:
    imap.deliver("INBOX", mail())
    with imaplib.IMAP4(imap.host, imap.port) as client:
        client.login(imap.user, imap.password)
        client.select("INBOX")
        client.uid("FETCH", "1", "(BODY.PEEK[])")
        assert imap.unseen("INBOX") == 1
        client.uid("FETCH", "1", "(BODY[])")
        assert imap.unseen("INBOX") == 0


@pytest.mark.parametrize("command", [b"a WHAT", b"a UID FETCH", b"a LOGIN", b"", b"a LOGIN x y"])
def test_imap_survives_nonsense(imap: ImapServer, command: bytes) -> None:
    with socket.create_connection((imap.host, imap.port)) as client, client.makefile("rb") as answers:
        answers.readline()
        client.sendall(command + b"\r\nb LOGOUT\r\n")
        assert answers.read().endswith(b"b OK Done\r\n")


def test_a_thousand_mails_pass_in_a_moment(smtp: SmtpServer, imap: ImapServer) -> None:
    with SmtpServer(on_message=lambda got: imap.deliver("INBOX", got.data) and None) as relay:
        email = Email(
            address=imap.user,
            host="127.0.0.1",
            password=Secret(imap.password),
            smtp_port=relay.port,
            smtp_security="plain",
            imap_port=imap.port,
            imap_security="plain",
            idle=False,
        )
        began = time.monotonic()
        assert all(
            receipt.is_done for receipt in send(email, [message(f"k{number}") for number in range(1000)]).receipts
        )
        assert sum(len(page.items) for page in read(email, "inbox")) == 1000
        assert time.monotonic() - began < 15


@pytest.fixture
def certificate(tmp_path: Path) -> ssl.SSLContext:
    """A certificate for localhost that vouches for itself."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    return context


def test_a_certificate_is_trusted_only_where_somebody_vouches_for_it(
    certificate: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SmtpServer(tls=certificate) as smtp, ImapServer(user="a@example.com", password="x", tls=certificate) as imap:
        email = Email(
            address="a@example.com",
            host="localhost",
            password=Secret("x"),
            smtp_port=smtp.port,
            smtp_security="tls",
            imap_port=imap.port,
            idle=False,
        )
        for attempt in (lambda: send(email, [message()]), lambda: read(email, "inbox")):
            with pytest.raises(AuthenticationError, match="not trusted"):
                attempt()
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        imap.deliver("INBOX", mail())
        assert send(email, [message()]).receipts[0].is_done
        assert len(read(email, "inbox")) == 1
