"""Whom to ask and when, and what is promised to the unhappy: what the integrator configures."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import ClassVar, Self

from pydantic import model_validator

from cxsdk.domain.durations import Duration
from cxsdk.domain.facts import EventKind
from cxsdk.domain.settings import Settings
from cxsdk.domain.survey import Survey
from cxsdk.domain.surveys import CLOSING, LOYALTY, POST_PURCHASE
from cxsdk.errors import ConfigurationError


class SurveyRule(Settings, ABC):
    """When to ask: which events begin a window, which move it, and within what window the question may be put."""

    #: The kind of invitation: the same kind is asked once in 90 days.
    kind: ClassVar[str]
    #: Events after which a customer is asked.
    triggers: ClassVar[frozenset[EventKind]] = frozenset({EventKind.PURCHASE})
    #: Events that move a window that is still open: they tell better when the customer knows the product.
    anchors: ClassVar[frozenset[EventKind]] = frozenset()

    #: What is asked.
    survey: Survey
    #: How long an answer is awaited.
    answer_within: Duration = timedelta(days=30)

    @model_validator(mode="after")
    def _has_names_of_its_own(self) -> Self:
        kind = getattr(self, "kind", "")
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", kind) or CLOSING.name in (kind, self.survey.name):
            raise ConfigurationError(
                f"The rule has no kind of its own, or it asks {CLOSING.name!r}, which is asked when a case is solved.",
                path=f"{type(self).__name__}.kind",
                cure='Write kind = "…" into the class: 1 to 40 lower-case letters, digits or _; and another survey.',
                code="survey_rule_invalid",
            )
        return self

    @abstractmethod
    def window(self, at: datetime) -> tuple[datetime, datetime]:
        """The first and the last moment at which to ask, for something that happened then."""


class PostPurchase(SurveyRule):
    """Asks how the purchase or the renewal went, ``after`` it; given up ``within`` a week (source E)."""

    kind = "post_purchase"
    triggers = frozenset({EventKind.PURCHASE, EventKind.RENEWAL})

    #: How long after the purchase or renewal to ask.
    after: Duration = timedelta(hours=2)
    #: How long after that moment it may still be asked; then it is skipped.
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

    #: The earliest and the latest time to ask, counted from use or delivery where the shop tells of it, else from the
    #: purchase.
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

    #: Until when a person gets in touch after an unhappy answer or a wish to be contacted.
    contact_within: Duration = timedelta(hours=1)
    #: Until when it is solved.
    solve_within: Duration = timedelta(hours=24)
    #: Until when a missed call is returned.
    call_back_within: Duration = timedelta(minutes=5)
    #: How long the answer to "is it solved?" is awaited before the case is closed unconfirmed.
    confirm_within: Duration = timedelta(days=7)
