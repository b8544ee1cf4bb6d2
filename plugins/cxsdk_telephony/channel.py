"""A generic phone system: it posts events of calls, signed; nothing is sent to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from cxsdk import (
    BadInput,
    CallState,
    Channel,
    Direction,
    Fact,
    Identity,
    Inbound,
    InteractionFact,
    Kind,
    Raw,
    Request,
    Secret,
    is_withheld,
    own_numbers,
    phone,
    sign_hmac,
    verify_hmac,
)
from cxsdk_telephony.event import CallEvent, bad_input, read_event, read_key

#: What an event's type says of the call; any other type says nothing.
STATES = {
    "ringing": CallState.RINGING,
    "answered": CallState.ANSWERED,
    "missed": CallState.MISSED,
    "hung_up": CallState.ENDED,
}


class Telephony(Channel, Inbound):
    """Calls of any PBX that can POST JSON; ``docs/plugins/telephony.md`` has the events and the signature."""

    #: The key of the signature, known to the phone system and to us.
    secret: Secret
    #: The country (ISO 3166, ``UA``) whose numbers come without a country code.
    region: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    #: The company's own lines: they tell the direction where the phone system does not.
    own_numbers: tuple[str, ...] = ()
    #: How long after its last event a call is logged that nobody ended.
    log_stale_calls_after: timedelta = Field(default=timedelta(hours=2), gt=timedelta(0))

    kind = Kind.CALL

    @field_validator("own_numbers")
    @classmethod
    def _own_numbers_in_e164(cls, numbers: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return own_numbers(numbers, region=info.data.get("region"))

    def log_after(self) -> timedelta:
        """How long after its last event a call that nobody ended is logged all the same."""
        return self.log_stale_calls_after

    def verify(self, request: Request, now: datetime) -> None:
        """The hex HMAC-SHA256 of ``{timestamp}.{body}``; a timestamp more than five minutes off is refused."""
        verify_hmac(
            request, header="X-Telephony-Signature", key=self.secret, timestamp="X-Telephony-Timestamp", now=now
        )

    def samples(self, url: str, now: datetime) -> Mapping[str, Request]:
        """One event of each kind, each of a call of its own."""
        call = {"at": now.isoformat(), "direction": "inbound", "from": "+12125550123", "to": "+12125550100"}
        more: dict[str, dict[str, int]] = {"ringing": {}, "answered": {}, "missed": {}, "hung_up": {"duration": 60}}
        return {
            type: self._signed(url, {**call, **_ids(type, now), "type": type, **fields}, now)
            for type, fields in more.items()
        }

    def _signed(self, url: str, event: Mapping[str, object], now: datetime) -> Request:
        request = Request(url=url, body=json.dumps(event).encode())
        return sign_hmac(
            request, header="X-Telephony-Signature", key=self.secret, timestamp="X-Telephony-Timestamp", now=now
        )

    def event_key(self, request: Request) -> str:
        """The call's and the event's own ids, or the body's hash where it does not tell them."""
        return read_key(request) or super().event_key(request)

    def parse(self, raw: Raw) -> Iterator[Fact]:
        """One event is one piece of the call."""
        event = read_event(raw)
        direction = event.direction or self._direction(event)
        outbound = direction is Direction.OUTBOUND
        try:
            yield InteractionFact(
                key=event.key,
                interaction=event.call_id,
                at=event.at,
                direction=direction,
                sender=self._line(event.from_) if outbound else self._customer(event.from_, "from"),
                recipient=self._customer(event.to, "to") if outbound else self._line(event.to),
                agent=event.agent,
                comment=event.comment or "",
                state=_state(event),
                answered_at=_answered_at(event),
                recording_url=event.recording_url,
            )
        except ValidationError as error:
            raise bad_input(error) from None

    def _direction(self, event: CallEvent) -> Direction | None:
        if self._is_own(event.from_):
            return Direction.OUTBOUND
        return Direction.INBOUND if self._is_own(event.to) else None

    def _is_own(self, number: str) -> bool:
        line = self._line(number) if self.own_numbers else None
        return line is not None and line.value in self.own_numbers

    def _customer(self, number: str, field: str) -> Identity | None:
        if is_withheld(number):
            return None
        try:
            return phone(number, region=self.region)
        except BadInput as error:
            raise BadInput(str(error), field=f"body.{field}", code=error.code) from None

    def _line(self, number: str) -> Identity | None:
        """The company's side: often an extension or the name of a group, and then nobody's phone number."""
        try:
            return phone(number, region=self.region)
        except BadInput:
            return None


def _ids(event: str, now: datetime) -> dict[str, str]:
    return {"call_id": f"sample-{event}-{now.timestamp():.3f}", "event_id": event}


def _state(event: CallEvent) -> CallState | None:
    # A PBX without an event of its own for missed calls says that they lasted no time
    if event.type == "hung_up" and event.duration is not None and not event.duration and event.answered_at is None:
        return CallState.MISSED
    return STATES.get(event.type)


def _answered_at(event: CallEvent) -> datetime | None:
    if event.answered_at is None and event.type == "hung_up" and event.duration:
        return event.at - event.duration
    return event.answered_at
