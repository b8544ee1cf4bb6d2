"""The closed loop: a case born of an unhappy answer, the promises made, and the work in the CRM."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from cxsdk.domain.values import Value


class CaseState(StrEnum):
    """How far a closed-loop case got."""

    OPEN = "open"  #: nobody has been in touch yet
    CONTACTED = "contacted"  #: a person has been in touch
    IN_REVIEW = "in_review"  #: an expert is consulted, the owner stays
    SOLVED = "solved"  #: the task is done; the customer is asked whether it is true
    CLOSED = "closed"  #: confirmed, or not answered in time
    REOPENED = "reopened"  #: the customer says it is not solved

    @property
    def is_active(self) -> bool:
        """Whether somebody still owes the customer something, so that no other survey may be sent."""
        return self is not CaseState.CLOSED

    @property
    def needs_work(self) -> bool:
        """Whether an agent has work to do."""
        return self not in (CaseState.SOLVED, CaseState.CLOSED)


class PromiseKind(StrEnum):
    """What the company owes a customer."""

    CONTACT = "contact"  #: a person gets in touch (1 hour, source E)
    SOLVE = "solve"  #: a negative is turned round (24 hours of the clock, source E)
    CALL_BACK = "call_back"  #: a missed call is returned (5 minutes, source M)


class Task(Value):
    """Work in the CRM, with one assignee and a due time. ``key`` is our idempotency key for it."""

    key: str
    person_id: str
    task_id: str | None = None  #: the CRM's id, once it has one: then this is an update
    agent_id: str | None = None
    title: str
    text: str = ""
    due: datetime
    done: bool = False
    urgent: bool = False
