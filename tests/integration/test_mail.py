"""E-mail over real Postfix and Dovecot, encrypted, with the names that a company's mailbox has."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import imap_tools
import pytest

from cxsdk import AuthenticationError, Delivery, DeliveryState, Direction, InteractionFact, Message, Receipt, Secret
from cxsdk import email as address_of
from cxsdk.domain.clock import SystemClock
from cxsdk.testing import opened, read, send
from cxsdk_email import Email

if TYPE_CHECKING:
    from tests.servers.mail import MailServer

Found = TypeVar("Found")


@pytest.fixture
def account(mail_server: MailServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Email]:
    """Makes an account whose traffic is encrypted and whose server is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", mail_server.ca_file)

    def make(address: str, **settings: Any) -> Email:
        usual: dict[str, Any] = {
            "address": address,
            "host": mail_server.host,
            "password": Secret(mail_server.password),
            "smtp_port": mail_server.smtp_port,
            "imap_port": mail_server.imaps_port,
            "ours": (address,),
            "idle": False,
        }
        return Email(**usual | settings)

    return make


def facts_of(account: Email, source: str = "inbox") -> list[Any]:
    return [fact for page in read(account, source) for raw in page.items for fact in account.parse(raw)]


def soon(look: Callable[[], Found]) -> Found:
    """What is found once the mail has arrived."""
    give_up = time.monotonic() + 20
    while not (found := look()) and time.monotonic() < give_up:
        time.sleep(0.1)
    return found


def test_a_question_is_fetched_and_answered_in_its_thread(
    mail_server: MailServer, account: Callable[..., Email]
) -> None:
    customer, support = account(mail_server.mailbox("customer")), account(mail_server.mailbox("support"))
    with opened(customer, clock=SystemClock()), opened(support, clock=SystemClock()):
        send(customer, [Message(key="q1", to=support.address, subject="Где мой заказ?", text="Здравствуйте!")])
        [question] = soon(lambda: facts_of(support))
        assert isinstance(question, InteractionFact)
        assert (question.direction, question.sender) == (Direction.INBOUND, address_of(customer.address))
        assert (question.subject, question.text) == ("Где мой заказ?", "Здравствуйте!")
        assert abs(datetime.now(UTC) - question.at).total_seconds() < 60

        answer = Message(key="a1", to=customer.address, subject="Re", text="В пути", in_reply_to=question.key)
        [receipt] = send(support, [answer]).receipts
        [told] = soon(lambda: facts_of(customer))
    assert receipt == Receipt.accepted(told.provider_options["message_id"])
    assert (told.text, told.in_reply_to, told.thread) == ("В пути", question.thread, question.thread)


def test_an_unknown_recipient_is_refused_and_the_next_one_is_served(
    mail_server: MailServer, account: Callable[..., Email]
) -> None:
    support, customer = account(mail_server.mailbox("support")), mail_server.mailbox("customer")
    refused, accepted = send(
        support,
        [Message(key="1", to="nobody@example.com", text="x"), Message(key="2", to=customer, text="x")],
    ).receipts
    assert refused.outcome == "rejected"
    assert refused.reason.startswith("550 5.1.1")
    assert accepted.is_done


def test_what_comes_back_says_of_which_message_and_why(mail_server: MailServer, account: Callable[..., Email]) -> None:
    support = account(mail_server.mailbox("support"))
    [receipt] = send(support, [Message(key="k1", to="customer@example.net", text="x")]).receipts
    [bounce] = soon(lambda: facts_of(support))
    assert isinstance(bounce, Delivery)
    assert (bounce.message_id, bounce.state) == (receipt.id, DeliveryState.BOUNCED)
    assert bounce.reason.startswith("5.")


def test_what_an_agent_sent_is_found_in_the_sent_folder(
    mail_server: MailServer, account: Callable[..., Email], sent_by_an_agent: Callable[[str], None]
) -> None:
    support = account(mail_server.mailbox("support"))
    sent_by_an_agent(support.address)
    [fact] = facts_of(support, "sent")
    assert (fact.direction, fact.recipient) == (Direction.OUTBOUND, address_of("customer@example.net"))


@pytest.fixture
def sent_by_an_agent(mail_server: MailServer) -> Iterator[Callable[[str], None]]:
    """Puts a mail into a mailbox's Sent folder, as agents' programs do."""

    def put(address: str) -> None:
        letter = f"From: {address}\r\nTo: customer@example.net\r\nMessage-ID: <1@example.com>\r\n\r\nHello\r\n"
        with imap_tools.MailBoxUnencrypted(mail_server.host, mail_server.imap_port) as box:
            box.login(address, mail_server.password)
            box.append(letter.encode(), "Sent")

    return put


def test_new_mail_is_told_at_once(mail_server: MailServer, account: Callable[..., Email]) -> None:
    support = account(mail_server.mailbox("support"), idle=True)
    stop = threading.Event()
    pages = support.sources()["inbox"](None, stop)
    for number in (1, 2):
        later = threading.Timer(0.2, send, [support, [Message(key=f"k{number}", to=support.address, text="x")]])
        later.start()
        [raw] = next(pages).items
        later.join()
        assert raw.id.startswith(f"<k{number}.cxsdk@example.com>")
    stop.set()
    assert list(pages) == []


def test_nothing_is_marked_as_read(mail_server: MailServer, account: Callable[..., Email]) -> None:
    support = account(mail_server.mailbox("support"))
    send(support, [Message(key="k1", to=support.address, text="x")])
    assert soon(lambda: read(support, "inbox"))
    with imap_tools.MailBoxUnencrypted(mail_server.host, mail_server.imap_port) as box:
        box.login(support.address, mail_server.password)
        assert [letter.flags for letter in box.fetch(mark_seen=False)] in ([()], [("\\Recent",)])


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_both_ways_to_encrypt_are_spoken(mail_server: MailServer, account: Callable[..., Email], security: str) -> None:
    port = {"starttls": mail_server.imap_port, "tls": mail_server.imaps_port}[security]
    support = account(mail_server.mailbox("support"), imap_security=security, imap_port=port)
    assert read(support, "inbox") == []


def test_a_wrong_password_is_refused(mail_server: MailServer, account: Callable[..., Email]) -> None:
    support = account(mail_server.mailbox("support"), password=Secret("wrong-password"))
    with pytest.raises(AuthenticationError, match="refuses user"):
        read(support, "inbox")
