"""What every value has in common: frozen, strict about unknown fields, and aware of its time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict


class Value(BaseModel):
    """A value that crosses rooms. It cannot change, and a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _plausible(at: datetime) -> datetime:
    # compared before the zone is changed, which overflows at the ends of the calendar
    if not 1990 <= at.year <= 2100:
        raise ValueError("must lie between the years 1990 and 2100")
    return at.astimezone(UTC)


#: A moment in UTC. Naive times and absurd years are refused: both have put contacts on the wrong day.
Moment = Annotated[AwareDatetime, AfterValidator(_plausible)]
