"""The servers that tests are given: each answers, and is new to the test."""

from __future__ import annotations

import smtplib
import ssl
import time
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING

import imap_tools
import pika
import pytest
import redis
from sqlalchemy import NullPool, create_engine, inspect, text

from tests import servers
from tests.servers import postgres

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.servers.mail import MailServer

TWICE = pytest.mark.parametrize("turn", [1, 2])


def needed(name: str) -> pytest.MarkDecorator:
    """Leaves a test out until `make test` has the server ready: it may not install one for this alone."""
    return pytest.mark.skipif(name not in servers.NEEDED, reason=f"no test needs {name} yet")


@TWICE
def test_a_postgresql_database_is_empty(empty_postgres_url: str, turn: int) -> None:
    engine = create_engine(empty_postgres_url, poolclass=NullPool)
    with engine.begin() as connection:
        assert inspect(connection).get_table_names() == []
        connection.execute(text("CREATE TABLE mark (turn int)"))


def test_only_a_server_that_is_neither_killed_nor_measured_does_without_fsync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "run", lambda *_, **__: None)
    monkeypatch.setattr(postgres, "_programs", lambda home: home)
    commands = {}
    for durable in (True, False):
        (tmp_path / str(durable)).mkdir()
        commands[durable] = postgres.prepared(tmp_path / str(durable), 5432, durable=durable)
    assert "fsync=off" in commands[False]
    assert not [word for word in commands[True] if word.endswith("=off")]


@TWICE
def test_a_redis_database_is_empty(redis_url: str, turn: int) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("turn", turn)


@TWICE
@needed("rabbitmq")
def test_a_virtual_host_has_no_queues(amqp_url: str, turn: int) -> None:
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        channel = connection.channel()
        assert channel.queue_declare("mark").method.message_count == 0
        channel.basic_publish("", "mark", str(turn).encode())


@needed("mail")
def test_a_letter_travels_from_smtp_to_imap(mail_server: MailServer) -> None:
    customer, support = mail_server.mailbox("customer"), mail_server.mailbox("support")
    trust = ssl.create_default_context(cafile=mail_server.ca_file)
    with smtplib.SMTP(mail_server.host, mail_server.smtp_port) as smtp:
        smtp.starttls(context=trust)
        smtp.login(customer, mail_server.password)
        smtp.send_message(_letter(customer, support))
    with imap_tools.MailBox(mail_server.host, mail_server.imaps_port, ssl_context=trust) as mailbox:
        mailbox.login(support, mail_server.password)
        assert _first_subject(mailbox) == "Sample"


def _letter(sender: str, recipient: str) -> EmailMessage:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = sender, recipient, "Sample"
    letter.set_content("Hello")
    return letter


def _first_subject(mailbox: imap_tools.MailBox) -> str:
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up:
        for letter in mailbox.fetch():
            return letter.subject
        time.sleep(0.05)
    return "nothing came"


@needed("chromium")
def test_the_browser_shows_a_page(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<h1>Sample</h1>")
    assert page.inner_text("h1") == "Sample"
