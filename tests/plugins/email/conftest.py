"""An e-mail account on the two stand-ins, and what it understands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from cxsdk import Raw, Secret
from cxsdk.testing.imap import ImapServer
from cxsdk.testing.smtp import SmtpServer
from cxsdk_email import Email
from tests.plugins.email.letters import SUPPORT

RECEIVED = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    with SmtpServer(user=SUPPORT, password="sample") as server:
        yield server


@pytest.fixture
def imap() -> Iterator[ImapServer]:
    with ImapServer(user=SUPPORT, password="sample") as server:
        yield server


Account = Callable[..., Email]


@pytest.fixture
def account() -> Account:
    """Makes an account; servers that are not given are nowhere."""

    def make(*, smtp: SmtpServer | None = None, imap: ImapServer | None = None, **settings: Any) -> Email:
        ports = {"smtp_port": smtp.port} if smtp else {}
        ports |= {"imap_port": imap.port} if imap else {}
        here = {"address": SUPPORT, "host": "127.0.0.1", "password": Secret("sample"), "idle": False}
        return Email(**here | {"smtp_security": "plain", "imap_security": "plain"} | ports | settings)

    return make


@pytest.fixture
def parsed() -> Callable[..., list[Any]]:
    """The facts of a mail, as the support account understands it."""

    def parse(body: bytes, *, source: str = "inbox", headers: dict[str, str] | None = None, **settings: Any) -> Any:
        email = Email(**{"address": SUPPORT, "host": "mail.example.com", "password": Secret("sample")} | settings)
        raw = Raw(id="1", body=body, source=source, headers=headers or {}, received_at=RECEIVED)
        return email.parse(raw)

    return parse
