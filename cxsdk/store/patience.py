"""A transaction that loses a race is tried again; where it always does, that is told."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random

from cxsdk.errors import CxsdkError
from cxsdk.store.engine import LostRace

P = ParamSpec("P")
T = TypeVar("T")

#: So often it is tried, with waits of up to so many seconds in between.
TRIES, LONGEST_S = 6, 0.3


def patient(act: Callable[P, T]) -> Callable[P, T]:
    """Makes a function that is one transaction try again where it lost a race. Raises CxsdkError in the end."""

    @wraps(act)
    def patiently(*args: P.args, **kwargs: P.kwargs) -> T:
        lost = retry_if_exception_type(LostRace)
        tries = Retrying(retry=lost, stop=stop_after_attempt(TRIES), wait=wait_random(0, LONGEST_S), reraise=True)
        try:
            return tries(act, *args, **kwargs)
        except LostRace as error:
            raise CxsdkError(
                "Other processes change the same at the same moment, again and again. Nothing more was changed; run it "
                "once more.",
                code="race_lost",
            ) from error

    return patiently
