"""What customers and agents say to each other around a purchase: stories of a few contacts, made up from the seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random

from cxsdk.demo.hours import busy_moment, next_busy, working_day
from cxsdk.demo.ledger import Way
from cxsdk.demo.people import SampleCustomer
from cxsdk.demo.purchases import Purchase

#: How many stories there are for a purchase, on average.
STORIES = 1.1
#: How long before and after the purchase a story may begin, in days.
BEFORE, AFTER = 3, 9


class Medium(StrEnum):
    """Over what."""

    CALL = "call"
    MAIL = "mail"
    MESSAGE = "message"


@dataclass(frozen=True)
class Move:
    """One contact of a story, which ends before it with the opposite of ``chance``.

    It comes so many busy quarters after the one before it; None is within the same quarter of an hour.
    """

    medium: Medium
    way: Way
    chance: float = 1.0
    skip: tuple[int, int] | None = (0, 1)


@dataclass(frozen=True)
class Contact:
    """One contact that is to happen; ``place`` counts within its story, ``about`` names what is talked about."""

    at: datetime
    customer: SampleCustomer
    medium: Medium
    way: Way
    about: str
    place: int = 0
    missed: bool = False


_CALL_IN, _CALL_OUT = Move(Medium.CALL, Way.IN), Move(Medium.CALL, Way.OUT)
_MAIL_IN, _MESSAGE_IN = Move(Medium.MAIL, Way.IN), Move(Medium.MESSAGE, Way.IN)

_AT_ONCE = None

#: Stories with how often each is told.
_STORIES: tuple[tuple[float, tuple[Move, ...]], ...] = (
    (12, (_CALL_IN,)),
    (3, (_CALL_OUT,)),
    (12, (_MAIL_IN, Move(Medium.MAIL, Way.OUT, 0.5), Move(Medium.MAIL, Way.IN, 0.7))),
    (8, (_MAIL_IN, Move(Medium.MAIL, Way.IN, 0.9))),
    (4, (_MAIL_IN, Move(Medium.CALL, Way.OUT, 0.5))),
    (
        60,
        (
            _MESSAGE_IN,
            Move(Medium.MESSAGE, Way.IN, 0.95, _AT_ONCE),
            Move(Medium.MESSAGE, Way.IN, 0.85, _AT_ONCE),
            Move(Medium.MESSAGE, Way.IN, 0.75, _AT_ONCE),
            Move(Medium.MESSAGE, Way.IN, 0.6, _AT_ONCE),
            Move(Medium.MESSAGE, Way.OUT, 0.4),
            Move(Medium.MESSAGE, Way.IN, 0.8),
            Move(Medium.MESSAGE, Way.IN, 0.6, _AT_ONCE),
        ),
    ),
)
_MISSED, _CALLED_BACK = 0.08, 0.8
_TOPICS = ("delivery", "stock", "invoice", "damage", "thanks")


def tell_stories(purchase: Purchase, customer: SampleCustomer) -> Iterator[Contact]:
    """The contacts around a purchase, in the order of their stories."""
    rng = customer.rng("stories", purchase.line)
    for _ in range(int(STORIES + rng.random())):
        begin = busy_moment(working_day(purchase.day + timedelta(days=rng.randint(-BEFORE, AFTER))), rng)
        yield from _story(begin, customer, rng)


def _story(at: datetime, customer: SampleCustomer, rng: Random) -> Iterator[Contact]:
    fitting = [(weight, moves) for weight, moves in _STORIES if all(_can(customer, move.medium) for move in moves)]
    [moves] = rng.choices([moves for _, moves in fitting], [weight for weight, _ in fitting])
    about = rng.choice(_TOPICS)
    for place, move in enumerate(moves):
        if rng.random() >= move.chance:
            return
        at = at if place == 0 else _later(at, move, rng)
        missed = move.medium is Medium.CALL and rng.random() < _MISSED
        yield Contact(at, customer, move.medium, move.way, about, place, missed)
        if missed and move.way is Way.IN and rng.random() < _CALLED_BACK:
            at += timedelta(seconds=rng.randint(60, 290))
            yield Contact(at, customer, Medium.CALL, Way.OUT, about, place + 1)


def _later(at: datetime, move: Move, rng: Random) -> datetime:
    if move.skip is None:
        return at + timedelta(seconds=rng.randint(1, 60))
    return next_busy(at, rng, skip=rng.randint(*move.skip))


def _can(customer: SampleCustomer, medium: Medium) -> bool:
    known = {Medium.CALL: customer.phone, Medium.MAIL: customer.email, Medium.MESSAGE: customer.telegram}
    return known[medium] is not None
