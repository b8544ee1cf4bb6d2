"""What came of surveys and cases, as the installation's own database tells it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import distinct, func, or_, select

from cxsdk.domain.survey import InvitationState, Scale
from cxsdk.metrics.csat import csat
from cxsdk.metrics.intervals import Estimate
from cxsdk.metrics.nps import nps
from cxsdk.metrics.rates import response_rate
from cxsdk.metrics.series import Series
from cxsdk.store import Transaction
from cxsdk.store.tables import cases, invitations, promises, responses

_CLOSING = "closing"
#: What each state of an invitation, whose time came, is counted as; every other one was sent.
_COUNTED = {
    InvitationState.SKIPPED: "skipped",
    InvitationState.FAILED: "failed",
    InvitationState.HELD: "held",
    InvitationState.SCHEDULED: "held",
}


@dataclass(frozen=True)
class Surveys:
    """The invitations whose time came; each is in exactly one of sent, skipped, failed and held."""

    sent: int
    held: int
    failed: int
    skipped: dict[str, int]  #: by reason
    answered: int

    @property
    def due(self) -> int:
        """All of them."""
        return self.sent + self.held + self.failed + sum(self.skipped.values())

    @property
    def response_rate(self) -> Estimate | None:
        """How many of those who were asked have answered."""
        return response_rate(self.answered, self.sent)


@dataclass(frozen=True)
class Cases:
    """How cases went; a late one is one in which a promise was not kept in time."""

    opened: int
    solved: int
    late: int


def count_surveys(tx: Transaction, now: datetime, *, closing: bool = False) -> Surveys:
    """The surveys whose time came, those that close a case apart from all others."""
    kind = invitations.c.kind == _CLOSING if closing else invitations.c.kind != _CLOSING
    counted = (invitations.c.state, invitations.c.reason, func.count())
    query = select(*counted).where(kind, invitations.c.not_before <= now)
    places: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    answered = 0
    for state, reason, number in tx.execute(query.group_by(invitations.c.state, invitations.c.reason)):
        place = _COUNTED.get(InvitationState(state), "sent")
        places[place] += number
        answered += number if state == InvitationState.ANSWERED else 0
        if place == "skipped":
            skipped[reason or "unknown"] += number
    by_reason = dict(sorted(skipped.items()))
    return Surveys(places["sent"], places["held"], places["failed"], by_reason, answered)


def measure_nps(tx: Transaction) -> Estimate | None:
    """The net promoter score of all answers."""
    return nps(_series(tx, Scale.NPS))


def measure_csat(tx: Transaction) -> Estimate | None:
    """The share of satisfied customers, of all answers after a purchase."""
    return csat(_series(tx, Scale.CSAT_3))


def _series(tx: Transaction, scale: Scale) -> Series:
    query = select(responses.c.score, func.count()).where(responses.c.scale == scale.value)
    return Series(
        scale=scale, counts=dict(tx.execute(query.where(responses.c.score.is_not(None)).group_by("score")).all())
    )


def count_cases(tx: Transaction) -> Cases:
    """All cases so far."""
    solved = cases.c.solved_at.is_not(None)
    late = or_(promises.c.broken_at.is_not(None), promises.c.kept_at > promises.c.due_at)
    return Cases(
        opened=tx.scalar(select(func.count()).select_from(cases)) or 0,
        solved=tx.scalar(select(func.count()).select_from(cases).where(solved)) or 0,
        late=tx.scalar(select(func.count(distinct(promises.c.case_id))).where(late)) or 0,
    )
