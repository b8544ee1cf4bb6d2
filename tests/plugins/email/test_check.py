"""A check logs in on both sides, and sends nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cxsdk import AuthenticationError, Secret, Transient
from cxsdk.testing.imap import ImapServer
from cxsdk.testing.smtp import SmtpServer
from cxsdk_email import Email

Account = Callable[..., Email]


def test_a_check_logs_in_where_mail_is_read_and_handed_in(account: Account, smtp: SmtpServer, imap: ImapServer) -> None:
    said = account(smtp=smtp, imap=imap).check()
    assert f"IMAP at 127.0.0.1:{imap.port}" in said
    assert f"SMTP at 127.0.0.1:{smtp.port}" in said
    assert smtp.received == []


def test_a_wrong_password_is_told(account: Account, smtp: SmtpServer, imap: ImapServer) -> None:
    with pytest.raises(AuthenticationError):
        account(smtp=smtp, imap=imap, password=Secret("wrong")).check()


def test_a_wrong_password_of_the_relay_is_told(account: Account, smtp: SmtpServer, imap: ImapServer) -> None:
    with pytest.raises(AuthenticationError):
        account(smtp=smtp, imap=imap, smtp_password=Secret("wrong")).check()


def test_a_mailbox_that_is_not_read_is_not_asked(account: Account, smtp: SmtpServer) -> None:
    said = account(smtp=smtp, imap_port=1, folders=(), sent=None).check()
    assert "IMAP" not in said


def test_a_server_that_is_away_is_told(account: Account, imap: ImapServer) -> None:
    with pytest.raises(Transient):
        account(imap=imap, smtp_port=1).check()
