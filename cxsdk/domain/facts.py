"""What ``parse`` returns: pieces of truth that journeys fold, in whatever order and however often they come."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import get_args

from pydantic import Field

from cxsdk.domain.identity import Identity
from cxsdk.domain.interaction import InteractionFact
from cxsdk.domain.survey import Response
from cxsdk.domain.values import Moment, Value
from cxsdk.domain.zones import TimeZone


class DeliveryState(StrEnum):
    """What became of a message that we sent."""

    SENT = "sent"  #: the provider passed it on
    DELIVERED = "delivered"  #: it reached the device or mailbox
    READ = "read"  #: it was opened
    FAILED = "failed"  #: it did not arrive
    BOUNCED = "bounced"  #: the address does not take mail
    UNKNOWN = "unknown"  #: a word of the provider that cxsdk does not know

    @classmethod
    def _missing_(cls, value: object) -> DeliveryState:  # noqa: ARG003 - whatever it is
        return cls.UNKNOWN


class Delivery(Value):
    """What a provider says of a message that we sent; ``message_id`` is the id it gave then."""

    key: str = Field(min_length=1, max_length=200)
    at: Moment
    message_id: str
    state: DeliveryState
    reason: str = ""


class TaskChange(Value):
    """A task changed in the CRM. ``done`` is its whole state, not the change; ``deleted`` says that it is gone."""

    key: str = Field(min_length=1, max_length=200)
    at: Moment
    task_id: str
    done: bool = False
    deleted: bool = False
    agent_id: str | None = None
    comment: str = ""


class EventKind(StrEnum):
    """What happened between a customer and the company's product: what can trigger or cancel a survey."""

    PURCHASE = "purchase"  #: bought
    USE = "use"  #: first used, as far as the shop can tell
    DELIVERY = "delivery"  #: received
    RENEWAL = "renewal"  #: prolonged
    SUBSCRIPTION = "subscription"  #: holds a subscription that ends at ``expires_at``
    CANCELLATION = "cancellation"  #: an order or subscription taken back
    REFUND = "refund"  #: money returned


class BusinessEvent(Value):
    """Something that happened between a customer and the product; ``order`` ties the events of one order."""

    key: str = Field(min_length=1, max_length=200)
    at: Moment
    kind: EventKind
    customer: tuple[Identity, ...] = Field(min_length=1)
    name: str = ""
    language: str | None = None
    time_zone: TimeZone | None = None  #: IANA name, ``Europe/Kyiv``, where the shop knows it
    order: str | None = None
    product: str = ""
    amount: str | None = None  #: a decimal number, in ``currency``
    currency: str | None = None  #: ISO 4217
    expires_at: datetime | None = None


class OptOut(Value):
    """A customer wants no more surveys and no other automatic messages; or, with ``opted_out=False``, wants them again.

    Who it is, says ``customer``, or the token of the ``invitation`` that they answered with it. Of several, the one
    that was said last (``at``) holds, in whatever order they come.
    """

    key: str = Field(min_length=1, max_length=200)
    at: Moment
    customer: tuple[Identity, ...] = ()
    invitation: str | None = None
    opted_out: bool = True  #: what they wish from then on, not the change
    reason: str = ""


class MessageRequest(Value):
    """An agent wants to write to a customer: sent once, over ``channel`` or the best one that reaches them."""

    key: str = Field(min_length=1, max_length=200)
    at: Moment
    customer: tuple[Identity, ...] = Field(min_length=1)
    text: str = Field(min_length=1)
    subject: str = ""
    channel: str | None = None  #: the account to send over
    agent: str | None = None  #: the agent's e-mail, extension or CRM id
    in_reply_to: str | None = None  #: the provider's id of the message that this answers


class IdentityClaim(Value):
    """These identities belong to one person, as they themselves or a system of record say."""

    key: str = Field(min_length=1, max_length=200)
    at: Moment
    identities: tuple[Identity, ...] = Field(min_length=2)
    name: str = ""


class PersonMerged(Value):
    """The CRM merged one person into another."""

    key: str = Field(min_length=1, max_length=200)
    at: Moment
    person_id: str
    into: str


class PersonErased(Value):
    """The CRM erased a person, who must be forgotten here too."""

    key: str = Field(min_length=1, max_length=200)
    at: Moment
    person_id: str


Fact = (
    InteractionFact | Response | Delivery | TaskChange | BusinessEvent | OptOut | MessageRequest | IdentityClaim
    | PersonMerged | PersonErased
)  # fmt: skip


@cache
def kind_of(value: type) -> type | None:
    """Which of the facts a class is, or is made of; None for what is no fact. Each class is looked at once."""
    return next((kind for kind in get_args(Fact) if issubclass(value, kind)), None)
