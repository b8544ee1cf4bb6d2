"""Whom an item of the ingest API speaks of."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from cxsdk.domain.identity import Confidence, Identity
from cxsdk.webhooks.item_fields import Email, Language, Line, Phone, Telegram, Zone, read_identity


class Given(BaseModel):
    """What is sent to the API: a misspelt field is an error, and no error shows a value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)


class GivenIdentity(Given):
    """One way to recognise a customer."""

    kind: str = Field(max_length=32, pattern=r"^[a-z][a-z0-9_]*$")
    """`phone`, `email`, `telegram`, or a word of your own such as `shop_account`."""
    value: str = Field(min_length=1, max_length=320)
    """A phone with its country code, an e-mail address, or the person's id under that word."""
    confidence: Confidence = Confidence.KNOWN
    """`maybe` where somebody typed it in: it then never makes two people one."""

    @field_validator("value")
    @classmethod
    def _normalised(cls, value: str, info: ValidationInfo) -> str:
        return read_identity(info.data["kind"], value).value if "kind" in info.data else value

    def identity(self) -> Identity:
        """As the store knows it."""
        read = read_identity(self.kind, self.value)
        return read if self.confidence is Confidence.KNOWN else read.maybe()


_RECOGNISED_BY = ("phone", "email", "telegram", "identities")


class GivenCustomer(Given):
    """Whom an item speaks of: at least one of `phone`, `email`, `telegram` and `identities`."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": [name]} for name in _RECOGNISED_BY]})

    region: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    """ISO 3166 code of the country in which `phone` is read if it has no country code: `UA`."""
    phone: Phone | None = None
    """A phone number, best as `+12125550123`."""
    email: Email | None = None
    """An e-mail address."""
    telegram: Telegram | None = None
    """A Telegram user's id, a number."""
    identities: tuple[GivenIdentity, ...] = Field(default=(), max_length=20)
    """Any other ways to recognise them."""
    name: Line = ""
    """Their name."""
    language: Language | None = None
    """The language to write to them in: `en`, `uk`."""
    time_zone: Zone | None = None
    """The IANA name of the zone they live in: quiet hours are theirs."""

    @model_validator(mode="after")
    def _is_somebody(self) -> Self:
        if not self.all():
            raise PydanticCustomError("customer_unknown", "needs a phone, an email, a telegram id or identities.")
        return self

    def all(self) -> tuple[Identity, ...]:
        """Every identity once, in the order in which they are written above."""
        given = [self.phone, self.email, self.telegram, *(one.identity() for one in self.identities)]
        return tuple(dict.fromkeys(one for one in given if one is not None))
