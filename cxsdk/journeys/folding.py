"""Facts, folded into what is known: each kind of fact by its own journey, people before what they did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cxsdk.domain.facts import (
    BusinessEvent,
    Delivery,
    Fact,
    IdentityClaim,
    MessageRequest,
    OptOut,
    PersonErased,
    PersonMerged,
    TaskChange,
    kind_of,
)
from cxsdk.domain.interaction import InteractionFact
from cxsdk.domain.survey import Response
from cxsdk.journeys import answers, business, contacts, erasing, messages, optout, task_lane
from cxsdk.journeys.runtime import Runtime
from cxsdk.store import Transaction


@dataclass(frozen=True)
class Arrived:
    """A fact, the inbox row in which it came, and when."""

    row: int
    at: datetime
    fact: Fact

    @property
    def told(self) -> Fact:
        """The fact as it is folded: no wish is of later than when it came, whenever it is folded again."""
        if isinstance(self.fact, OptOut) and self.fact.at > self.at:
            return self.fact.model_copy(update={"at": self.at})
        return self.fact


#: Which journey folds a kind of fact: it gets all facts of the kind in a batch and tells whose each is.
Fold = Callable[[Runtime, Transaction, str, Sequence[Any]], Sequence[str | None]]
FOLDS: tuple[tuple[type, Fold], ...] = (
    (IdentityClaim, contacts.fold_claims),
    (InteractionFact, contacts.fold_interactions),
    (BusinessEvent, business.fold_events),
    (MessageRequest, messages.fold_requests),
    (Response, answers.fold_responses),
    (Delivery, messages.fold_deliveries),
    (TaskChange, task_lane.fold_changes),
    (OptOut, optout.fold_optouts),
    (PersonMerged, contacts.fold_person_merges),
    (PersonErased, erasing.fold_erasures),
)


def fold_facts(runtime: Runtime, tx: Transaction, account: str, arrived: Sequence[Arrived]) -> dict[int, set[str]]:
    """Folds the facts of a batch; tells the customers of each inbox row."""
    owners: dict[int, set[str]] = defaultdict(set)
    told: dict[type | None, list[Arrived]] = defaultdict(list)
    for one in arrived:
        told[kind_of(type(one.fact))].append(one)
    for kind, fold in FOLDS:
        if some := told[kind]:
            for one, owner in zip(some, fold(runtime, tx, account, [a.told for a in some]), strict=True):
                owners[one.row] |= {owner} if owner else set()
    return owners
