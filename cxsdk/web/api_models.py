"""What the ingest API answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from cxsdk.domain.case import CaseState
from cxsdk.domain.facts import EventKind
from cxsdk.domain.identity import Identity
from cxsdk.domain.interaction import Attachment, CallState, Direction, Kind
from cxsdk.domain.survey import InvitationState, Scale


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True, use_attribute_docstrings=True)


class Accepted(_Answer):
    """The items are stored, and are worked off from here on."""

    accepted: int
    """How many items the request brought."""
    ids: list[str]
    """The id under which each is known, in their order. Pieces of one contact share its id."""


class Problem(_Answer):
    """What is wrong with a request, and what to do about it (RFC 9457)."""

    type: str
    """Always `about:blank`."""
    title: str
    """The kind of mistake, in words."""
    status: int
    """The HTTP status."""
    code: str
    """The kind of mistake, for programs: it stays the same."""
    detail: str
    """What is wrong, and what to do."""
    field: str | None = None
    """The path to the culprit: `body.customer.phone`; of an array, `body.3.at`."""
    retry_after: float | None = None
    """After how many seconds to send it again."""


class Customer(_Answer):
    """A person the company serves."""

    id: str
    """Their id here."""
    name: str
    """Their name, where it is known."""
    language: str | None
    """The language to write to them in."""
    time_zone: str | None
    """The zone they live in."""
    person_id: str | None
    """Their id in the CRM, once it knows them."""
    opted_out_at: datetime | None
    """Since when they want nothing automatic any more; null where they do."""
    identities: list[Identity]
    """The ways to recognise them."""


class _Entry(_Answer):
    id: str
    """The entry's id."""
    at: datetime
    """When it was."""


class ContactEntry(_Entry):
    """A contact, as everything told of it adds up."""

    type: Literal["contact"]
    account: str
    """The account over which it came; `api` where it came over this API."""
    kind: Kind
    direction: Direction
    revision: int
    """How often what is known of it has changed."""
    agent: str | None
    subject: str
    text: str
    comment: str
    state: CallState | None
    answered_at: datetime | None
    ended_at: datetime | None
    recording_url: str | None
    attachments: list[Attachment]
    thread: str | None
    in_reply_to: str | None
    automatic: bool


class EventEntry(_Entry):
    """Something that happened between the customer and the product."""

    type: Literal["event"]
    kind: EventKind
    order: str | None
    product: str | None
    amount: str | None
    currency: str | None
    expires_at: datetime | None


class InvitationEntry(_Entry):
    """A survey for the customer: when it was sent, or may be sent."""

    type: Literal["invitation"]
    kind: str
    """The rule that asks."""
    survey: str
    state: InvitationState
    reason: str | None
    """Why it is held, skipped or failed."""
    not_before: datetime
    not_after: datetime
    sent_at: datetime | None
    account: str | None
    """The channel it goes over."""
    order: str | None


class ResponseEntry(_Entry):
    """The customer's answer to an invitation."""

    type: Literal["response"]
    invitation_id: str
    survey: str
    scale: Scale
    score: int | None
    answers: Mapping[str, int | str | None]
    case_id: str | None
    """The case that it opened or joined."""


class CaseEntry(_Entry):
    """A case of the closed loop."""

    type: Literal["case"]
    state: CaseState
    solved_at: datetime | None
    closed_at: datetime | None
    outcome: str | None
    round: int
    """1, and one more for each time it was reopened."""


Entry = Annotated[ContactEntry | EventEntry | InvitationEntry | ResponseEntry | CaseEntry, Field(discriminator="type")]


class Timeline(_Answer):
    """What passed between a customer and the company, newest first."""

    customer: Customer
    entries: list[Entry]
    next: str | None
    """Pass it as `before` for the entries that follow; null where these are the last."""


class Decision(_Answer):
    """A verdict of one rule, with its reason."""

    at: datetime
    subject: str
    """What it was about: `invitation`, `case`, `task`, `call`, `customer`."""
    subject_id: str
    """The id of that."""
    rule: str
    """The rule that decided."""
    verdict: str
    """What it decided."""
    reason: str
    """Why, for programs."""
    text: str
    """Why, in words."""
    until: datetime | None
    """When a hold is looked at again."""


class Decisions(_Answer):
    """Why a customer was or was not asked, called or given a task: every verdict, oldest first."""

    customer: Customer
    decisions: list[Decision]
