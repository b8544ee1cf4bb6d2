"""What may be sent to the ingest API: one model for each type of item, for the route, the parser and the docs alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from cxsdk.domain.facts import BusinessEvent, EventKind, Fact, MessageRequest, OptOut
from cxsdk.domain.interaction import TEXT_LIMIT, Attachment, CallState, Direction, InteractionFact, Kind
from cxsdk.errors import BadInput
from cxsdk.webhooks.item_customer import Given, GivenCustomer
from cxsdk.webhooks.item_fields import Amount, At, Id, Line, Url


class Item(Given):
    """What every item has."""

    #: What the stored record calls it.
    type: ClassVar[str]

    id: Id | None = None
    """Your own id of it, unique among the items of its type: sent again, it is the same item."""
    customer: GivenCustomer
    """Whom it speaks of."""

    def about(self, key: str) -> str:
        """What names the thing that it speaks of, given its own key; pieces of one contact share the name."""
        return key

    def facts(self, key: str, received_at: datetime) -> tuple[Fact, ...]:
        """What it says, under this key. ``received_at`` stands in where it does not say when it was."""
        raise NotImplementedError


class InteractionItem(Item):
    """A contact with a customer, or a piece of one.

    Pieces of the same contact share `interaction`: they add up in whatever order and however often they come.
    """

    type = "interaction"

    at: At
    """When it was, with a zone: `2026-03-02T12:00:00Z`. Of a call, when it began."""
    kind: Literal["call", "email", "message", "chat", "review", "visit"]
    """What sort of contact it was."""
    direction: Direction
    """`inbound`: the customer turned to you; `outbound`: you to the customer."""
    interaction: Id | None = None
    """The id that the pieces of one contact share; without it, `id` stands for the contact."""
    agent: Line | None = None
    """The employee's e-mail, extension or id in the CRM."""
    subject: Line = ""
    """The subject of a letter."""
    text: str = ""
    """What was written or said."""
    comment: str = ""
    """What the employee noted."""
    state: CallState | None = None
    """How far a call got; calls need it."""
    answered_at: At | None = None
    """When two people began to talk, in a call."""
    ended_at: At | None = None
    """When a call ended or was missed; without it, `at` counts."""
    recording_url: Url | None = None
    """Where a call can be heard."""
    attachments: tuple[Attachment, ...] = Field(default=(), max_length=50)
    """Files that came along: what they are and where they lie."""
    thread: Line | None = None
    """Your id of the conversation it belongs to."""
    in_reply_to: Line | None = None
    """Your id of the message that it answers."""
    automatic: bool = False
    """Whether a machine wrote it: it then never counts as an answer."""

    @model_validator(mode="after")
    def _calls_have_a_state(self) -> Self:
        if self.kind == "call" and self.state is None:
            raise _at_field("state", "is required of a call: ringing, answered, ended or missed.")
        if self.kind != "call" and (self.state or self.answered_at or self.ended_at):
            raise _at_field("state", "and answered_at and ended_at belong to calls only.")
        if self.ended_at and (self.state is None or not self.state.is_final):
            raise _at_field("ended_at", "belongs to calls that are ended or missed.")
        if self.ended_at and self.ended_at < self.at:
            raise _at_field("ended_at", "lies before the beginning (at).")
        return self

    def about(self, key: str) -> str:
        """The contact's own id, or its only piece's."""
        return self.interaction or self.id or key

    def facts(self, key: str, received_at: datetime) -> tuple[Fact, ...]:
        """One fact; a call that tells of its beginning and its end is two."""
        if self.ended_at is None:
            return (self._fact(key),)
        end = InteractionFact(key=f"{key}/end", interaction=self.about(key), at=self.ended_at, state=self.state)
        return (self._fact(key).model_copy(update={"state": None}), end)

    def _fact(self, key: str) -> InteractionFact:
        first, *others = self.customer.all()
        side = "sender" if self.direction is Direction.INBOUND else "recipient"
        told = {name: getattr(self, name) for name in _TOLD}
        return InteractionFact(
            key=key, interaction=self.about(key), kind=Kind(self.kind), also=tuple(others),
            name=self.customer.name, language=self.customer.language, **{side: first}, **told,
        )  # fmt: skip


_TOLD = (
    "at", "direction", "agent", "subject", "text", "comment", "state", "answered_at", "recording_url", "attachments",
    "thread", "in_reply_to", "automatic",
)  # fmt: skip


class EventItem(Item):
    """Something that happened between a customer and your product: what can trigger or cancel a survey."""

    type = "event"

    at: At
    """When it was, with a zone: `2026-03-02T12:00:00Z`."""
    kind: EventKind
    """What happened."""
    order: Line | None = Field(default=None, max_length=200)
    """The number of the order; it ties the events of one order."""
    product: Line = ""
    """What was bought."""
    amount: Amount | None = None
    """For how much, in `currency`; a string keeps every digit."""
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$")
    """ISO 4217: `EUR`."""
    expires_at: At | None = None
    """When a subscription ends; a subscription needs it."""

    @model_validator(mode="after")
    def _subscriptions_end(self) -> Self:
        if self.kind is EventKind.SUBSCRIPTION and self.expires_at is None:
            raise _at_field("expires_at", "is required of a subscription.")
        return self

    def facts(self, key: str, received_at: datetime) -> tuple[Fact, ...]:
        """One business event."""
        who = self.customer
        told = self.model_dump(include={"at", "kind", "order", "product", "amount", "currency", "expires_at"})
        event = BusinessEvent(
            key=key, customer=who.all(), name=who.name, language=who.language, time_zone=who.time_zone, **told
        )
        return (event,)


class MessageItem(Item):
    """What an employee writes to a customer: sent once, over `channel` or the best one that reaches them."""

    type = "message"

    text: str = Field(min_length=1, max_length=TEXT_LIMIT, pattern=r"\S")
    """The words; where the channel's messages are shorter, they arrive in several."""
    at: At | None = None
    """When it was written; when it came in, where it does not say."""
    subject: Line = ""
    """The subject, for channels that have one."""
    channel: str | None = Field(default=None, max_length=40)
    """The name of the account to send over."""
    agent: Line | None = None
    """The employee's e-mail, extension or id in the CRM."""
    in_reply_to: Line | None = None
    """The channel's id of the message that it answers."""

    def facts(self, key: str, received_at: datetime) -> tuple[Fact, ...]:
        """A request to send it, to whichever identity a channel reaches."""
        told = self.model_dump(include={"text", "subject", "channel", "agent", "in_reply_to"})
        return (MessageRequest(key=key, at=self.at or received_at, customer=self.customer.all(), **told),)


class OptOutItem(Item):
    """A customer wants no more surveys and no other automatic messages, or wants them again.

    Of several, the one that was said last holds, in whatever order they come.
    """

    type = "opt_out"

    opted_out: bool = True
    """`false`: they want them again; what was cancelled stays cancelled."""
    at: At | None = None
    """When they said so; when it came in, where it does not say."""
    reason: Line = ""
    """How they said so, or why."""

    def facts(self, key: str, received_at: datetime) -> tuple[Fact, ...]:
        """What the customer wishes from then on."""
        told = self.model_dump(include={"opted_out", "reason"})
        return (OptOut(key=key, at=self.at or received_at, customer=self.customer.all(), **told),)


def _at_field(field: str, message: str) -> PydanticCustomError:
    return PydanticCustomError("field_invalid", "{message}", {"field": field, "message": message})


#: The model of each type of item.
ITEMS: Mapping[str, type[Item]] = {model.type: model for model in (InteractionItem, EventItem, MessageItem, OptOutItem)}


def read_item(model: type[Item], payload: Any, root: str = "body") -> Item:
    """An item from a JSON value. Raises BadInput that names the field under ``root``, the cure, and no value."""
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        raise _bad_input(error, root) from None


def _bad_input(error: ValidationError, root: str) -> BadInput:
    first = error.errors(include_input=False, include_url=False)[0]
    field = first.get("ctx", {}).get("field", "")
    path = ".".join([root, *(str(part)[:100] for part in first["loc"]), *([field] if field else [])])
    kind, told = first["type"], first["msg"].removeprefix("Value error, ")
    code, message = _CURES.get(kind, (kind if kind in _OWN else "field_invalid", told))
    return BadInput(message, field=path, code=code)


_CURES: Mapping[str, tuple[str, str]] = {
    "missing": ("field_missing", "is required."),
    "extra_forbidden": ("field_unknown", "is not a field here; check its spelling against /docs."),
    "timezone_aware": ("time_naive", "has no time zone; add Z for UTC, or an offset such as +02:00."),
    "model_type": ("field_invalid", "must be a JSON object."),
}
_OWN = frozenset(
    {
        "amount_invalid", "customer_unknown", "email_invalid", "phone_invalid", "telegram_invalid", "time_invalid",
        "zone_unknown",
    }
)  # fmt: skip
