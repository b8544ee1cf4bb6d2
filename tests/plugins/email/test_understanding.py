"""Who wrote to whom, when and what, in mails as people and programs write them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest

from cxsdk import BadInput, Direction, InteractionFact, OptOut, email
from tests.plugins.email.conftest import RECEIVED
from tests.plugins.email.letters import CUSTOMER, SUPPORT, mail

Parsed = Callable[..., list[Any]]
AGENT = "maria@example.com"


def raw_mail(head: str | bytes, body: str | bytes = b"Hello") -> bytes:
    """A mail byte for byte, as no decent program writes it."""
    head, body = (part.encode() if isinstance(part, str) else part for part in (head, body))
    return head.strip().replace(b"\n", b"\r\n") + b"\r\n\r\n" + body


SENDER = f"From: {CUSTOMER}\nTo: {SUPPORT}\nMessage-ID: <1@example.net>\n"


def test_a_customers_mail_is_one_inbound_contact(parsed: Parsed) -> None:
    [fact] = parsed(mail("Where is my order?", subject="Order 7"))
    assert isinstance(fact, InteractionFact)
    assert fact.direction is Direction.INBOUND
    assert (fact.sender, fact.recipient) == (email(CUSTOMER), email(SUPPORT))
    assert (fact.name, fact.subject, fact.text) == ("Sample Customer", "Order 7", "Where is my order?")
    assert fact.at == datetime(2026, 1, 5, 8, tzinfo=UTC)
    assert fact.key.startswith("<1@example.net>#")
    assert fact.provider_options["message_id"] == fact.thread == "<1@example.net>"
    assert not fact.automatic
    assert fact.agent is None


def test_what_an_agent_sent_is_an_outbound_contact_of_theirs(parsed: Parsed) -> None:
    body = mail("It is on its way", _from=f"Maria <{AGENT}>", to=f"Sample Customer <{CUSTOMER}>")
    [fact] = parsed(body, source="sent")
    assert fact.direction is Direction.OUTBOUND
    assert (fact.sender, fact.recipient) == (email(AGENT), email(CUSTOMER))
    assert (fact.agent, fact.name) == (AGENT, "Sample Customer")


def test_a_mail_to_an_agents_own_address_names_the_agent(parsed: Parsed) -> None:
    [fact] = parsed(mail(to=f"{AGENT}"))
    assert (fact.agent, fact.recipient) == (AGENT, email(AGENT))


def test_what_lies_in_the_sent_folder_was_sent_whatever_name_it_bears(parsed: Parsed) -> None:
    [fact] = parsed(mail(_from="alias@example.org", to=CUSTOMER), source="sent")
    assert (fact.direction, fact.recipient) == (Direction.OUTBOUND, email(CUSTOMER))


def test_of_several_recipients_the_first_customer_counts_and_the_others_are_named(parsed: Parsed) -> None:
    body = mail(_from=AGENT, to=f"{SUPPORT}, first@example.net, second@example.net", cc="third@example.net")
    [fact] = parsed(body, source="sent")
    assert fact.recipient == email("first@example.net")
    assert fact.provider_options["other_recipients"] == "second@example.net, third@example.net"


def test_colleagues_among_themselves_are_no_contact(parsed: Parsed) -> None:
    assert parsed(mail(_from=AGENT, to=SUPPORT)) == []


def test_a_form_that_writes_in_a_visitors_name_is_the_visitors_contact(parsed: Parsed) -> None:
    [fact] = parsed(mail(_from="website@example.com", reply_to=f"Visitor <{CUSTOMER}>"))
    assert (fact.direction, fact.sender, fact.name) == (Direction.INBOUND, email(CUSTOMER), "Visitor")


def test_at_a_public_provider_the_neighbours_are_customers(parsed: Parsed) -> None:
    body = mail(_from="neighbour@gmail.com", to="shop@gmail.com")
    [fact] = parsed(body, address="shop@gmail.com")
    assert (fact.direction, fact.sender) == (Direction.INBOUND, email("neighbour@gmail.com"))


def test_the_settings_say_who_is_ours(parsed: Parsed) -> None:
    settings = {"ours": ("@shop.example.org", "boss@gmail.com")}
    for ours in ("a@shop.example.org", "boss@gmail.com", "boss+x@gmail.com", SUPPORT):
        [fact] = parsed(mail(_from=ours, to=CUSTOMER), source="inbox", **settings)
        assert fact.direction is Direction.OUTBOUND
    [fact] = parsed(mail(_from="other@example.com"), **settings)
    assert fact.direction is Direction.INBOUND


def test_our_own_message_found_again_is_no_fact(parsed: Parsed) -> None:
    body = mail(_from=SUPPORT, to=CUSTOMER, message_id="<k1.cxsdk@example.com>")
    assert parsed(body, source="sent") == []


def test_a_customer_cannot_hide_behind_our_message_id(parsed: Parsed) -> None:
    assert len(parsed(mail(message_id="<k1.cxsdk@example.com>"))) == 1


def test_an_answer_knows_its_thread(parsed: Parsed) -> None:
    body = mail(in_reply_to="<k1.cxsdk@example.com>", references="<root@example.net> <k1.cxsdk@example.com>")
    [fact] = parsed(body)
    assert (fact.in_reply_to, fact.thread) == ("<k1.cxsdk@example.com>", "<root@example.net>")


def test_an_answer_without_references_belongs_to_what_it_answers(parsed: Parsed) -> None:
    [fact] = parsed(mail(in_reply_to="<k1.cxsdk@example.com>"))
    assert fact.thread == "<k1.cxsdk@example.com>"


def test_of_an_answer_only_the_new_text_is_kept(parsed: Parsed) -> None:
    [fact] = parsed(mail("Спасибо!\n\nпн, 5 янв. 2026 г. в 10:00, Поддержка <support@example.com>:\n\n> Как дела?\n"))
    assert fact.text == "Спасибо!"


@pytest.mark.parametrize("said", ["stop", "СТОП!", "«Стоп»", "Unsubscribe.", "Відписатися", "отписаться\n\nИмя"])
def test_an_answer_that_says_stop_opts_out(parsed: Parsed, said: str) -> None:
    contact, opt_out = parsed(mail(f"{said}\n\nOn Mon, Jan 5, 2026 at 10:00 AM Support <s@example.com> wrote:\n> Hi"))
    assert isinstance(contact, InteractionFact)
    assert isinstance(opt_out, OptOut)
    assert opt_out.customer == (email(CUSTOMER),)


def test_a_bare_subject_that_says_stop_opts_out(parsed: Parsed) -> None:
    assert len(parsed(mail("", subject="unsubscribe"))) == 2


@pytest.mark.parametrize("said", ["Do not stop the delivery", "Stop sending me the wrong size, I want XL", ""])
def test_other_words_do_not_opt_out(parsed: Parsed, said: str) -> None:
    assert len(parsed(mail(said))) == 1


def test_an_agent_who_writes_stop_opts_nobody_out(parsed: Parsed) -> None:
    assert len(parsed(mail("stop", _from=AGENT, to=CUSTOMER), source="sent")) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"auto_submitted": "auto-replied"},
        {"auto_submitted": "auto-generated (vacation)"},
        {"precedence": "bulk"},
        {"precedence": "auto_reply"},
        {"x_auto_response_suppress": "All"},
        {"x_autoreply": "yes"},
        {"list_id": "<news.example.net>"},
        {"list_unsubscribe": "<https://example.net/u>"},
        {"return_path": "<>"},
    ],
)
def test_a_machines_mail_is_automatic_and_never_opts_out(parsed: Parsed, headers: dict[str, str]) -> None:
    [fact] = parsed(mail("stop", **headers))
    assert fact.automatic


@pytest.mark.parametrize("headers", [{"auto_submitted": "no"}, {"precedence": "normal"}, {"return_path": "<a@b.c>"}])
def test_a_persons_mail_is_not(parsed: Parsed, headers: dict[str, str]) -> None:
    assert not parsed(mail(**headers))[0].automatic


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("Mon, 05 Jan 2026 10:00:00 +0200", datetime(2026, 1, 5, 8, tzinfo=UTC)),
        ("5 Jan 2026 10:00:00 GMT+0300 (MSK)", datetime(2026, 1, 5, 7, tzinfo=UTC)),
        ("Mon, 05 Jan 2026 10:00:00 EET", datetime(2026, 1, 5, 8, tzinfo=UTC)),
        ("Mon, 05 Jan 2026 10:00:00 MSK", datetime(2026, 1, 5, 7, tzinfo=UTC)),
        ("Mon, 05 Jan 2026 10:00:00 -0000", datetime(2026, 1, 5, 10, tzinfo=UTC)),
        ("Mon, 05 Jan 2026 10:00:00 EST", datetime(2026, 1, 5, 15, tzinfo=UTC)),
        ("Thu, 01 Jan 1970 00:00:00 +0000", RECEIVED),
        ("Mon, 05 Jan 2037 10:00:00 +0200", RECEIVED),
        ("Mon, 05 Jan 2026 10:00:00 +9999", RECEIVED),
        ("Mon, 99 Foo 2026", RECEIVED),
        ("yesterday", RECEIVED),
        ("", RECEIVED),
    ],
)
def test_a_mail_was_written_when_it_says_or_else_when_it_came(parsed: Parsed, written: str, at: datetime) -> None:
    assert parsed(raw_mail(f"{SENDER}Date: {written}"))[0].at == at


def test_a_mail_in_html_only_is_told_as_text(parsed: Parsed) -> None:
    body = EmailMessage(policy=SMTP)
    body["From"], body["To"], body["Message-ID"] = CUSTOMER, SUPPORT, "<1@example.net>"
    html = (
        "<html><head><style>p{color:red}</style></head><body><p>Здравствуйте,</p><table><tr><td>Цена</td><td>10</td></tr>"
        '</table><div style="display: none">hidden</div><p>пн, 5 янв. 2026 г. в 10:00, Shop &lt;s@example.com&gt;:</p>'
        "<blockquote>Старое</blockquote><p>Ответ</p></body></html>"
    )
    body.set_content(html, subtype="html")
    [fact] = parsed(body.as_bytes())
    assert [line.strip() for line in fact.text.split("\n") if line] == ["Здравствуйте,", "Цена 10", "Ответ"]


def test_plain_text_is_preferred_and_an_empty_one_is_not(parsed: Parsed) -> None:
    assert parsed(mail("Plain", html="<p>Rich</p>"))[0].text == "Plain"
    assert parsed(mail("  \n", html="<p>Rich</p>"))[0].text == "Rich"


@pytest.mark.parametrize(
    ("charset", "written_in"),
    [
        ("windows-1251", "cp1251"), ("koi8-r", "koi8-r"), ("koi8-u", "koi8-u"), ("utf-8", "utf-8"), ("cp866", "cp866"),
        ("iso-8859-5", "iso-8859-5"), ("unknown-8bit", "cp1251"), ("us-ascii", "utf-8"), ("utf-8", "cp1251"),
        ("iso-8859-1", "cp1251"), ("windows-1252", "utf-8"), ("x-nonsense", "utf-8"), ("", "cp1251"),
        ("undefined", "utf-8"), ("base64", "utf-8"), ("idna", "utf-8"),
    ],
)  # fmt: skip
def test_text_is_read_whatever_charset_it_claims(parsed: Parsed, charset: str, written_in: str) -> None:
    words = "Добрый день, где мой заказ?" if written_in != "koi8-u" else "Добрий день, де моє їжачок?"
    head = f"{SENDER}Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: 8bit"
    assert parsed(raw_mail(head, words.encode(written_in)))[0].text == words


def test_western_letters_stay_western(parsed: Parsed) -> None:
    head = f"{SENDER}Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit"
    assert parsed(raw_mail(head, "Où est ma commande, déjà payée à Genève?".encode("latin-1")))[0].text.startswith(
        "Où est"
    )


@pytest.mark.parametrize(
    ("written", "subject"),
    [
        ("=?utf-8?B?0J/RgNC40LLQtdGC?=", "Привет"),
        ("=?utf-8?B?0J/R?=\n =?utf-8?B?gNC40LLQtdGC?=", "Привет"),  # a letter cut in two
        ("=?windows-1251?Q?=CF=F0=E8=E2=E5=F2?=, you", "Привет, you"),
        ("=?unknown-8bit?Q?=CF=F0=E8=E2=E5=F2?=", "Привет"),
        ("=?utf-8?B?!!!?=", ""),
        ("=?utf-8?q?a=0Ab=00c?=", "a bc"),
        ("two\n lines", "two lines"),
        ("", ""),
    ],
)
def test_a_subject_is_decoded(parsed: Parsed, written: str, subject: str) -> None:
    assert parsed(raw_mail(f"{SENDER}Subject: {written}"))[0].subject == subject


@pytest.mark.parametrize("written_in", ["utf-8", "cp1251"])
def test_a_subject_in_bare_bytes_is_read(parsed: Parsed, written_in: str) -> None:
    assert parsed(raw_mail(f"{SENDER}Subject: ".encode() + "Привет".encode(written_in)))[0].subject == "Привет"


@pytest.mark.parametrize(
    "sender",
    [
        f"=?utf-8?B?0JjQvNGP?= <{CUSTOMER}>",
        f'"Имя" <{CUSTOMER}>',
        f"Group: Имя <{CUSTOMER}>;",
        f"Имя <{CUSTOMER.upper()}>",
        "=?utf-8?B?0JjQvNGPIDxjdXN0b21lckBleGFtcGxlLm5ldD4=?=",
        f"nonsense, Имя <{CUSTOMER}>",
    ],
)
def test_a_sender_is_found_in_odd_forms(parsed: Parsed, sender: str) -> None:
    fact = parsed(raw_mail(f"From: {sender}\nTo: {SUPPORT}\nMessage-ID: <1@example.net>"))[0]
    assert (fact.sender, fact.name) == (email(CUSTOMER), "Имя")


def test_without_from_the_sender_is_taken_from_elsewhere(parsed: Parsed) -> None:
    assert parsed(raw_mail(f"Sender: {CUSTOMER}\nTo: {SUPPORT}"))[0].sender == email(CUSTOMER)


@pytest.mark.parametrize(
    "head", [f"To: {SUPPORT}", "From: undisclosed", "From: a@b@c", "From: <>", "From: user@localhost..x"]
)
def test_without_any_sender_it_is_set_aside_with_the_reason(parsed: Parsed, head: str) -> None:
    with pytest.raises(BadInput, match="no e-mail address"):
        parsed(raw_mail(head))


@pytest.mark.parametrize("body", [b"", b"\r\n \r\n"])
def test_an_empty_mail_is_set_aside(parsed: Parsed, body: bytes) -> None:
    with pytest.raises(BadInput, match="empty"):
        parsed(body)


def with_files() -> bytes:
    body = EmailMessage(policy=SMTP)
    body["From"], body["To"], body["Subject"], body["Message-ID"] = CUSTOMER, SUPPORT, "Files", "<1@example.net>"
    body.set_content("See these")
    body.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="счёт.pdf")
    body.add_attachment(b"\x78\x9f\x3e\x22", maintype="application", subtype="ms-tnef", filename="winmail.dat")
    inner = EmailMessage()
    inner["Subject"] = "Older"
    inner.set_content("inner text")
    body.add_attachment(inner)
    return body.as_bytes()


def test_attachments_are_referenced_and_their_text_is_not_the_mails(parsed: Parsed) -> None:
    [fact] = parsed(with_files())
    assert fact.text == "See these"
    assert [(file.name, file.content_type, file.reference) for file in fact.attachments] == [
        ("счёт.pdf", "application/pdf", "<1@example.net>#2"),
        ("winmail.dat", "application/ms-tnef", "<1@example.net>#3"),
        ("Older.eml", "message/rfc822", "<1@example.net>#4"),
    ]
    assert fact.attachments[0].size == 4


@pytest.mark.parametrize(
    "disposition",
    [
        'attachment; filename="=?utf-8?B?0YHRh9GR0YIucGRm?="',
        "attachment; filename*=utf-8''%D1%81%D1%87%D1%91%D1%82.pdf",
        "attachment; filename*0*=utf-8''%D1%81%D1%87; filename*1*=%D1%91%D1%82.pdf",
        'attachment; filename="счёт.pdf"',
    ],
)
def test_a_files_name_is_decoded_however_it_was_encoded(parsed: Parsed, disposition: str) -> None:
    head = f"{SENDER}Content-Type: application/pdf\nContent-Disposition: {disposition}"
    assert parsed(raw_mail(head))[0].attachments[0].name == "счёт.pdf"


def test_text_beside_pictures_is_put_together(parsed: Parsed) -> None:
    parts = "".join(f"--b\nContent-Type: {kind}\n\n{text}\n" for kind, text in [
        ("text/plain", "one"), ("image/png; name=a.png", "x"), ("text/plain", "two"),
    ])  # fmt: skip
    [fact] = parsed(raw_mail(f"{SENDER}Content-Type: multipart/mixed; boundary=b", parts + "--b--\n"))
    assert fact.text.split() == ["one", "two"]
    assert [file.name for file in fact.attachments] == ["a.png"]


def test_a_broken_boundary_loses_nothing_of_the_text(parsed: Parsed) -> None:
    [fact] = parsed(raw_mail(f"{SENDER}Content-Type: multipart/mixed; boundary=nowhere", b"Where is my order?"))
    assert "Where is my order?" in fact.text


def test_garbage_for_base64_is_some_text(parsed: Parsed) -> None:
    assert parsed(raw_mail(f"{SENDER}Content-Transfer-Encoding: base64", b"\x00\xff!!"))[0].attachments == ()


def test_controls_and_halves_of_characters_are_left_out(parsed: Parsed) -> None:
    head = f"{SENDER}Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit"
    assert parsed(raw_mail(head, b"a\0b\x07c \xed\xa0\x80"))[0].text.startswith("abc")
