"""What is tried again within one call, and how soon."""

from __future__ import annotations

from collections.abc import Callable

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from cxsdk.domain.clock import stopwatch
from cxsdk.errors import RateLimited, Transient

#: At most so many tries within one call; what is left after them, the row carries.
TRIES = 3
#: A longer wait is not slept through: the error carries it to whoever plans the account's work.
LONGEST_WAIT_S = 2.0

_backoff = wait_random_exponential(multiplier=0.1, max=1.0)


def repeating(end: float, sleep: Callable[[float], None]) -> Retrying:
    """Tries again what did not happen, as long as there is time before ``end`` on the stopwatch."""
    return Retrying(
        retry=retry_if_exception(_is_worth_repeating),
        wait=_wait,
        stop=lambda state: state.attempt_number >= TRIES or _is_too_long(state.upcoming_sleep, end),
        sleep=sleep,
        reraise=True,
    )


def _is_worth_repeating(error: BaseException) -> bool:
    """Transient means that it did not happen; a wait of unknown length is left to whoever plans the account's work."""
    if not isinstance(error, Transient):
        return False
    if error.retry_after is None:
        return not isinstance(error, RateLimited) and error.status in (None, 502, 503, 504)
    return True


def _wait(state: RetryCallState) -> float:
    error = state.outcome and state.outcome.exception()
    return max(_backoff(state), getattr(error, "retry_after", None) or 0.0)


def _is_too_long(wait: float, end: float) -> bool:
    return wait > LONGEST_WAIT_S or stopwatch() + wait >= end
