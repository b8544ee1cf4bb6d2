"""Customers who were asked something: some answer, on the page or with a tap, some want no more, some are away."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from email import message_from_bytes
from email.message import Message
from email.parser import BytesHeaderParser
from functools import partial
from random import Random
from typing import Any

from cxsdk.demo.agenda import Agenda
from cxsdk.demo.hours import next_busy
from cxsdk.demo.ledger import Ledger
from cxsdk.demo.letters import SHOP, Letter, bounce
from cxsdk.demo.messenger import Messenger
from cxsdk.demo.office import StandIns
from cxsdk.demo.people import SampleCustomer
from cxsdk.demo.post import Post
from cxsdk.demo.visit import Visitor, choose_tap
from cxsdk.demo.wire import Sending, Wire
from cxsdk.testing.botapi import buttons

_LINK = re.compile(r"https?://[^\s/]+(/s/[^\s?]+)")
_UNSUBSCRIBE = re.compile(r"<https?://[^\s/]+(/[^\s>]+)>")
#: How often somebody who was asked is away, and how often they ask for no more.
_AWAY, _STOP = 0.02, 0.02
#: How often somebody follows the link in a message instead of tapping a button.
_RATHER_THE_PAGE = 0.15
#: An answer comes within so many busy quarters.
_PATIENCE = 4

#: What a customer is going to do; it is given the time.
Deed = Callable[[datetime], None]


class Respondents:
    """Looks at what arrived in mailboxes and in the messenger, and decides who does what about it."""

    def __init__(
        self, wire: Wire, agenda: Agenda, ledger: Ledger, others: StandIns, post: Post, messenger: Messenger,
        customers: Sequence[SampleCustomer],
    ) -> None:  # fmt: skip
        self._wire, self._agenda, self._ledger = wire, agenda, ledger
        self._smtp, self._bot = others.smtp, others.bot
        self._post, self._messenger = post, messenger
        self._by_email = {customer.email: customer for customer in customers if customer.email}
        self._by_user = {customer.telegram: customer for customer in customers if customer.telegram is not None}
        self._mails_seen = self._messages_seen = 0
        self._unanswered: bytes | str = ""  # a mail, or a link

    @property
    def open_link(self) -> str:
        """A question that nobody is going to answer, for the curious."""
        left = self._unanswered
        return left if isinstance(left, str) else _link_in(message_from_bytes(left))

    def look(self, now: datetime) -> None:
        """Takes note of what arrived since the last look."""
        mails, messages = self._smtp.received[self._mails_seen :], self._bot.sent[self._messages_seen :]
        self._mails_seen += len(mails)
        self._messages_seen += len(messages)
        for received in mails:
            # The headers alone: most mails are not read any further
            mail = BytesHeaderParser().parsebytes(received.data)
            self._read_mail(self._by_email[received.recipients[0]], mail, received.data, now)
        for message in messages:
            self._read_message(self._by_user[message["chat"]["id"]], message, now)

    def act(self, things: Sequence[Deed], now: datetime) -> None:
        """Customers do what they were going to do."""
        for deed in things:
            deed(now)
        self._messenger.deliver()

    def _read_mail(self, customer: SampleCustomer, mail: Message, data: bytes, now: datetime) -> None:
        asks, rng = mail["List-Unsubscribe"] is not None, customer.rng("mail", mail["Message-ID"])
        if not customer.has_mailbox:
            self._post.bring(bounce(now, mail["To"], mail["Message-ID"]), now)
        elif rng.random() < _AWAY:
            self._post.answer(_away(mail, customer, now), customer, now)
        elif asks and rng.random() < _STOP:
            self._plan(rng, now, partial(rng.choice((self._stop_by_mail, self._stop_by_link)), customer, mail))
        elif asks and rng.random() < customer.answers:
            self._plan(rng, now, partial(self._visit, customer, _link_in(message_from_bytes(data))))
        elif asks:
            self._unanswered = data

    def _read_message(self, customer: SampleCustomer, message: dict[str, Any], now: datetime) -> None:
        data, found = buttons(message), _LINK.search(message["text"])
        if not data or not found:  # an agent's own words
            return
        link, rng = found[1], customer.rng("message", data[0])
        if rng.random() < _STOP:
            self._plan(rng, now, partial(self._block, customer))
        elif rng.random() < _RATHER_THE_PAGE:
            self._consider(rng, customer, link, now, partial(self._visit, customer, link))
        else:
            self._consider(rng, customer, link, now, partial(self._tap, customer, data, message["message_id"]))

    def _consider(self, rng: Random, customer: SampleCustomer, link: str, now: datetime, deed: Deed) -> None:
        if rng.random() < customer.answers:
            self._plan(rng, now, deed)
        else:
            self._unanswered = link

    def _plan(self, rng: Random, now: datetime, deed: Deed) -> None:
        self._agenda.add(next_busy(now, rng, skip=rng.randrange(_PATIENCE)), self, deed)

    def _visit(self, customer: SampleCustomer, link: str, now: datetime) -> None:
        for answer in Visitor(self._wire, customer, link).answer(link):
            if answer.status != 303:
                self._ledger.refuse("survey page", str(answer.status))

    def _tap(self, customer: SampleCustomer, data: list[str], message_id: int, now: datetime) -> None:
        if customer.telegram is not None and customer.telegram not in self._messenger.blocked:
            self._messenger.tap(customer.telegram, choose_tap(Visitor(self._wire, customer, data[0]), data), message_id)

    def _block(self, customer: SampleCustomer, now: datetime) -> None:
        if customer.telegram is not None:
            self._messenger.block(customer.telegram)

    def _stop_by_link(self, customer: SampleCustomer, mail: Message, now: datetime) -> None:
        """One click on what the mail program shows for List-Unsubscribe (RFC 8058)."""
        if link := _UNSUBSCRIBE.search(str(mail["List-Unsubscribe"])):
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            self._wire.send(Sending(link[1], b"List-Unsubscribe=One-Click", form))

    def _stop_by_mail(self, customer: SampleCustomer, mail: Message, now: datetime) -> None:
        self._post.answer(_reply(mail, customer, now, "Stop"), customer, now)


def _link_in(mail: Message) -> str:
    plain = next((part for part in mail.walk() if part.get_content_type() == "text/plain"), None)
    body = plain.get_payload(decode=True) if plain is not None else None
    found = _LINK.search(body.decode()) if isinstance(body, bytes) else None
    return found[1] if found else ""


def _reply(mail: Message, customer: SampleCustomer, now: datetime, text: str) -> Letter:
    return Letter(
        id="", at=now, sender=f'"{customer.name}" <{customer.email}>', recipient=SHOP,
        subject=f"Re: {mail['Subject']}", text=text, answers=mail["Message-ID"].strip("<>"),
    )  # fmt: skip


def _away(mail: Message, customer: SampleCustomer, now: datetime) -> Letter:
    return replace(_reply(mail, customer, now, "I am away until Monday."), automatic=True)
