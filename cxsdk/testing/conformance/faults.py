"""What goes wrong at a provider, and the word that the plugin must have for each: the core acts on the error alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

from cxsdk.domain.outward import Outcome, Receipt
from cxsdk.errors import AuthenticationError, OutcomeUnknown, RateLimited, Transient
from cxsdk.testing.conformance.base import kind
from cxsdk.testing.conformance.outward import OutwardConformance
from cxsdk.testing.conformance.rig import Attempt, Rig
from cxsdk.testing.conformance.values import word
from cxsdk.testing.context import NOW
from cxsdk.testing.stand_in import Answer, Fault, HttpStandIn

#: How HTTP itself says that a limit is hit; every provider may put something in between that does.
PLAIN_LIMITS = (
    Answer(429, headers={"Retry-After": "30"}, wait=30),
    Answer(429, headers={"Retry-After": format_datetime(NOW + timedelta(seconds=90), usegmt=True)}, wait=90),
)


class FaultConformance(OutwardConformance):
    """Each fault is tried at each request that a call makes."""

    @kind("every limit is honoured")
    def test_every_limit_is_honoured(self, method: str) -> None:
        """Whatever shape a limit has, it is RateLimited, with the provider's wait, and nothing more is asked."""
        for answer in self._limits(method):
            for rig, attempt, further in self._broken(method, Fault.LIMIT, answer):
                shape = f"{answer.status} {answer.content[:80].decode(errors='replace')}".strip()
                limit = attempt.error if isinstance(attempt.error, RateLimited) else None
                self.demand(
                    limit,
                    f"A limit ({shape}) is not RateLimited for {method}: override classify(response) and return "
                    "RateLimited(text, retry_after=seconds) for it; let the error out.",
                    attempt, rig,
                )  # fmt: skip
                wait = limit.retry_after if limit else None
                self.demand(
                    answer.wait is None or (wait is not None and abs(wait - answer.wait) <= 2),
                    f"A limit ({shape}) says to wait {answer.wait} s, and the error's retry_after is {wait}.",
                    attempt, rig,
                )  # fmt: skip
                self.demand(
                    further <= 1 or (answer.wait or 0) <= 2,
                    f"After a limit ({shape}) {method} went on with {further - 1} more requests: stop at the first.",
                    rig,
                )

    @kind("wrong credentials are no refusal")
    def test_wrong_credentials_are_no_refusal(self, method: str) -> None:
        """Credentials that are not accepted are AuthenticationError: no record is to blame."""
        for rig, attempt, _ in self._broken(method, Fault.UNAUTHORIZED):
            self.demand(
                isinstance(attempt.error, AuthenticationError),
                f"{method} does not raise AuthenticationError where the provider refuses the credentials: override "
                "classify(response) where it says so in its own way, and let the error out.",
                attempt, rig,
            )  # fmt: skip

    @kind("an outage is no refusal")
    def test_an_outage_is_no_refusal(self, method: str) -> None:
        """A provider that is down refuses nothing: the record is tried again."""
        self._tried_again(method, Fault.DOWN)

    @kind("an outage is no refusal")
    def test_a_provider_out_of_reach_refuses_nothing(self, method: str) -> None:
        """Where no connection comes about, nothing is said of the record: it is tried again."""
        self._tried_again(method, Fault.UNREACHABLE)

    def _tried_again(self, method: str, fault: Fault) -> None:
        for rig, attempt, _ in self._broken(method, fault):
            self.demand(
                self._is_put_off(attempt),
                f"{method} says this of a provider that is {fault.value}: let Transient and OutcomeUnknown out; only "
                "what is wrong with the record itself is Rejected.",
                attempt, rig,
            )  # fmt: skip

    @kind("a lost answer is unknown")
    def test_a_lost_answer_is_unknown(self, method: str) -> None:
        """A connection that is cut after the record was written is OutcomeUnknown."""
        self._unknown(method, Fault.LOST)

    @kind("a lost answer is unknown")
    def test_a_page_in_place_of_the_answer_is_unknown(self, method: str) -> None:
        """A success that cannot be read may have happened: OutcomeUnknown."""
        self._unknown(method, Fault.GARBLED)

    def _unknown(self, method: str, fault: Fault) -> None:
        for rig, attempt, _ in self._broken(method, fault):
            if rig.holding(word(1)):
                self.demand(
                    attempt.is_unknown,
                    f"{method} wrote a record and its answer was {fault.value}, but the plugin does not say that the "
                    "outcome is unknown: let OutcomeUnknown out, and do not repeat a write.",
                    attempt,
                    rig,
                )
            else:
                self.demand(not attempt.is_done, f"{method} gives a receipt for what was never written.", attempt, rig)

    def _limits(self, method: str) -> Sequence[Answer]:
        self.supports(method)
        stand_in = self.provider
        return [*PLAIN_LIMITS, *stand_in.limits] if isinstance(stand_in, HttpStandIn) else [Answer(429, wait=30)]

    def _broken(self, method: str, fault: Fault, answer: Answer | None = None) -> Iterator[tuple[Rig, Attempt, int]]:
        """For each request of a call: the call that meets the fault there, and how many requests it made from there."""
        for after in range(self._requests_of(method)):
            with self.running() as rig:
                values = self.values(rig, method, 1)
                self.suffering(rig, fault, answer, after=after)
                before = rig.requests_made() + after
                attempt = rig.call(method, values)
                yield rig, attempt, rig.requests_made() - before

    def _requests_of(self, method: str) -> int:
        self.supports(method)
        with self.running() as rig:
            values: Sequence[Any] = self.values(rig, method, 1)
            before = rig.requests_made()
            rig.call(method, values)
            return max(rig.requests_made() - before, 1)

    def _is_put_off(self, attempt: Attempt) -> bool:
        """Whether the first value is to be tried again, or looked up."""
        if attempt.receipts:
            first = attempt.receipts[0]
            return isinstance(first, Receipt) and first.outcome in (Outcome.UNKNOWN, Outcome.DEFERRED)
        return isinstance(attempt.error, Transient | OutcomeUnknown)
