"""The messenger: customers write to the shop's bot; its servers bring that to our webhook."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime

from cxsdk.demo.agenda import Agenda
from cxsdk.demo.bot import BotServers
from cxsdk.demo.ledger import Ledger, Way, reference
from cxsdk.demo.people import SampleCustomer
from cxsdk.demo.stories import Contact
from cxsdk.demo.wire import Wire
from cxsdk.demo.words import said


class Messenger:
    """What customers do in the messenger."""

    def __init__(self, bot: BotServers, wire: Wire, agenda: Agenda, ledger: Ledger) -> None:
        self._bot = bot
        self._wire = wire
        self._agenda = agenda
        self._ledger = ledger
        self.blocked: set[int] = set()  #: customers who want no more of the bot
        self._known: set[int] = set()
        self._pending: deque[int | None] = deque()

    def plan(self, contact: Contact) -> None:
        """Puts a customer's message on the agenda."""
        self._agenda.add(contact.at, self, (contact, self._ledger.number(contact.way)))

    def act(self, things: Sequence[tuple[Contact, int]], now: datetime) -> None:
        """Customers write; who writes for the first time may share their phone number."""
        for contact, number in things:
            self._write(
                contact.customer, f"{said(contact.customer.language, contact.about, Way.IN)} {reference(number)}"
            )
            self._pending.append(number)
            self._introduce(contact.customer)
        self.deliver()

    def tap(self, user: int, data: str, message_id: int) -> None:
        """A customer taps a button under one of the bot's messages."""
        self._bot.user_taps(user, data, message_id)
        self._pending.append(None)

    def block(self, user: int) -> None:
        """A customer has had enough."""
        self._bot.user_blocks(user)
        self.blocked.add(user)
        self._pending.append(None)

    def _unblock(self, user: int) -> None:
        self._bot.user_unblocks(user)
        self.blocked.discard(user)
        self._pending.append(None)

    def deliver(self) -> None:
        """The messenger's servers bring what waits to our webhook, and note what was taken."""
        for _ in range(self._bot.deliver_over(self._wire) if self._pending else 0):
            self._ledger.acknowledge(self._pending.popleft())

    def _write(self, customer: SampleCustomer, text: str) -> None:
        user = customer.telegram
        if user is None:
            return
        if user in self.blocked:  # the messenger lets nobody write to a bot that they block
            self._unblock(user)
        self._bot.user_says(user, text, name=customer.name, language=customer.language)

    def _introduce(self, customer: SampleCustomer) -> None:
        user = customer.telegram
        if user is None or user in self._known:
            return
        self._known.add(user)
        if customer.shares_contact and customer.phone:
            self._bot.user_shares_contact(user, customer.phone)
            self._pending.append(None)
