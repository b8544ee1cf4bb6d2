"""The post: customers' letters reach the shop's mailbox, agents' own letters its Sent folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cxsdk.demo.agenda import Agenda
from cxsdk.demo.ledger import Ledger, Way, reference
from cxsdk.demo.letters import SHOP, Letter, write_letter
from cxsdk.demo.people import SampleCustomer
from cxsdk.demo.stories import Contact
from cxsdk.demo.words import said
from cxsdk.demo.words import subject as subject_of
from cxsdk.testing.imap import ImapServer


@dataclass(frozen=True)
class Posting:
    """A letter that is to be posted, as a contact with this number; of whose language and chance."""

    letter: Letter
    way: Way
    number: int
    customer: SampleCustomer


class Post:
    """Writes letters and puts them where a mail server would. What lies there is ours to log."""

    def __init__(self, mailbox: ImapServer, agenda: Agenda, ledger: Ledger, agents: Sequence[str]) -> None:
        self._mailbox = mailbox
        self._agenda = agenda
        self._ledger = ledger
        self._agents = agents
        self.news: set[str] = set()  #: the sources that have something which nobody has read

    def plan(self, contact: Contact) -> None:
        """Puts a letter on the agenda: a customer's, or one that an agent writes with their own mail program."""
        number, customer = self._ledger.number(contact.way), contact.customer
        agent = self._agents[number % len(self._agents)]
        inbound, subject = contact.way is Way.IN, subject_of(customer.language, contact.about)
        letter = Letter(
            id=f"letter-{number}@{'example.org' if inbound else 'example.com'}",
            at=contact.at,
            sender=f'"{customer.name}" <{customer.email}>' if inbound else agent,
            recipient=SHOP if inbound else customer.email or "",
            subject=f"Re: {subject}" if contact.place else subject,
            text=f"{said(customer.language, contact.about, contact.way)}\n{reference(number)}",
            language=customer.language,
            quoted=subject if contact.place else "",
        )
        self._agenda.add(contact.at, self, Posting(letter, contact.way, number, customer))

    def answer(self, letter: Letter, customer: SampleCustomer, now: datetime) -> None:
        """A customer answers at once: by hand, or their mail program does."""
        number = self._ledger.number(Way.IN)
        text = f"{letter.text}\n{reference(number)}"
        numbered = replace(letter, text=text, id=f"answer-{number}@example.org")
        self.act([Posting(numbered, Way.IN, number, customer)], now)

    def bring(self, mail: bytes, now: datetime) -> None:
        """Brings a mail that is nobody's contact."""
        self._mailbox.deliver("INBOX", mail, at=now)
        self.news.add("inbox")

    def act(self, things: Sequence[Posting], now: datetime) -> None:
        """Posts letters."""
        for posting in things:
            folder = "INBOX" if posting.way is Way.IN else "Sent"
            mail = write_letter(posting.letter, posting.customer.rng("letter", posting.number))
            self._mailbox.deliver(folder, mail, at=now)
            self._ledger.acknowledge(posting.number)
            self.news.add(folder.lower())
