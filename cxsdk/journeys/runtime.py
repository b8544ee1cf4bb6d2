"""What a journey works with: the opened rooms of one installation, handed to each journey as its first argument."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from random import Random
from typing import Any

from cxsdk.capabilities import CRM, Channel, Doorbell, Inbound, Plugin, SurveyProvider
from cxsdk.domain.clock import Clock, SystemClock, stopwatch
from cxsdk.domain.rules import FollowUp, SurveyRule
from cxsdk.domain.survey import Survey
from cxsdk.domain.surveys import CLOSING
from cxsdk.domain.texts import Overrides, text
from cxsdk.hooks import Hooks
from cxsdk.journeys.agents import AgentBook
from cxsdk.journeys.governor import Governor
from cxsdk.journeys.pacing import Pacing
from cxsdk.policy.rules import Budgets
from cxsdk.store import Store
from cxsdk.webhooks.ingest import Api
from cxsdk.webhooks.links import LinkSigner

#: How long a claim lasts. A worker that is killed is replaced after this and one sweep.
LEASE = timedelta(seconds=30)


@dataclass(frozen=True)
class Policy:
    """What the integrator decided: whom to ask when, what is promised, and in which words."""

    surveys: tuple[SurveyRule, ...] = ()
    follow_up: FollowUp = FollowUp()
    budgets: Budgets = Budgets()
    company: str = ""
    timezone: str = "UTC"
    language: str = "en"
    texts: Overrides = field(default_factory=dict)

    def rule(self, kind: str) -> SurveyRule | None:
        """The rule that asks for this kind of survey, or None where it is no longer configured."""
        return next((rule for rule in self.surveys if rule.kind == kind), None)

    def survey(self, name: str) -> Survey | None:
        """The definition of a survey that is, or was, asked."""
        return next((s for s in (CLOSING, *(rule.survey for rule in self.surveys)) if s.name == name), None)

    def say(self, id: str, language: str | None = None, **values: Any) -> str:
        """One of the shipped or own texts; without a language, in the company's."""
        return text(id, language or self.language, self.texts, **values)


@dataclass(frozen=True)
class Runtime:
    """One installation, opened. Safe to use from many threads."""

    store: Store
    clock: Clock
    hooks: Hooks
    doorbell: Doorbell
    signer: LinkSigner
    public_url: str
    crm: CRM
    channels: Mapping[str, Channel]
    survey_providers: Mapping[str, SurveyProvider]
    api: Api
    policy: Policy
    governor: Governor
    lease: timedelta = LEASE
    #: The machine's own time, waiting, and chance: a simulation brings others, so that it comes out the same each time.
    stopwatch: Callable[[], float] = stopwatch
    sleep: Callable[[float], None] = time.sleep
    chance: Random = field(default_factory=Random)
    #: Waits for company under load, by the machine's time: never where another clock than the machine's runs.
    pacing: Pacing = field(init=False)
    agents: AgentBook = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "agents", AgentBook(self.crm, self.clock))
        lingers = isinstance(self.clock, SystemClock)
        object.__setattr__(self, "pacing", Pacing(lingers=lingers, stopwatch=self.stopwatch))

    @cached_property
    def accounts(self) -> Mapping[str, Plugin]:
        """Every account by name, our own for the ingest API among them."""
        return {self.crm.name: self.crm, **self.channels, **self.survey_providers, self.api.name: self.api}

    def inbound(self, account: str) -> Inbound | None:
        """The plugin that understands what comes in for an account, or None."""
        plugin = self.accounts.get(account)
        return plugin if isinstance(plugin, Inbound) else None
