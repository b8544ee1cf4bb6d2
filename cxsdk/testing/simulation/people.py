"""The customers: their addresses, their tempers, and what they share with others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from random import Random

#: Area codes; with the numbers that are kept for samples, 555-0100 to 0199, they make enough phones.
_AREAS = (
    201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 229, 231, 234,
    239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 276, 281, 301, 302, 303, 304, 305, 307, 308, 309,
)  # fmt: skip
ZONES = ("America/New_York", "Europe/Kyiv", "Asia/Tokyo")
LANGUAGES = ("en", "uk", "ru")


@dataclass(eq=False)
class Customer:
    """One person; each of the addresses is None where they have none."""

    number: int
    email: str | None
    phone: str | None
    telegram: str | None
    zone: str
    language: str
    mood: float  #: from 0, never content, to 1
    quiet_until: datetime | None = None  #: they do nothing before this moment

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses, as identities are written."""
        return tuple(
            f"{kind}:{value}"
            for kind, value in (("email", self.email), ("phone", self.phone), ("telegram", self.telegram))
            if value is not None
        )

    @property
    def buys_with(self) -> dict[str, str]:
        """What they tell a shop of themselves."""
        given = {"email": self.email, "phone": self.phone, "telegram": self.telegram}
        return {name: value for name, value in given.items() if value is not None}


class Neighbourhood:
    """Everybody, newest last; old customers come back, and seldom those of long ago."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.everybody: list[Customer] = []
        self._by_address: dict[str, Customer] = {}

    def somebody(self, now: datetime, new: float) -> Customer:
        """A customer; with this probability a new one."""
        if not self.everybody or self._rng.random() < new:
            return self._move_in()
        recent = self.everybody[-80:]
        for _ in range(5):
            one = self._rng.choice(recent)
            if one.quiet_until is None or one.quiet_until <= now:
                return one
        return self._move_in()

    def who(self, address: str) -> Customer | None:
        """Whose address this is, or was first."""
        return self._by_address.get(address)

    def _move_in(self) -> Customer:
        rng, n = self._rng, len(self.everybody) + 1
        has = [rng.random() < share for share in (0.75, 0.7, 0.4)]
        if not any(has):
            has[rng.randrange(3)] = True
        shared = rng.choice(self.everybody[-80:]) if self.everybody and rng.random() < 0.06 else None
        phone = f"+1{_AREAS[n // 100 % len(_AREAS)]}55501{n % 100:02}"
        one = Customer(
            n,
            f"customer{n}@example.com" if has[0] else None,
            (shared.phone if shared and shared.phone else phone) if has[1] else None,
            str(1_000_000 + n) if has[2] else None,
            shared.zone if shared else rng.choice(ZONES),
            rng.choice(LANGUAGES),
            rng.triangular(0.1, 1.0, 0.9),
        )
        self.everybody.append(one)
        for address in one.addresses:
            self._by_address.setdefault(address, one)
        return one
