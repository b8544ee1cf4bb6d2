"""A call event, the way a PBX posts it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from cxsdk import BadInput, Direction, Raw, Request

# Compared before any arithmetic: moving the first or last day of the calendar to another zone would overflow.
_At = Annotated[AwareDatetime, Field(ge=datetime(1990, 1, 1, tzinfo=UTC), lt=datetime(2101, 1, 1, tzinfo=UTC))]


def _known_direction(given: object) -> object:
    """A direction of the PBX's own, as "internal", tells nothing: the company's own numbers may."""
    return None if isinstance(given, str) and given not in list(Direction) else given


class EventIds(BaseModel):
    """What makes an event itself: a repetition has the same two ids."""

    # PBXs write ids and extensions as numbers as often as not
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True, allow_inf_nan=False)

    call_id: str = Field(pattern=r"^\S+$", max_length=120)
    event_id: str = Field(pattern=r"^\S+$", max_length=79)

    @property
    def key(self) -> str:
        """The event's name within the account. Neither id holds a space, so that no two pairs share one."""
        return f"{self.call_id} {self.event_id}"


class CallEvent(EventIds):
    """One event of a call. Fields that are not listed are ignored; the stored record keeps them.

    ``type`` is ``ringing``, ``answered``, ``missed``, ``hung_up``, ``recording``, ``comment``, or a word of the PBX's
    own that changes no state. ``duration`` is how long two people talked, in seconds, and belongs to ``hung_up``.
    """

    type: str = Field(min_length=1, max_length=100)
    at: _At
    direction: Annotated[Direction | None, BeforeValidator(_known_direction)] = None
    from_: str = Field(default="", alias="from", max_length=200)
    to: str = Field(default="", max_length=200)
    agent: str | None = Field(default=None, max_length=320)
    answered_at: _At | None = None
    duration: timedelta | None = Field(default=None, ge=timedelta(0), le=timedelta(days=7))
    recording_url: str | None = Field(default=None, pattern=r"^https?://\S+$", max_length=2000)
    comment: str | None = None


def read_event(raw: Raw) -> CallEvent:
    """The event in a record. Raises BadInput that names the field."""
    payload = raw.payload()
    try:
        return CallEvent.model_validate(payload)
    except ValidationError as error:
        raise bad_input(error) from None


def read_key(request: Request) -> str | None:
    """The event's own name, or None where the body does not tell it."""
    try:
        return EventIds.model_validate_json(request.body).key
    except ValidationError:
        return None


def bad_input(error: ValidationError) -> BadInput:
    """The first problem, with the path to its field and without the value."""
    problem = error.errors(include_input=False, include_url=False, include_context=False)[0]
    field = ".".join(["body", *(str(part) for part in problem["loc"])])
    return BadInput(f"{problem['msg']}.", field=field, code="call_event_invalid")
