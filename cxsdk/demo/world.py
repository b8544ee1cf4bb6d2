"""The world around the company: everybody who calls, writes, buys, answers and works, and nothing of our own code."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cxsdk.demo.agenda import Agenda
from cxsdk.demo.agents import Agents
from cxsdk.demo.hours import busy_moment
from cxsdk.demo.ledger import Ledger, Way
from cxsdk.demo.messenger import Messenger
from cxsdk.demo.office import AGENTS, PASSWORD, StandIns
from cxsdk.demo.pbx import PhoneSystem
from cxsdk.demo.people import make_customers
from cxsdk.demo.post import Post
from cxsdk.demo.purchases import Purchase
from cxsdk.demo.respondents import Respondents
from cxsdk.demo.shop import Bought, Desk, Till
from cxsdk.demo.stories import Contact, Medium, tell_stories
from cxsdk.demo.wire import Wire
from cxsdk_localcrm import LocalCRM


class World:
    """Who does what when follows from the purchases and the seed; ``live`` has it done."""

    def __init__(self, wire: Wire, others: StandIns, crm: LocalCRM, token: str, seed: int) -> None:
        self.ledger, self.agenda = Ledger(), Agenda()
        self._seed = seed
        self._wire, self.others, self._crm = wire, others, crm
        mailboxes = [f"{name.lower().replace(' ', '-')}@example.com" for name in AGENTS]
        self.till = Till(wire, self.agenda, self.ledger, token)
        self._messenger = Messenger(others.bot, wire, self.agenda, self.ledger)
        self._desk = Desk(wire, self.agenda, self.ledger, token, mailboxes, self._messenger.blocked)
        self._post = Post(others.imap, self.agenda, self.ledger, mailboxes)
        self._phone = PhoneSystem(
            wire, self.agenda, self.ledger, path="/webhooks/pbx", secret=PASSWORD, extensions=len(AGENTS)
        )

    def plan(self, purchases: Sequence[Purchase]) -> None:
        """Puts the purchases, and the contacts around them, on the agenda."""
        people = make_customers(list(dict.fromkeys(purchase.customer for purchase in purchases)), self._seed)
        self.customers, self.purchases = list(people.values()), len(purchases)
        self.respondents = Respondents(
            self._wire, self.agenda, self.ledger, self.others, self._post, self._messenger, self.customers
        )
        self._agents = Agents(self._crm, self.agenda, self._plan_contact, self.customers)
        for purchase in purchases:
            customer = people[purchase.customer]
            at = busy_moment(purchase.day, customer.rng("purchase", purchase.line))
            self.till.plan(Bought(at, purchase, customer))
            for contact in tell_stories(purchase, customer):
                self._plan_contact(contact)

    def live(self, now: datetime) -> None:
        """Everything that falls into the step that ends now is done."""
        # who blocks the bot does so before an agent writes: an agent sees it, and a message to them is no contact
        for actor, things in sorted(self.agenda.take(now), key=lambda taken: taken[0] is not self.respondents):
            actor.act(things, now)

    def look(self, now: datetime) -> bool:
        """Everybody takes note of what has reached them; tells whether somebody reacted at once."""
        self.respondents.look(now)
        self._agents.look(now)
        return bool(self._post.news or self._agents.news)

    def take_news(self) -> set[str]:
        """The sources in which something new is to be read since the last time."""
        news = self._post.news | self._agents.news
        self._post.news.clear()
        self._agents.news.clear()
        return news

    def _plan_contact(self, contact: Contact) -> None:
        if contact.medium is Medium.CALL:
            self._phone.plan(contact)
        elif contact.medium is Medium.MAIL:
            self._post.plan(contact)
        elif contact.way is Way.IN:
            self._messenger.plan(contact)
        else:
            self._desk.plan(contact)
