"""The fields of the ingest API's items that need more than a type: moments, phones, e-mails, amounts, zones."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from cxsdk.domain.identity import Identity, email, handle, phone
from cxsdk.domain.values import Moment
from cxsdk.errors import BadInput

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}")
_AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?")
_TELEGRAM = re.compile(r"[0-9]{1,20}")

#: The longest way to recognise somebody, in characters.
IDENTITY_LIMIT = 320
#: The same customers come again and again, and to read a number takes longer than all else about an item.
_REMEMBERED = 20_000
_phone = lru_cache(_REMEMBERED)(phone)
_email = lru_cache(_REMEMBERED)(email)


def read_identity(kind: str, value: object, region: str | None = None) -> Identity:
    """An identity of this kind, normalised as channels do it, so that both recognise the same customer."""
    if kind == "telegram":
        return _telegram(value)
    text = _text(value)
    if kind == "phone":
        return _told(lambda: _phone(text, region=region))
    if kind == "email":
        return _told(lambda: _email(text))
    return handle(kind, text)


def _telegram(value: object) -> Identity:
    user = str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value)
    if not _TELEGRAM.fullmatch(user):
        raise PydanticCustomError("telegram_invalid", "is not a Telegram user's id; write its digits.")
    return handle("telegram", user)


def _told(read: Callable[[], Identity]) -> Identity:
    try:
        return read()
    except BadInput as error:
        raise PydanticCustomError(error.code, str(error)) from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("field_invalid", "must be a string.")
    if len(value) > IDENTITY_LIMIT:
        raise PydanticCustomError("field_invalid", "must have at most {limit} characters.", {"limit": IDENTITY_LIMIT})
    return value


def _identity_of(kind: str) -> BeforeValidator:
    def read(value: object, info: ValidationInfo) -> Identity:
        return read_identity(kind, value, info.data.get("region"))

    return BeforeValidator(read)


def _schema(**schema: Any) -> WithJsonSchema:
    return WithJsonSchema(schema)


def _iso(value: object) -> str:
    if not isinstance(value, str) or not _MOMENT.match(value):
        raise PydanticCustomError("time_invalid", "is not a moment; write it as 2026-03-02T12:00:00Z.")
    return value


def _amount(value: object) -> str:
    # an amount goes on as text: no binary fraction ever stands between a shop and a CRM
    number = format(Decimal(repr(value)), "f") if type(value) in (int, float) else value
    if not isinstance(number, str) or not _AMOUNT.fullmatch(number):
        raise PydanticCustomError("amount_invalid", 'is not an amount of money; write it as "19.99".')
    return number


@lru_cache
def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise PydanticCustomError("zone_unknown", "is not an IANA time zone such as Europe/Kyiv.") from None
    return name


#: A moment in UTC, given as ISO 8601 with a zone, between the years 1990 and 2100.
At = Annotated[Moment, BeforeValidator(_iso), _schema(type="string", format="date-time")]
#: A phone, read in the ``region`` that a field before it names.
Phone = Annotated[Identity, _identity_of("phone"), _schema(type="string", examples=["+12125550123"])]
#: An e-mail address.
Email = Annotated[Identity, _identity_of("email"), _schema(type="string", examples=["ann@example.com"])]
#: A Telegram user's number.
Telegram = Annotated[
    Identity,
    _identity_of("telegram"),
    _schema(anyOf=[{"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^{_TELEGRAM.pattern}$"}]),
]
#: A decimal number as text.
Amount = Annotated[
    str,
    BeforeValidator(_amount),
    _schema(anyOf=[{"type": "string", "pattern": f"^{_AMOUNT.pattern}$"}, {"type": "number"}], examples=["19.99"]),
]
#: An IANA time zone.
Zone = Annotated[str, Field(max_length=64), AfterValidator(_zone)]
#: A language as ``uk`` or ``pt-BR``.
Language = Annotated[str, Field(max_length=16, pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")]
#: A web address.
Url = Annotated[str, Field(max_length=2000, pattern=r"^https?://\S+$")]
#: An id of the sender's own.
Id = Annotated[str, Field(min_length=1, max_length=150)]
#: A line of text.
Line = Annotated[str, Field(max_length=1000)]
