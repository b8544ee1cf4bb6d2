"""Sample customers: how to reach them, and what they are like. All of it follows from the seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from random import Random

import phonenumbers

from cxsdk.demo.chance import chance

#: The line numbers that are kept for samples end so: 555-0100 to 555-0199.
_SAMPLE_LINES = 100


@dataclass(frozen=True)
class SampleCustomer:
    """One customer of the data, with everything about them that the data does not tell."""

    id: str
    number: int
    language: str
    email: str | None  #: at least one of email and phone is known to the shop
    phone: str | None
    telegram: int | None
    shares_contact: bool  #: whether they show the messenger's bot their phone number
    has_mailbox: bool  #: whether mail to their address arrives
    content: float  #: how content they are, 0 to 1
    answers: float  #: how likely they answer an invitation, 0 to 1
    seed: str = field(repr=False, default="")

    @property
    def name(self) -> str:
        """What they are called."""
        return f"Sample Customer {self.number}"

    def rng(self, *about: object) -> Random:
        """Chance for one thing about this customer: the same for the same seed, in whatever order things happen."""
        return chance(self.seed, self.id, *about)


def make_customers(ids: list[str], seed: int) -> dict[str, SampleCustomer]:
    """A sample customer for each id of the data."""
    return {id: _customer(id, number, seed) for number, id in enumerate(ids, start=1)}


def _customer(id: str, number: int, seed: int) -> SampleCustomer:
    rng = chance(seed, "customer", id)
    phone = sample_phone(number) if rng.random() < 0.9 else None
    return SampleCustomer(
        id=id,
        number=number,
        language=rng.choices(("en", "uk", "ru"), (90, 5, 5))[0],
        email=f"customer{number}@example.org" if phone is None or rng.random() < 0.85 else None,
        phone=phone,
        telegram=700_000 + number if rng.random() < 0.85 else None,
        shares_contact=rng.random() < 0.7,
        has_mailbox=rng.random() < 0.99,
        content=rng.betavariate(5, 1.3),
        answers=rng.uniform(0.05, 0.35),
        seed=str(seed),
    )


def sample_phone(number: int) -> str | None:
    """The n-th phone number that is kept for samples, or None where there are no more of them."""
    area, line = divmod(number - 1, _SAMPLE_LINES)
    return f"+1{_areas()[area]}55501{line:02d}" if area < len(_areas()) else None


@cache
def _areas() -> list[int]:
    """The area codes under which sample numbers count as numbers."""
    numbers = {area: phonenumbers.parse(f"+1{area}5550100") for area in range(212, 990)}
    return [area for area, number in numbers.items() if phonenumbers.is_valid_number(number)]
