"""Examples as they are, with sample secrets: only the servers' addresses are those of the test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from cxsdk import CX, Plugin
from cxsdk.cli.loading import load_app
from cxsdk.domain.clock import ManualClock
from cxsdk.store import tokens
from cxsdk.testing.imap import ImapServer
from cxsdk.testing.inline import Installation
from cxsdk.testing.smtp import SmtpServer
from cxsdk.web import public_app
from tests.installing import installed
from tests.project.tree import ROOT

#: A Monday in winter: noon in London, morning in New York.
NOON = datetime(2026, 1, 5, 15, tzinfo=UTC)
PASSWORD = "sample-mail-password"


class Company:
    """An example at work."""

    def __init__(self, installation: Installation, web: TestClient) -> None:
        self.cx: CX = installation.opened.cx
        self.web = web
        self.installation = installation
        with installation.runtime.store.write() as tx:
            self._token = tokens.create(installation.runtime.store, tx, "shop")

    @property
    def now(self) -> datetime:
        """The company's present."""
        return self.installation.runtime.clock.now()

    def account(self, name: str) -> Any:
        """One of its accounts."""
        return next(account for account in self.cx.accounts() if account.name == name)

    def sells(self, **customer: str) -> None:
        """Its shop tells of a purchase."""
        told = {"id": "order-1", "kind": "purchase", "order": "A-1", "at": self.now.isoformat(), "customer": customer}
        answer = self.web.post("/api/v1/events", json=told, headers={"Authorization": f"Bearer {self._token}"})
        assert answer.status_code == 202, answer.text
        self.settle()

    def answers(self, link: str, **form: str) -> None:
        """A customer opens the link of a survey page, and sends it."""
        path = urlsplit(link).path
        assert self.web.get(path).status_code == 200
        assert self.web.post(path, data=form).status_code in (200, 303)
        self.settle()

    def settle(self) -> None:
        """Does all that is owed now, and reads every source."""
        self.installation.settle()

    def later(self, **by: float) -> None:
        """Time passes."""
        self.installation.pass_to(self.now + timedelta(**by))


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Opens an example, in a folder of its own, until the end of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", sys.modules.copy())
    with ExitStack() as stack:
        yield lambda name, at=NOON, **placed: stack.enter_context(_opened(name, at, placed))


@contextmanager
def _opened(name: str, at: datetime, placed: dict[str, dict[str, Any]]) -> Iterator[Company]:
    cx = load_app(str(ROOT / "examples" / name / "app.py"))

    def place(account: Plugin) -> Plugin:
        return account.model_copy(update=placed.pop(account.name, {}))

    providers = [place(provider) for provider in cx.survey_providers]
    moved = {"crm": place(cx.crm), "channels": [place(one) for one in cx.channels], "survey_providers": providers}
    assert not placed, "There is no such account."
    with (
        installed(cx.model_copy(update=moved), clock=ManualClock(at)) as installation,
        TestClient(public_app(installation.opened), base_url=cx.public_url, follow_redirects=False) as web,
    ):
        yield Company(installation, web)


class Mail:
    """A mail host, and what came of it."""

    def __init__(self, smtp: SmtpServer, imap: ImapServer) -> None:
        self.smtp = smtp
        self.imap = imap
        #: What the settings of an account say in place of the real host.
        self.place = {
            "host": "127.0.0.1",
            "idle": False,
            "smtp_port": smtp.port,
            "imap_port": imap.port,
            "smtp_security": "plain",
            "imap_security": "plain",
        }

    def arrives(self, to: str, text: str, at: datetime) -> None:
        """A customer's mail lies in the mailbox."""
        head = f"From: Sample Customer <ann@example.net>\r\nTo: {to}\r\nSubject: Sample\r\n"
        stamp = f"Date: {at:%a, %d %b %Y %H:%M:%S +0000}\r\nMessage-ID: <{abs(hash(text))}@example.net>\r\n"
        self.imap.deliver("INBOX", f"{head}{stamp}\r\n{text}\r\n".encode())

    def link(self) -> str:
        """The link in the last mail that went out."""
        from email import message_from_bytes, policy

        letter = message_from_bytes(self.smtp.received[-1].data, policy=policy.default)
        plain = letter.get_body(("plain",))
        assert plain is not None
        return next(word for word in plain.get_content().split() if "/s/" in word or "/to/" in word)


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Mail]:
    """A mail host on loopback; its user is the ``param``."""
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    login = {"user": request.param, "password": PASSWORD}
    with SmtpServer(**login) as smtp, ImapServer(**login, idle=False) as imap:
        yield Mail(smtp, imap)
