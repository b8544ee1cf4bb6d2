"""What a provider lets an account do in a time, as its plugin declares it, and what an answer tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from cxsdk.domain.durations import Duration, spoken
from cxsdk.domain.settings import Settings
from cxsdk.domain.values import Value


class Limit(Settings):
    """So many calls in a time, or so many seconds of the provider's work.

    ``Limit(calls=100, per="10s")`` is never more than 100 calls within any ten seconds, wherever the provider's own
    window begins. ``Limit(calls=50, burst=50, per="25s")`` is a leaky bucket that holds 50 and loses 2 a second.
    ``Limit(seconds=480, per="10m")`` counts the seconds that answers tell of (``Usage.spent``), apart for each ``key``.
    """

    #: Calls, at most, within any such time.
    calls: Annotated[int, Field(ge=1)] | None = None
    #: Seconds of the provider's work, at most, within any such time.
    seconds: Annotated[float, Field(gt=0)] | None = None
    #: The time in which so much is allowed.
    per: Duration
    #: How many may come at once: the rest is spread evenly. A tenth of the whole, unless told otherwise.
    burst: Annotated[int, Field(ge=1)] | None = None
    #: By which answers name it (``Usage.limit``); its length (``10 seconds``) unless told otherwise.
    name: str = ""

    @model_validator(mode="after")
    def _counts_one_thing(self) -> Self:
        if (self.calls is None) == (self.seconds is None):
            raise ValueError('counts either calls or seconds: write Limit(calls=100, per="10s")')
        if not self.name:
            object.__setattr__(self, "name", spoken(self.per))
        return self

    @property
    def amount(self) -> float:
        """How much there is in ``per``, in calls or seconds."""
        return float(self.calls if self.calls is not None else self.seconds or 0)


class Usage(Value):
    """What an answer tells of a limit; what it does not tell is None."""

    limit: str = Field(min_length=1)  #: the limit's name
    amount: Annotated[float, Field(ge=0)] | None = None  #: how much there is in all: a plan may allow more
    remaining: Annotated[float, Field(ge=0)] | None = None  #: how much is left, whoever used the rest
    resets_in: timedelta | None = None  #: when all of it is there again
    spent: Annotated[float, Field(ge=0)] | None = None  #: seconds of the provider's work that this call took
    key: str = ""  #: what is counted apart, as a method's name


@dataclass(frozen=True)
class Meter:
    """How full a limit was at a moment, and how much there is in all where answers have told of more or less."""

    level: float
    at: float  #: seconds since 1970
    amount: float | None = None


#: The meters of an account, by the limit's name, and by ``name:key`` where a key is counted apart.
Meters = Mapping[str, Meter]
