"""An account that was connected by OAuth, in memory: what a plugin's session has in a test."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from cxsdk.domain.clock import Clock
from cxsdk.domain.oauth import Grant
from cxsdk.http.vault import Kept, Lease

#: The tokens of an account in a test, until it renews them.
ACCESS_TOKEN, REFRESH_TOKEN = "sample-access-token", "sample-refresh-token"


class MemoryVault:
    """Implements ``Vault``. The access token is good for an hour."""

    def __init__(self, clock: Clock, granted: Mapping[str, Any]) -> None:
        self._clock = clock
        self._fence = 0
        self._lease_until = clock.now()
        self._problem = ""
        self._generation = 1
        answer = {"access_token": ACCESS_TOKEN, "refresh_token": REFRESH_TOKEN, "expires_in": 3600}
        self._grant = Grant.of(answer, clock.now(), fields=granted)

    def load(self) -> Kept:
        """What is kept."""
        return Kept(self._grant, self._generation, self._clock.now(), self._problem)

    def begin(self, generation: int, lease: timedelta) -> Lease | None:
        """The lease, or None while somebody else has it."""
        now = self._clock.now()
        if generation != self._generation or self._lease_until > now:
            return None
        self._fence, self._lease_until = self._fence + 1, now + lease
        return Lease(self._fence, now)

    def keep(self, grant: Grant, generation: int) -> bool:
        """Stores the successor of a generation."""
        if generation != self._generation:
            return False
        self._grant, self._generation, self._lease_until = grant, generation + 1, self._clock.now()
        return True

    def give_up(self, generation: int, problem: str) -> bool:
        """Says that a generation is good no more."""
        self._problem = problem if generation == self._generation else ""
        return bool(self._problem)

    def release(self, lease: Lease, wait: timedelta) -> None:
        """Gives a lease back: nobody tries before so long."""
        self._lease_until = self._clock.now() + wait
