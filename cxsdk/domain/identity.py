"""How a customer is recognised: phones, e-mails, handles; and who recognises them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache

from pydantic import Field

from cxsdk.domain.values import Value
from cxsdk.errors import BadInput


class Confidence(StrEnum):
    """How sure we are that an identity is this very person's."""

    KNOWN = "known"  #: the person used it, or a system of record says so
    MAYBE = "maybe"  #: typed in by somebody, or not a valid number: never a reason to merge two people


class Identity(Value):
    """One way to recognise a customer: ``phone`` in E.164, ``email`` in lower case, or a messenger's user id."""

    kind: str = Field(min_length=1, max_length=32, pattern=r"^[a-z][a-z0-9_]*$")
    value: str = Field(min_length=1, max_length=320)
    confidence: Confidence = Confidence.KNOWN

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"

    @property
    def is_known(self) -> bool:
        """Whether this identity may decide who somebody is."""
        return self.confidence is Confidence.KNOWN

    def maybe(self) -> Identity:
        """The same identity, but only perhaps this person's."""
        return self.model_copy(update={"confidence": Confidence.MAYBE})


# People come back: of the same address or number, the meaning is the same.
@lru_cache(maxsize=16_384)
def phone(number: str, *, region: str | None = None) -> Identity:
    """A phone number in E.164. ``region`` (ISO 3166, ``"UA"``) reads numbers written without a country code.

    Raises BadInput for what cannot be a number at all; a number that is possible but assigned to nobody is kept
    as ``maybe``.
    """
    import phonenumbers  # 60 ms of metadata: loaded when the first number is read

    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        raise BadInput("is not a phone number; write it as +380441234567.", code="phone_invalid") from None
    if not phonenumbers.is_possible_number(parsed):
        raise BadInput("cannot be a phone number: too short or too long.", code="phone_invalid")
    confidence = Confidence.KNOWN if phonenumbers.is_valid_number(parsed) else Confidence.MAYBE
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return Identity(kind="phone", value=e164, confidence=confidence)


#: What phone systems write in place of a number that the caller withheld.
_WITHHELD = frozenset({"", "anonymous", "unknown", "restricted", "private", "withheld", "unavailable", "blocked"})


def is_withheld(number: str) -> bool:
    """Whether a phone system wrote a word, or nothing, in place of a number that the caller withheld."""
    return number.strip().casefold() in _WITHHELD


def own_numbers(numbers: Iterable[str], *, region: str | None = None) -> tuple[str, ...]:
    """A setting that holds the company's own lines, in E.164. Raises ValueError, as validators of settings do."""
    try:
        return tuple(phone(number, region=region).value for number in numbers)
    except BadInput as error:
        raise ValueError(f"one of them {error}") from None


@lru_cache(maxsize=16_384)
def email(address: str) -> Identity:
    """An e-mail address, normalised to lower case. Raises BadInput for what cannot be one; asks no DNS."""
    from email_validator import EmailNotValidError, validate_email

    try:
        checked = validate_email(address.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise BadInput("is not an e-mail address.", code="email_invalid") from None
    return Identity(kind="email", value=checked.normalized.lower())


def handle(service: str, user: str | int) -> Identity:
    """A person's id at a messenger or other service: ``handle("telegram", 123)``."""
    return Identity(kind=service, value=str(user))


class Agent(Value):
    """An employee who talks to customers; ``id`` is their owner or user id in the CRM."""

    id: str
    name: str = ""
    email: str | None = None
    extension: str | None = None  #: internal phone number, where the CRM knows it
    active: bool = True


class Person(Value):
    """A customer as a CRM needs to know them. ``key`` is our idempotency key for creating them."""

    key: str
    name: str = ""
    identities: tuple[Identity, ...] = ()
    agent_id: str | None = None  #: the responsible agent's id in the CRM
    language: str | None = None
    source: str = ""  #: the account over which they first wrote or called
