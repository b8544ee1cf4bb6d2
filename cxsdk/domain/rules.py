"""Whom to ask and when, and what is promised to the unhappy: what the integrator configures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import model_validator

from cxsdk.domain.durations import Duration
from cxsdk.domain.facts import EventKind
from cxsdk.domain.settings import Settings
from cxsdk.domain.survey import Survey
from cxsdk.domain.surveys import LOYALTY, POST_PURCHASE


class SurveyRule(Settings, ABC):
    """When to ask: which events begin a window, which move it, and within what window the question may be put."""

    #: The kind of invitation: the same kind is asked once in 90 days.
    kind: ClassVar[str]
    #: Events after which a customer is asked.
    triggers: ClassVar[frozenset[EventKind]] = frozenset({EventKind.PURCHASE})
    #: Events that move a window that is still open: they tell better when the customer knows the product.
    anchors: ClassVar[frozenset[EventKind]] = frozenset()

    survey: Survey
    #: How long an answer is awaited.
    answer_within: Duration = timedelta(days=30)

    @abstractmethod
    def window(self, at: datetime) -> tuple[datetime, datetime]:
        """The first and the last moment at which to ask, for something that happened then."""


class PostPurchase(SurveyRule):
    """Asks how the purchase or the renewal went, ``after`` it; given up ``within`` a week (source E)."""

    kind = "post_purchase"
    triggers = frozenset({EventKind.PURCHASE, EventKind.RENEWAL})

    after: Duration = timedelta(hours=2)
    within: Duration = timedelta(days=7)
    survey: Survey = POST_PURCHASE

    def window(self, at: datetime) -> tuple[datetime, datetime]:
        """From ``after`` the purchase on."""
        return at + self.after, at + self.after + self.within


class Loyalty(SurveyRule):
    """Asks for a recommendation two to four weeks after the customer uses the product (source M).

    It counts from use or delivery where the shop tells of it, else from the purchase.
    """

    kind = "loyalty"
    anchors = frozenset({EventKind.USE, EventKind.DELIVERY})

    between: tuple[Duration, Duration] = (timedelta(days=14), timedelta(days=28))
    survey: Survey = LOYALTY

    @model_validator(mode="after")
    def _in_order(self) -> Loyalty:
        if self.between[0] >= self.between[1]:
            raise ValueError("between must name the earlier time first")
        return self

    def window(self, at: datetime) -> tuple[datetime, datetime]:
        """Between the two, after the anchor."""
        return at + self.between[0], at + self.between[1]


class FollowUp(Settings):
    """What is promised to an unhappy customer, in hours of the clock (sources E and M)."""

    contact_within: Duration = timedelta(hours=1)
    solve_within: Duration = timedelta(hours=24)
    call_back_within: Duration = timedelta(minutes=5)
    #: How long the answer to "is it solved?" is awaited before the case is closed unconfirmed.
    confirm_within: Duration = timedelta(days=7)
