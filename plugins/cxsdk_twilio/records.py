"""What Twilio tells of calls, recordings and messages, the same from a webhook's form and from a list of its API.

https://www.twilio.com/docs/voice/twiml#request-parameters, https://www.twilio.com/docs/messaging/guides/webhook-request
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, TypeVar

from pydantic import AliasChoices, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from cxsdk import Attachment, BadInput, Raw

#: What an item of a list is kept for. The rest, such as a price that comes later, would make it a new record each time.
KEPT = (
    "sid", "parent_call_sid", "direction", "from", "to", "status", "duration", "answered_by", "start_time", "end_time",
    "date_created", "date_sent", "body", "num_media", "error_code", "error_message", "messaging_service_sid",
)  # fmt: skip


def read_time(given: Any) -> datetime:
    """RFC 2822, as Twilio writes it everywhere; ``-0000`` is UTC, too. Raises ValueError."""
    found = parsedate_to_datetime(str(given))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


_Time = Annotated[AwareDatetime, BeforeValidator(read_time)]


def _called(*names: str, **options: Any) -> Any:
    return Field(validation_alias=AliasChoices(*names), **options)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)


class Leg(_Record):
    """One leg of a call: from the customer to Twilio, or from Twilio to whoever is dialled (then it has a parent)."""

    sid: str = _called("CallSid", "sid", min_length=1, max_length=64)
    parent: str | None = _called("ParentCallSid", "parent_call_sid", default=None, max_length=64)
    direction: str = _called("Direction", "direction", default="")
    caller: str = _called("From", "from", default="")
    called: str = _called("To", "to", default="")
    status: str = _called("CallStatus", "status", max_length=64)
    seconds: int | None = _called("CallDuration", "duration", default=None, ge=0, le=604_800)
    answered_by: str = _called("AnsweredBy", "answered_by", default="")
    at: _Time | None = _called("Timestamp", "end_time", "start_time", "date_created", default=None)
    recording_url: str | None = _called("RecordingUrl", default=None)


class Recording(_Record):
    """A recording of a call; Twilio names the parent leg of a call with two."""

    sid: str = _called("RecordingSid", min_length=1, max_length=64)
    call: str = _called("CallSid", min_length=1, max_length=64)
    status: str = _called("RecordingStatus", max_length=64)
    url: str | None = _called("RecordingUrl", default=None)
    at: _Time | None = _called("RecordingStartTime", default=None)


class Text(_Record):
    """A message in or out, or what became of it."""

    sid: str = _called("MessageSid", "SmsSid", "sid", min_length=1, max_length=64)
    status: str = _called("MessageStatus", "SmsStatus", "status", default="received", max_length=64)
    sender: str = _called("From", "from", default="")
    recipient: str = _called("To", "to", default="")
    body: str = _called("Body", "body", default="")
    opt_out: str = _called("OptOutType", default="")
    error_code: str = _called("ErrorCode", "error_code", default="")
    error: str = _called("ErrorMessage", "error_message", default="")
    service: str = _called("MessagingServiceSid", "messaging_service_sid", default="")
    at: _Time | None = _called("date_sent", "date_created", default=None)
    media: tuple[Attachment, ...] = ()

    @property
    def is_inbound(self) -> bool:
        """Whether a customer wrote it."""
        return self.status.lower() in ("received", "receiving")


def read_record(raw: Raw) -> Leg | Recording | Text | None:
    """What a record speaks of; None where that is neither a call nor a message. Raises BadInput with the field."""
    told = _fields(raw)
    sid = str(told.get("sid", ""))
    if "RecordingStatus" in told and "CallSid" in told:
        return _read(Recording, told)
    if "CallStatus" in told or sid.startswith("CA"):
        return _read(Leg, told)
    if "MessageSid" in told or "SmsSid" in told or sid.startswith(("SM", "MM")):
        return _read(Text, {**told, "media": _media(told)})
    return None


R = TypeVar("R", bound=_Record)


def _read(kind: type[R], told: Mapping[str, Any]) -> R:
    try:
        return kind.model_validate(told)
    except ValidationError as error:
        raise bad_input(error) from None


def _fields(raw: Raw) -> dict[str, Any]:
    """The form's or the object's fields that hold something."""
    given = raw.payload() if raw.body.lstrip()[:1] in (b"{", b"[") else raw.form()
    return {name: value for name, value in given.items() if value not in ("", None)} if isinstance(given, dict) else {}


def _media(told: Mapping[str, Any]) -> list[Attachment]:
    """What came along, by reference: of a message from a list, only that it is there is known."""
    number = str(told.get("NumMedia") or told.get("num_media") or "")
    count = int(number) if number.isascii() and number.isdigit() else 0
    urls = [(str(told.get(f"MediaUrl{n}", "")), told.get(f"MediaContentType{n}")) for n in range(min(count, 20))]
    return [Attachment(reference=url, **({"content_type": str(kind)} if kind else {})) for url, kind in urls]


def bad_input(error: ValidationError) -> BadInput:
    """The first problem, with the path to its field and without the value."""
    problem = error.errors(include_input=False, include_url=False, include_context=False)[0]
    field = ".".join(["body", *(str(part) for part in problem["loc"])])
    return BadInput(f"{problem['msg']}.", field=field, code="twilio_record_invalid")
