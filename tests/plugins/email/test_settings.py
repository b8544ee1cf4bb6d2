"""What an account must be told, and what it finds out."""

from __future__ import annotations

import pytest

from cxsdk import ConfigurationError, Secret
from cxsdk_email import Email

BASE = {"address": "support@example.com", "host": "mail.example.com", "password": Secret("sample")}


def test_three_settings_are_enough() -> None:
    email = Email(**BASE)
    assert (email.smtp.host, email.smtp.port, email.smtp.security) == ("mail.example.com", 587, "starttls")
    assert (email.imap.host, email.imap.port, email.imap.security) == ("mail.example.com", 993, "tls")
    assert email.smtp.user == email.imap.user == "support@example.com"
    assert set(email.sources()) == {"inbox", "sent"}


def test_each_side_can_have_a_server_and_a_login_of_its_own() -> None:
    email = Email(
        **BASE, smtp_host="relay.example.com", smtp_security="tls", smtp_user="out", smtp_password=Secret("other")
    )
    assert (email.smtp.host, email.smtp.port, email.smtp.user) == ("relay.example.com", 465, "out")
    assert (email.smtp.password.reveal(), email.imap.password.reveal()) == ("other", "sample")


@pytest.mark.parametrize("side", ["smtp_security", "imap_security"])
def test_an_unencrypted_way_over_a_network_is_refused_unless_allowed(side: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Email(**BASE, **{side: "plain"})
    assert (refused.value.code, refused.value.path) == ("mail_plain", f"Email.{side}")
    assert Email(**BASE, **{side: "plain"}, allow_plain=True)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_on_this_machine_nothing_need_be_encrypted(host: str) -> None:
    assert Email(**(BASE | {"host": host}), smtp_security="plain", imap_security="plain")


def test_an_address_that_is_none_is_an_error_with_its_path() -> None:
    with pytest.raises(ConfigurationError, match=r"Email\.address") as refused:
        Email(**(BASE | {"address": "support"}))
    assert refused.value.code == "setting_invalid"


def test_the_password_shows_nowhere() -> None:
    email = Email(**(BASE | {"password": Secret("very-secret")}))
    assert "very-secret" not in f"{email!r} {email} {email.smtp!r} {email.model_dump()}"


def test_folders_can_be_left_unread() -> None:
    assert set(Email(**BASE, sent=None).sources()) == {"inbox"}
    assert not Email(**BASE, sent=None, folders=()).sources()


def test_several_folders_are_several_sources() -> None:
    assert set(Email(**BASE, folders=("INBOX", "Orders")).sources()) == {"inbox", "folder:Orders", "sent"}
