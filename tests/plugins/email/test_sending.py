"""Messages on their way out, up to what the server says of them."""

from __future__ import annotations

import email
import re
import socket
import time
from collections.abc import Callable, Iterable
from email.message import EmailMessage
from email.policy import default
from itertools import islice
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cxsdk import AuthenticationError, CxsdkError, Message, Receipt, Secret, Transient
from cxsdk.testing import NOW, opened, send
from cxsdk.testing.smtp import SmtpServer
from cxsdk_email import Email
from cxsdk_email.outgoing import write
from tests.plugins.email.letters import CUSTOMER, SUPPORT, message


def read(data: bytes) -> EmailMessage:
    parsed = email.message_from_bytes(data, policy=default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def written(**fields: Any) -> EmailMessage:
    return read(write(message(**fields), SUPPORT, "Sample Shop", NOW).data)


def receipts_until_error(receipts: Iterable[Receipt]) -> tuple[list[Receipt], CxsdkError]:
    """What was yielded before the error, and the error."""
    got: list[Receipt] = []
    with pytest.raises(CxsdkError) as raised:
        got.extend(receipts)
    return got, raised.value


def test_a_message_arrives_with_text_and_html(account: Callable[..., Email], smtp: SmtpServer) -> None:
    with opened(account(smtp=smtp, sender_name="Служба поддержки")) as plugin:
        [receipt] = send(plugin, [message(subject="Как вам заказ?", text="Здравствуйте!\n.\nКак вам заказ?")]).receipts
    [got] = smtp.received
    letter = read(got.data)
    assert (got.sender, got.recipients) == (SUPPORT, (CUSTOMER,))
    assert receipt == Receipt.accepted("<k1.cxsdk@example.com>")
    assert letter["Message-ID"] == receipt.id
    assert letter["Subject"] == "Как вам заказ?"
    assert letter["From"].addresses[0].display_name == "Служба поддержки"
    assert letter["Reply-To"].addresses[0].addr_spec == SUPPORT
    assert letter["Date"].datetime == NOW
    plain, html = letter.get_body(("plain",)), letter.get_body(("html",))
    assert plain is not None
    assert plain.get_content().splitlines() == ["Здравствуйте!", ".", "Как вам заказ?"]
    assert html is not None
    assert "Здравствуйте!<br>" in html.get_content()
    assert got.data.isascii()


def test_a_batch_takes_one_connection_and_a_receipt_follows_each_answer(
    account: Callable[..., Email], smtp: SmtpServer
) -> None:
    plugin = account(smtp=smtp)
    seen = [len(smtp.received) for _ in plugin.send([message(f"k{number}") for number in range(3)])]
    assert seen == [1, 2, 3]
    assert len(smtp._threads) <= 2  # the listener and one client


def test_a_refused_recipient_is_rejected_with_the_servers_words_and_the_rest_goes_on(
    account: Callable[..., Email], smtp: SmtpServer
) -> None:
    smtp.answer("nobody@example.net", "550 5.1.1 No such user")
    receipts = send(account(smtp=smtp), [message("k1", to="nobody@example.net"), message("k2")]).receipts
    assert receipts == [Receipt.rejected("550 5.1.1 No such user"), Receipt.accepted("<k2.cxsdk@example.com>")]
    assert len(smtp.received) == 1


@pytest.mark.parametrize("stage", ["data", "end"])
def test_refused_content_is_rejected(account: Callable[..., Email], smtp: SmtpServer, stage: Any) -> None:
    smtp.answer(CUSTOMER, "554 5.7.1 Looks like spam", at=stage)
    assert send(account(smtp=smtp), [message()]).receipts == [Receipt.rejected("554 5.7.1 Looks like spam")]


@pytest.mark.parametrize("stage", ["rcpt", "data", "end"])
def test_a_mail_that_is_deferred_holds_up_no_other(account: Callable[..., Email], smtp: SmtpServer, stage: Any) -> None:
    smtp.answer("later@example.net", "451 4.7.1 Greylisted", at=stage)
    receipts = send(account(smtp=smtp), [message("k1", to="later@example.net"), message("k2")]).receipts
    assert receipts == [Receipt.deferred("451 4.7.1 Greylisted"), Receipt.accepted("<k2.cxsdk@example.com>")]


def test_a_server_that_takes_nothing_from_us_now_is_transient(account: Callable[..., Email], smtp: SmtpServer) -> None:
    smtp.answer(SUPPORT, "451 4.7.1 Try again later", at="mail")
    receipts, error = receipts_until_error(account(smtp=smtp).send([message()]))
    assert receipts == []
    assert isinstance(error, Transient)
    assert "4.7.1 Try again later" in str(error)


def test_a_connection_lost_after_the_last_dot_leaves_this_mail_unknown_and_the_rest_unsent(
    account: Callable[..., Email], smtp: SmtpServer
) -> None:
    smtp.drop(CUSTOMER, at="end")
    messages = [message("k0", to="a@example.net"), message("k1"), message("k2", to="b@example.net")]
    receipts, error = receipts_until_error(account(smtp=smtp).send(messages))
    assert [receipt.outcome for receipt in receipts] == ["accepted", "unknown"]
    assert isinstance(error, Transient)
    assert len(smtp.received) == 2  # the server had taken the one that is unknown


def test_where_the_last_mail_is_unknown_nothing_else_is_said(account: Callable[..., Email], smtp: SmtpServer) -> None:
    smtp.drop(CUSTOMER, at="end")
    [receipt] = send(account(smtp=smtp), [message()]).receipts
    assert receipt.outcome == "unknown"


@pytest.mark.parametrize("stage", ["rcpt", "data"])
def test_a_connection_lost_before_the_last_dot_is_transient(
    account: Callable[..., Email], smtp: SmtpServer, stage: Any
) -> None:
    smtp.drop(CUSTOMER, at=stage)
    with pytest.raises(Transient):
        send(account(smtp=smtp), [message()])
    assert not smtp.received


def test_a_wrong_password_is_an_authentication_error_without_it(
    account: Callable[..., Email], smtp: SmtpServer
) -> None:
    with pytest.raises(AuthenticationError, match=r"refuses user support@example\.com") as refused:
        send(account(smtp=smtp, smtp_password=Secret("wrong-password")), [message()])
    assert "wrong-password" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_sender_that_may_not_send_is_an_authentication_error(account: Callable[..., Email], smtp: SmtpServer) -> None:
    smtp.answer(SUPPORT, "553 5.7.1 Not your address", at="mail")
    with pytest.raises(AuthenticationError, match="Not your address"):
        send(account(smtp=smtp), [message()])


def test_a_server_that_is_not_there_is_transient(account: Callable[..., Email]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(Transient, match="does not answer"):
        send(account(smtp_port=port), [message()])


def test_encryption_that_the_server_lacks_is_an_authentication_error(
    account: Callable[..., Email], smtp: SmtpServer
) -> None:
    with pytest.raises(AuthenticationError, match="offers no encryption"):
        send(account(smtp=smtp, smtp_security="starttls"), [message()])
    assert not smtp.received


class Hasty(Email):
    """An account whose calls end within a fifth of a second."""

    deadline_s = 0.2


@pytest.mark.parametrize("greeting", [b"", b"220 mail.example.com\r\n"])
def test_a_silent_server_does_not_hold_a_call_past_its_deadline(greeting: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        plugin = Hasty(
            address=SUPPORT,
            host="127.0.0.1",
            password=Secret("sample"),
            smtp_port=silent.getsockname()[1],
            smtp_security="plain",
        )
        began = time.monotonic()
        receipts = plugin.send([message()])
        with pytest.raises(Transient):
            _with_greeting(silent, greeting, receipts)
        assert time.monotonic() - began < 2


def _with_greeting(silent: socket.socket, greeting: bytes, receipts: Iterable[Receipt]) -> None:
    import threading

    def greet() -> None:
        client, _ = silent.accept()
        with client:
            client.sendall(greeting)
            client.recv(100)
            client.recv(100)

    thread = threading.Thread(target=greet)
    thread.start()
    try:
        list(receipts)
    finally:
        thread.join()


def test_a_slow_server_gets_the_rest_of_a_batch_in_another_call(smtp: SmtpServer) -> None:
    smtp.on_message = lambda _: time.sleep(0.15)
    plugin = Hasty(
        address=SUPPORT, host="127.0.0.1", password=Secret("sample"), smtp_port=smtp.port, smtp_security="plain"
    )
    receipts, error = receipts_until_error(plugin.send([message("k1"), message("k2")]))
    assert [receipt.outcome for receipt in receipts] == ["accepted"]
    assert isinstance(error, Transient)
    assert error.retry_after == 0.0


def test_a_call_that_is_given_up_closes_its_connection(account: Callable[..., Email], smtp: SmtpServer) -> None:
    receipts = account(smtp=smtp).send([message("k1"), message("k2")])
    assert len(list(islice(receipts, 1))) == 1
    receipts.close()  # type: ignore[attr-defined]
    assert len(smtp.received) == 1


@pytest.mark.parametrize(
    "address", ["", "a@b@c", "somebody", "имя@example.net", "a b@example.net", "a@example.net\r\nx"]
)
def test_an_address_that_cannot_receive_mail_is_rejected_without_asking(
    account: Callable[..., Email], smtp: SmtpServer, address: str
) -> None:
    [receipt] = send(account(smtp=smtp), [message(to=address)]).receipts
    assert receipt.outcome == "rejected"
    assert not smtp.received


def test_a_domain_in_cyrillic_is_written_in_ascii(account: Callable[..., Email], smtp: SmtpServer) -> None:
    send(account(smtp=smtp), [message(to="info@пример.укр")])
    assert smtp.received[0].recipients == ("info@xn--e1afmkfd.xn--j1amh",)


def test_an_answer_continues_the_thread() -> None:
    letter = written(in_reply_to="<2@example.net>", references=("<1@example.net>", "<2@example.net>"))
    assert letter["In-Reply-To"] == "<2@example.net>"
    assert letter["References"].split() == ["<1@example.net>", "<2@example.net>"]


def test_an_answer_to_a_contact_that_was_read_from_the_mailbox_names_its_message_id() -> None:
    assert written(in_reply_to="<2@example.net>#abcdefgh")["In-Reply-To"] == "<2@example.net>"


def test_a_long_thread_keeps_its_root_and_its_end() -> None:
    thread = tuple(f"<{'x' * 60}.{number}@example.net>" for number in range(100))
    kept = written(references=thread)["References"].split()
    assert (kept[0], kept[-1], len(kept)) == (thread[0], thread[-1], 21)


def test_an_automatic_message_says_so_and_can_be_ended_with_one_click() -> None:
    url = "https://cx.example.com/u/" + "t" * 300
    letter = written(automatic=True, unsubscribe_url=url)
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["List-Unsubscribe"] == f"<{url}>"
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_what_an_agent_writes_is_not_marked_as_automatic() -> None:
    assert "Auto-Submitted" not in written()
    assert "List-Unsubscribe" not in written()


def test_the_link_of_a_plain_message_can_be_clicked_and_markup_is_only_text() -> None:
    html = written(text="<b>Hi</b>\nhttps://cx.example.com/s/t?a=1&b=2", link="https://cx.example.com/s/t?a=1&b=2")
    body = html.get_body(("html",))
    assert body is not None
    assert "&lt;b&gt;Hi&lt;/b&gt;<br>" in body.get_content()
    assert '<a href="https://cx.example.com/s/t?a=1&amp;b=2">' in body.get_content()


def test_html_is_taken_as_it_is_given() -> None:
    body = written(html="<p>Привет</p>").get_body(("html",))
    assert body is not None
    assert body.get_content().strip() == "<p>Привет</p>"


def test_the_same_key_gets_the_same_message_id_however_odd_it_is() -> None:
    first, again, other = (write(message(key), SUPPORT, "", NOW).id for key in ("a b>\r\n", "a b>\r\n", "a b"))
    assert first == again != other
    assert " " not in first


HEADERS = {
    "Message-ID", "From", "To", "Reply-To", "Subject", "Date", "MIME-Version", "Content-Type", "In-Reply-To",
    "References", "Auto-Submitted", "X-Auto-Response-Suppress", "List-Unsubscribe", "List-Unsubscribe-Post",
}  # fmt: skip
NASTY = st.text() | st.sampled_from(
    ["\r\nBcc: a@example.net", "x\nBcc: y", "\u2028Bcc: z", "a\0b", "\ud800", "=?utf-8?q?=0ABcc:x?="]
)


@settings(max_examples=300)
@given(st.builds(
    Message, key=NASTY, to=st.just(CUSTOMER), text=NASTY, html=NASTY, subject=NASTY, link=NASTY,
    in_reply_to=NASTY, references=st.tuples(NASTY), automatic=st.booleans(), unsubscribe_url=NASTY,
), NASTY)  # fmt: skip
def test_nothing_in_a_message_adds_a_header_or_a_recipient(given: Message, name: str) -> None:
    letter = write(given, SUPPORT, name, NOW)
    assume(not letter.refusal)
    head = letter.data.partition(b"\r\n\r\n")[0]
    names = {line.partition(b":")[0].decode() for line in head.split(b"\r\n") if line[:1] not in b" \t"}
    assert names <= HEADERS
    assert letter.recipient == CUSTOMER
    assert not re.search(rb"[\r\n]", letter.data.replace(b"\r\n", b""))
    assert all(len(line) <= 998 for line in letter.data.split(b"\r\n"))
