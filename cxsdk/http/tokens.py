"""An account's access token, always fresh: renewed early, by one process at a time, and stored before it is used.

Whoever finds that the token should be renewed takes the lease, asks the provider with no transaction open, and stores
what came. The others go on with the old token as long as it is good, and wait for the new one after that. A token that
another process has renewed is found in the store, never asked for again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

from cxsdk.domain.clock import Clock, stopwatch
from cxsdk.domain.oauth import Grant
from cxsdk.errors import AuthenticationError, CxsdkError, Transient
from cxsdk.http.deadline import deadline, ends_at
from cxsdk.http.token_endpoint import RECONNECT, TokenEndpoint, reconnect
from cxsdk.http.vault import Kept, Lease, Vault
from cxsdk.observe import forget, logger

#: How long nobody else tries after a renewal that failed, and how soon those who wait for a token look again.
PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=5)
LOOK_EVERY_S = 0.1
#: So long somebody waits for the token that another process renews.
PATIENCE_S = 5.0
#: How long a process goes on with what it knows, before it looks whether the account was connected anew.
LOOK_AGAIN_S = 60.0
#: A token that is refused so soon after it was given is not renewed again: it is not its age that is wrong.
TOO_YOUNG = timedelta(minutes=1)
#: A lease is so many times as long as the call may take: there must be time to store what came.
SPARE = 1.5


class Tokens:
    """Hands out the token of one account, to any number of threads."""

    def __init__(
        self,
        account: str,
        endpoint: TokenEndpoint,
        vault: Vault,
        clock: Clock,
        deadline_s: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._account = account
        self._endpoint = endpoint
        self._vault = vault
        self._clock = clock
        self._deadline_s = deadline_s
        self._sleep = sleep
        self._lock = Lock()
        self._known: Kept | None = None
        self._looked_at = 0.0
        self._unsaved: tuple[Grant, int] | None = None
        self._past: Grant | None = None
        self._ahead = timedelta(0)  # of our clock before the store's
        self._not_before: datetime | None = None  # when it is worth trying again
        self._log = logger("cxsdk.oauth", account=account)

    def current(self) -> Kept:
        """A grant whose token is good. Raises AuthenticationError where an operator is needed, else Transient."""
        known = self._known
        if known is not None and self._is_enough_for_now(known):
            return known
        can_wait = known is None or not self._is_good(known)
        if not self._lock.acquire(timeout=self._left() if can_wait else 0):
            return self._unless_late(known)
        try:
            return self._look(self._is_early, self._is_good)
        except Transient:
            if known is None or not self._is_good(known):
                raise
            return known
        finally:
            self._lock.release()

    def instead_of(self, refused: Kept) -> Kept | None:
        """A grant whose token is another than the one that the provider refused, or None where there can be none."""
        if not self._lock.acquire(timeout=self._left()):
            return None
        try:
            return self._look(lambda kept: self._is_another(kept, refused), lambda _: False)
        except _NotWorthIt:
            return None
        finally:
            self._lock.release()

    def told(self) -> Kept:
        """The grant whatever its age: for what the provider told with it."""
        return self._known or self._load()

    # One after the other in this process

    def _look(self, is_enough: Callable[[Kept], bool], is_usable: Callable[[Kept], bool]) -> Kept:
        end = ends_at(min(self._deadline_s, PATIENCE_S))
        while True:
            self._save()
            kept = self._load()
            if is_enough(kept):
                return kept
            if self._left() < self._deadline_s / 2 or self._is_waiting():
                return self._not_now(kept, is_usable)
            begun = stopwatch()
            lease = self._vault.begin(kept.generation, timedelta(seconds=self._deadline_s * SPARE))
            if lease is not None:
                after = self._renew(kept, lease, begun, is_usable)
                if after.generation != kept.generation or is_usable(after):
                    return after
            elif is_usable(kept):
                return self._later(kept, PAUSE)
            elif stopwatch() + LOOK_EVERY_S > end:
                raise Transient(f"{self._account}: another process renews the token.", retry_after=PAUSE.seconds)
            else:
                self._sleep(LOOK_EVERY_S)

    def _not_now(self, kept: Kept, is_usable: Callable[[Kept], bool]) -> Kept:
        """A renewal has just failed; or too little time is left for one: its answer may be the only refresh token."""
        if is_usable(kept):
            return kept
        raise Transient(f"{self._account}: its token has ended and is renewed soon.", retry_after=PAUSE.seconds)

    def _renew(self, kept: Kept, lease: Lease, begun: float, is_usable: Callable[[Kept], bool]) -> Kept:
        try:
            with deadline(begun + self._deadline_s - stopwatch()):  # also where the machine slept since
                grant = self._endpoint.renew(kept.grant, lease.at)
        except CxsdkError as error:
            return self._failed(kept, lease, error, is_usable)
        self._unsaved = grant, kept.generation
        self._save()
        return self._load()

    def _save(self) -> None:
        """Stores what came, before anybody uses it.

        Where the database is away, whoever looks next tries again: it may be the only copy of a refresh token.
        """
        if self._unsaved is not None:
            grant, generation = self._unsaved
            if self._vault.keep(grant, generation):
                self._log.info("token_renewed", generation=generation + 1)
            self._unsaved = None

    def _failed(self, kept: Kept, lease: Lease, error: CxsdkError, is_usable: Callable[[Kept], bool]) -> Kept:
        if error.code == RECONNECT:
            if self._vault.give_up(kept.generation, str(error)):
                self._log.warning("reconnect_needed", cure=reconnect(self._account))
                raise error
            return self._load()  # somebody has stored another since: that it was refused is no wonder
        wait = min(max(PAUSE, timedelta(seconds=getattr(error, "retry_after", None) or 0)), LONGEST_PAUSE)
        self._vault.release(lease, wait)
        self._log.warning("token_not_renewed", why=error.code, error=str(error))
        self._later(kept, wait)
        if not is_usable(kept):
            raise error
        return kept

    def _load(self) -> Kept:
        kept = self._vault.load()
        if kept is None:
            raise AuthenticationError(
                f"{self._account} is not connected yet. {reconnect(self._account)}", code="not_connected"
            )
        self._ahead = self._clock.now() - kept.now
        if kept.problem:
            self._known = None
            raise AuthenticationError(kept.problem, code=RECONNECT)
        return self._learn(kept)

    def _learn(self, kept: Kept) -> Kept:
        before, self._known, self._looked_at = self._known, kept, stopwatch()
        if before is not None and before.generation != kept.generation:
            self._not_before = None
            self._forget_the_past(before.grant, kept.grant)
        return kept

    def _forget_the_past(self, last: Grant, present: Grant) -> None:
        """Hides the secrets of the last grant and the present one; requests may still be under way with the last."""
        if self._past is not None:
            secrets_of = self._endpoint.secrets_of
            forget(*(secrets_of(self._past) - secrets_of(last) - secrets_of(present)))
        self._past = last

    # Time, as our clock has it

    def _is_early(self, kept: Kept) -> bool:
        return self._is_before(kept.grant.renew_at)

    def _is_good(self, kept: Kept) -> bool:
        return self._is_before(kept.grant.expires_at)

    def _is_before(self, moment: datetime | None) -> bool:
        return moment is None or self._clock.now() - self._ahead < moment

    def _is_another(self, kept: Kept, refused: Kept) -> bool:
        if kept.generation != refused.generation:
            return True
        if self._is_before(kept.grant.asked_at + TOO_YOUNG):
            raise _NotWorthIt
        return False

    def _is_enough_for_now(self, known: Kept) -> bool:
        if self._is_early(known):
            return stopwatch() - self._looked_at < LOOK_AGAIN_S
        return self._is_good(known) and self._is_waiting()

    def _is_waiting(self) -> bool:
        return self._not_before is not None and self._clock.now() < self._not_before

    def _later(self, kept: Kept, wait: timedelta) -> Kept:
        self._not_before = self._clock.now() + wait
        return kept

    def _left(self) -> float:
        return max(ends_at(self._deadline_s) - stopwatch(), 0.0)

    def _unless_late(self, known: Kept | None) -> Kept:
        if known is not None and self._is_good(known):
            return known
        raise Transient(f"{self._account}: no token came in time.", retry_after=PAUSE.seconds)


class _NotWorthIt(Exception):
    """The refused token is new: another one would be refused as well."""
