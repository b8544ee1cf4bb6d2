"""What really happened outside: who said what over which address, and which addresses are one person's.

It knows nothing of cxsdk's tables and keys: by this and by the vendors' books it is judged what became of it all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cxsdk.domain.interaction import CallState

#: What is told of a person within this time after their erasure may be forgotten with them, or not.
FORGETTING = timedelta(days=3)


class Circles:
    """Which addresses belong together, as far as that was told."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def join(self, addresses: Sequence[str]) -> None:
        """These are one person's."""
        for other in addresses[1:]:
            self._parents[self.root(other)] = self.root(addresses[0])

    def root(self, address: str) -> str:
        """The address that stands for all of its circle."""
        root = address
        while (parent := self._parents.get(root, root)) != root:
            root = parent
        while address != root:
            self._parents[address], address = root, self._parents[address]
        return root


@dataclass
class Contact:
    """A contact that somebody acknowledged to have taken, or will."""

    mark: int
    addresses: tuple[str, ...]  #: none of a caller who withholds their number
    at: datetime
    taken_at: datetime | None = None
    state: CallState | None = None  #: as a call ended, and as the CRM must show it
    recording: str | None = None
    outbound: bool = False
    reached_at: datetime | None = None  #: when two people were in touch, if they were
    sent_by: str = ""  #: the channel that is asked to send it


@dataclass
class Bought:
    """A purchase."""

    order: str
    addresses: tuple[str, ...]
    at: datetime
    taken_at: datetime | None = None


@dataclass
class Asked:
    """A question that reached somebody."""

    token: str
    survey: str
    address: str
    at: datetime
    answers: list[Answer] = field(default_factory=list)
    bounced: bool = False

    @property
    def last_word(self) -> Answer | None:
        """What they said last of those answers that have a score: what came before may never have stood."""
        scored = [answer for answer in self.answers if answer.taken_at is not None and answer.has_score]
        return max(scored, key=lambda answer: (answer.at, answer.mark), default=None)


@dataclass
class Answer:
    """A part of an answer. ``mark`` is the number in its comment."""

    at: datetime
    mark: int
    has_score: bool
    is_unhappy: bool  #: or a wish to be contacted
    has_words: bool
    taken_at: datetime | None = None


@dataclass
class Wish:
    """Somebody wants no more questions, or wants them again."""

    said_at: datetime
    out: bool
    taken_at: datetime
    is_known: bool = False  #: it was understood: from now on it must be heeded


@dataclass
class Erasure:
    """Somebody was erased: until this is known everywhere, what is told of them may be forgotten with them."""

    addresses: frozenset[str]
    at: datetime
    known_at: datetime | None = None

    def understood(self, now: datetime) -> None:
        """It is known everywhere."""
        self.known_at = now

    def covers(self, at: datetime) -> bool:
        """Whether what was told at this moment may have been forgotten."""
        return self.known_at is None or at <= max(self.at + FORGETTING, self.known_at)


class Truth:
    """All of it."""

    def __init__(self) -> None:
        self.contacts: dict[int, Contact] = {}
        self.purchases: dict[str, Bought] = {}
        self.asked: dict[str, Asked] = {}
        self.zones: dict[str, set[str]] = {}
        self.poison: set[str] = set()  #: records that nobody can understand
        #: Addresses that were ever told together, for certain or perhaps; and those that certainly are one person's.
        self.ever, self.known = Circles(), Circles()
        self._joined: dict[str, datetime] = {}
        self._wishes: dict[str, list[Wish]] = {}
        self._erased: list[Erasure] = []
        self._not_yet_known: list[Callable[[datetime], None]] = []

    def link(self, addresses: Sequence[str]) -> None:
        """It was taken that these certainly are one person's."""
        if len(addresses) > 1:
            self._not_yet_known.append(lambda now: self._know(addresses, now))

    def _know(self, addresses: Sequence[str], now: datetime) -> None:
        if len({self.known.root(address) for address in addresses}) > 1:
            self.known.join(addresses)
            self._joined[self.known.root(addresses[0])] = now

    def wish(self, address: str, wish: Wish) -> None:
        """Somebody said that they want no more questions, or want them again."""
        self._wishes.setdefault(address, []).append(wish)

        def known(_: datetime) -> None:
            wish.is_known = True

        self._not_yet_known.append(known)

    def everything_is_understood(self, now: datetime) -> None:
        """Whatever was taken until now has been understood: it must be heeded from now on."""
        for know in self._not_yet_known:
            know(now)
        self._not_yet_known.clear()

    def has_news(self) -> bool:
        """Whether something was told that is perhaps not understood yet."""
        return bool(self._not_yet_known)

    def erase(self, addresses: Iterable[str], now: datetime) -> None:
        """The person with these addresses was erased: nothing that was said before need be remembered."""
        erasure = Erasure(frozenset(addresses), now)
        self._erased.append(erasure)
        self._not_yet_known.append(erasure.understood)

    def is_forgotten(self, addresses: Iterable[str], at: datetime) -> bool:
        """Whether what was told of these addresses at this moment may have been forgotten since."""
        roots = {self.ever.root(address) for address in addresses}
        return any(
            erasure.covers(at) and roots & {self.ever.root(address) for address in erasure.addresses}
            for erasure in self._erased
        )

    def zone_of(self, address: str) -> str | None:
        """The zone of whoever has this address, where only one was ever told."""
        root = self.ever.root(address)
        zones = {zone for other, told in self.zones.items() if self.ever.root(other) == root for zone in told}
        return next(iter(zones)) if len(zones) == 1 else None

    def wants_nothing(self, address: str) -> bool:
        """Whether this person has certainly opted out, and that was certainly known.

        Whom it may be known by now to be the same person as somebody else may have opted back in as that one.
        """
        words = [self._last_word(address, circles) for circles in (self.known, self.ever)]
        return all(last is not None and last.out and last.is_known for last in words)

    def _last_word(self, address: str, circles: Circles) -> Wish | None:
        root = circles.root(address)
        said = [wish for other, wishes in self._wishes.items() if circles.root(other) == root for wish in wishes]
        said = [wish for wish in said if not self.is_forgotten([address], wish.taken_at)]
        return max(said, key=lambda wish: (wish.said_at, wish.out), default=None)

    def asked_before(self, asked: Asked, since: datetime) -> list[Asked]:
        """What the same person was asked before, as far as that was known to be the same person by then."""
        root = self.known.root(asked.address)
        if self._joined.get(root, since) > since:
            return []
        return [
            other
            for other in self.asked.values()
            if other is not asked
            and self.known.root(other.address) == root
            and not other.bounced
            and not self.is_forgotten([other.address], other.at)
        ]
