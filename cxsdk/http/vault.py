"""Where the grant of an account is kept between processes: what whoever renews it needs of that place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from cxsdk.domain.oauth import Grant


@dataclass(frozen=True)
class Kept:
    """A grant as it is stored. ``generation`` counts the grants of the account; ``now`` is the store's own time."""

    grant: Grant
    generation: int
    now: datetime
    problem: str = ""  #: why it is good no more


@dataclass(frozen=True)
class Lease:
    """The right to renew, and the store's time when it was given."""

    fence: int
    at: datetime


class Vault(Protocol):
    """Where the grant of one account is kept, shared by all processes."""

    def load(self) -> Kept | None:
        """What is kept, or None where the account was never connected."""

    def begin(self, generation: int, lease: timedelta) -> Lease | None:
        """The lease, or None while somebody else has it, or where the grant is another by now."""

    def keep(self, grant: Grant, generation: int) -> bool:
        """Stores the successor of a generation, and ends the lease; False where there is one already."""

    def give_up(self, generation: int, problem: str) -> bool:
        """Says that a generation is good no more, and has the account rest; False where it has a successor."""

    def release(self, lease: Lease, wait: timedelta) -> None:
        """Gives a lease back: nobody tries before so long."""
