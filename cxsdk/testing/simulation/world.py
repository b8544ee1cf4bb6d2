"""What customers, agents and shops do all day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from cxsdk.domain.interaction import CallState
from cxsdk.testing.simulation.channels import Mailbox, told
from cxsdk.testing.simulation.crm import REFUSED
from cxsdk.testing.simulation.gateway import Gateway
from cxsdk.testing.simulation.people import Customer, Neighbourhood
from cxsdk.testing.simulation.scene import Scene
from cxsdk.testing.simulation.truth import Bought, Contact, Truth, Wish

#: How often each sort of contact is made.
_CONTACTS = {"call": 26, "letter": 24, "message": 26, "visit": 14, "request": 10}

#: How often something follows a purchase, and within how many days.
_AFTER_A_PURCHASE = {"delivery": (0.3, 4), "use": (0.2, 8), "refund": (0.08, 10), "cancellation": (0.05, 5)}


class World:
    """Everybody outside. What they tell is true, and comes in whatever order the network pleases."""

    def __init__(self, scene: Scene, truth: Truth, gateway: Gateway, mailbox: Mailbox) -> None:
        self.scene, self.truth, self.gateway, self.mailbox = scene, truth, gateway, mailbox
        self.people = Neighbourhood(scene.rng)
        self.done: Counter[str] = Counter()  #: since the day began

    # A day

    def plan_day(self, until: datetime) -> None:
        """Puts onto the agenda what happens on the day that begins now, up to this moment."""
        rng = self.scene.rng
        self.done.clear()
        contacts, purchases = rng.randint(30, 33), rng.randint(5, 6)
        acts: list[Callable[[], None]] = [self._contact] * contacts + [self._purchase] * purchases
        acts += [self._claim] * rng.randint(0, 1) + [self._wish] * rng.randint(0, 1)
        for act in acts:
            self.scene.plan(self.scene.now + rng.random() * (until - self.scene.now), act)

    def _somebody(self, has: str, new: float = 0.08) -> Customer:
        one = self.people.somebody(self.scene.now, new)
        while not getattr(one, has):
            one = self.people.somebody(self.scene.now, 0.3)
        return one

    # Contacts

    def _contact(self) -> None:
        kind = self.scene.rng.choices(list(_CONTACTS), list(_CONTACTS.values()))[0]
        self.done["contacts"] += 1
        getattr(self, f"_{kind}")()

    def _call(self) -> None:
        who = None if self.scene.rng.random() < 0.04 else self._somebody("phone")
        self.call(who, outbound=who is not None and self.scene.rng.random() < 0.3)

    def call(self, who: Customer | None, *, outbound: bool) -> None:
        """Somebody calls somebody; the phone system tells of it in pieces."""
        rng, now = self.scene.rng, self.scene.now
        how = rng.choices(("answered", "missed", "never ended"), (75, 20, 5))[0]
        contact = self._told((f"phone:{who.phone}",) if who else (), now, outbound=outbound)
        steps = self._steps(how)
        contact.state = CallState(steps[-1][0])
        contact.reached_at = None if how == "missed" else now + timedelta(seconds=9)
        about = _about(contact, who)
        events = [{**about, "at": now + timedelta(seconds=s), "state": state} for state, s in steps]
        if rng.random() < 0.2:
            contact.recording = f"https://calls.example.com/{contact.mark}"
            events.append({**about, "at": now + timedelta(seconds=700), "recording_url": contact.recording})
        rng.shuffle(events)
        for number, event in enumerate(events):
            key = f"{about['interaction']}-{number}"
            self._tell("office", told("InteractionFact", key=key, **_iso(event)), key, partial(self._taken, contact))

    def _steps(self, how: str) -> list[tuple[str, int]]:
        """What becomes of a call, and after how many seconds."""
        talk_s = self.scene.rng.randint(5, 600)
        steps = [("ringing", 0)] if self.scene.rng.random() < 0.4 or how == "never ended" else []
        steps += [("missed", 30)] if how == "missed" else [("answered", 9)]
        return [*steps, ("ended", 9 + talk_s)] if how == "answered" else steps

    def _letter(self) -> None:
        who = self._somebody("email")
        self.letter(who, outbound=self.scene.rng.random() < 0.35)

    def letter(self, who: Customer, *, outbound: bool) -> None:
        """A letter comes, or an agent has written one."""
        rng, now = self.scene.rng, self.scene.now
        contact = self._told((f"email:{who.email}",), now, outbound=outbound)
        automatic = not outbound and rng.random() < 0.05
        text = f"{REFUSED if rng.random() < 0.01 else 'letter'} #{contact.mark}"
        side = "recipient" if outbound else "sender"
        key = f"letter-{contact.mark}"
        fact = told("InteractionFact", key=key, at=now, direction="outbound" if outbound else "inbound", text=text,
                    automatic=automatic, **{side: {"kind": "email", "value": who.email}})  # fmt: skip
        contact.reached_at = now if outbound else None
        self.mailbox.put(_iso(fact), key)
        self._taken(contact)

    def _message(self) -> None:
        who = self._somebody("telegram")
        contact = self._told((f"telegram:{who.telegram}",), self.scene.now)
        stop = self.scene.rng.random() < 0.03
        key = f"message-{contact.mark}"
        fact = told("InteractionFact", key=key, at=contact.at, direction="inbound", subject=f"#{contact.mark}",
                    text="STOP" if stop else "hello", sender={"kind": "telegram", "value": who.telegram})  # fmt: skip
        self._tell("office", _iso(fact), key, partial(self._stopped if stop else self._taken, contact))

    def _stopped(self, contact: Contact) -> None:
        self._taken(contact)
        self._wished(contact.addresses[0], contact.at, True)

    def _visit(self) -> None:
        """Somebody comes by, and whoever met them types it in: phones perhaps wrongly."""
        rng, who = self.scene.rng, self.people.somebody(self.scene.now, 0.08)
        perhaps = who.phone is not None and rng.random() < 0.3
        known = {kind: value for kind, value in who.buys_with.items() if not (perhaps and kind == "phone")}
        customer: dict[str, Any] = dict(known)
        guesses = []
        if perhaps:
            customer["identities"] = [{"kind": "phone", "value": who.phone, "confidence": "maybe"}]
            guesses = [f"phone:{who.phone}"]
        addresses = tuple(f"{kind}:{value}" for kind, value in known.items())
        contact = self._told(addresses or tuple(guesses), self.scene.now)
        item = {"id": f"visit-{contact.mark}", "at": contact.at.isoformat(), "kind": "visit", "direction": "inbound",
                "customer": customer, "text": f"visit #{contact.mark}"}  # fmt: skip
        self.truth.ever.join([*addresses, *guesses])
        self._send("interaction", item, partial(self._taken, contact, addresses))

    def _request(self) -> None:
        """An agent writes to somebody through cxsdk."""
        kind = self.scene.rng.choice(("email", "telegram"))
        self.write(self._somebody(kind), kind)

    def write(self, who: Customer, kind: str) -> None:
        """An agent writes to this customer, over the channel for this kind of address."""
        contact = self._told((f"{kind}:{getattr(who, kind)}",), self.scene.now, outbound=True)
        contact.sent_by = "mailbox" if kind == "email" else "office"
        item = {"id": f"request-{contact.mark}", "customer": {kind: getattr(who, kind)}, "channel": contact.sent_by,
                "text": f"written #{contact.mark}"}  # fmt: skip
        self._send("message", item, partial(self._taken, contact))

    def _told(self, addresses: tuple[str, ...], at: datetime, *, outbound: bool = False) -> Contact:
        contact = Contact(self.scene.number(), addresses, at, outbound=outbound)
        self.truth.contacts[contact.mark] = contact
        return contact

    def _taken(self, contact: Contact, linked: Sequence[str] = ()) -> None:
        contact.taken_at = contact.taken_at or self.scene.now
        self.truth.link(linked)

    # What happens between customers and the product

    def _purchase(self) -> None:
        rng, now = self.scene.rng, self.scene.now
        who = self.people.somebody(now, 0.3)
        self.done["purchases"] += 1
        order = f"order-{self.scene.number()}"
        kind = "renewal" if rng.random() < 0.1 else "purchase"
        addresses = who.addresses
        bought = self.truth.purchases[order] = Bought(order, addresses, now)
        self.truth.ever.join(addresses)
        for address in addresses:
            self.truth.zones.setdefault(address, set()).add(who.zone)
        self._event(who, kind, order, now, partial(self._bought, bought))
        self._plan_what_follows(who, order)

    def _plan_what_follows(self, who: Customer, order: str) -> None:
        rng, now = self.scene.rng, self.scene.now
        for kind, (share, days) in _AFTER_A_PURCHASE.items():
            if rng.random() < share:
                later = now + timedelta(days=rng.uniform(0, days))
                named = None if kind == "use" and rng.random() < 0.5 else order
                self.scene.plan(later, partial(self._event, who, kind, named, later, _nothing))

    def _bought(self, bought: Bought) -> None:
        bought.taken_at = bought.taken_at or self.scene.now
        self.truth.link(bought.addresses)

    def _event(self, who: Customer, kind: str, order: str | None, at: datetime, taken: Callable[[], None]) -> None:
        customer = {**who.buys_with, "time_zone": who.zone, "language": who.language}
        item: dict[str, Any] = {"id": f"{kind}-{self.scene.number()}", "at": at.isoformat(), "kind": kind,
                                "customer": customer}  # fmt: skip
        self._send("event", item | ({"order": order} if order else {}), taken)

    # Who they are, and what they wish

    def _claim(self) -> None:
        who = self._somebody("telegram")
        self.truth.ever.join(who.addresses)
        if len(who.addresses) > 1:
            key, at = f"claim-{self.scene.number()}", self.scene.now.isoformat()
            fact = told("IdentityClaim", key=key, at=at, identities=list(pairs(who.addresses)))
            self._tell("office", fact, key, partial(self.truth.link, who.addresses))

    def _wish(self) -> None:
        rng = self.scene.rng
        who = self.people.somebody(self.scene.now, 0)
        kind = rng.choice(sorted(who.buys_with))
        out, said_at = rng.random() < 0.75, self.scene.now
        item = {"id": f"wish-{self.scene.number()}", "at": said_at.isoformat(), "opted_out": out,
                "customer": {kind: who.buys_with[kind]}}  # fmt: skip
        self._send("opt_out", item, partial(self._wished, f"{kind}:{who.buys_with[kind]}", said_at, out))

    def _wished(self, address: str, said_at: datetime, out: bool) -> None:
        self.truth.wish(address, Wish(said_at, out, self.scene.now))

    # How things are told

    def _tell(self, account: str, fact: Any, key: str, taken: Callable[[], None]) -> None:
        """A vendor's event comes at once, late, or in between."""
        self._late(lambda: self.gateway.webhook(account, fact, key, taken))

    def _send(self, type: str, item: dict[str, Any], taken: Callable[[], None]) -> None:
        self._late(lambda: self.gateway.item(type, item, taken))

    def _late(self, act: Callable[[], None]) -> None:
        if self.scene.rng.random() < 0.8:
            act()
        else:
            self.scene.plan_in(0, self.scene.rng.choice((10, 90, 600)), act)


def _about(call: Contact, who: Customer | None) -> dict[str, Any]:
    """What the phone system tells with each of a call's events."""
    about: dict[str, Any] = {"interaction": f"call-{call.mark}", "kind": "call", "text": f"call #{call.mark}"}
    about["direction"] = "outbound" if call.outbound else "inbound"
    if who is not None:
        about["recipient" if call.outbound else "sender"] = {"kind": "phone", "value": who.phone}
    return about


def _nothing() -> None:
    """Nothing follows."""


def _iso(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in fields.items()}


def pairs(addresses: Sequence[str]) -> Iterator[dict[str, str]]:
    """Addresses as identities are told."""
    return (dict(zip(("kind", "value"), address.split(":", 1), strict=True)) for address in addresses)
