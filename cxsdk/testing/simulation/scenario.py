"""What a seed decides about an installation: what its vendors promise, and how it is configured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Literal

from cxsdk.domain.rules import Loyalty, PostPurchase, SurveyRule
from cxsdk.policy.rules import Budgets


@dataclass(frozen=True)
class Scenario:
    """One installation."""

    duplicates: Literal["upsert", "lookup", "none"]
    mail_duplicates: Literal["upsert", "lookup"]
    batch_size: int
    lag: timedelta
    updates_entries: bool
    is_brisk: bool  #: shorter windows and budgets, so that more happens in a few weeks
    keep_raw: timedelta
    listens: bool  #: a plugin of its own is told what happens
    roughness: int  #: how many times as much goes wrong as it must

    @classmethod
    def drawn(cls, rng: Random) -> Scenario:
        """The installation of a seed."""
        return cls(
            duplicates=rng.choices(("upsert", "lookup", "none"), (4, 4, 2))[0],
            mail_duplicates=rng.choices(("upsert", "lookup"), (1, 2))[0],
            batch_size=rng.choices((1, 10, 50, 100), (1, 3, 3, 3))[0],
            lag=timedelta(seconds=rng.choice((0, 2, 40))),
            updates_entries=rng.random() < 0.7,
            is_brisk=rng.random() < 0.7,
            keep_raw=timedelta(days=rng.choice((2, 30))),
            listens=rng.random() < 0.3,
            roughness=rng.choice((1, 1, 1, 3)),
        )

    @property
    def withstands_stops(self) -> bool:
        """Whether a process may be stopped in the middle of any call: see what each way of ``duplicates`` promises."""
        return self.duplicates == "upsert" and self.mail_duplicates == "upsert"

    @property
    def surveys(self) -> tuple[SurveyRule, ...]:
        """Whom it asks, and when."""
        if not self.is_brisk:
            return PostPurchase(), Loyalty()
        days = timedelta(days=1)
        return (
            PostPurchase(within=2 * days, answer_within=4 * days),
            Loyalty(between=(2 * days, 5 * days), answer_within=6 * days),
        )

    @property
    def budgets(self) -> Budgets:
        """How often it asks."""
        if not self.is_brisk:
            return Budgets()
        return Budgets(same_kind=timedelta(days=8), any_survey=timedelta(days=1, hours=12))
