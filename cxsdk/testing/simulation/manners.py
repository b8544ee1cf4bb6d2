"""Whether it is right to ask somebody now: judged from outside, at the moment at which a question reaches them."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cxsdk.journeys.asking import FRESH
from cxsdk.policy.rules import Budgets
from cxsdk.testing.simulation.database import UnreliableStore, moment
from cxsdk.testing.simulation.scene import Scene
from cxsdk.testing.simulation.truth import Asked, Truth

CLOSING = "closing"


class Manners:
    """Opt-outs, quiet hours and budgets."""

    def __init__(self, scene: Scene, truth: Truth, store: UnreliableStore, budgets: Budgets) -> None:
        self._scene, self._truth, self._store, self._budgets = scene, truth, store, budgets

    def judge(self, asked: Asked, begun_at: datetime) -> None:
        """A question has just reached somebody, sent by a worker who began at this moment."""
        about = f"{asked.survey} {asked.token} to {asked.address}"
        if self._truth.wants_nothing(asked.address):
            self._scene.violated(f"{about}: they had opted out")
        if self._is_quiet(asked, begun_at) and self._is_quiet(asked, begun_at - FRESH):
            self._scene.violated(f"{about}: at night, {begun_at.astimezone(self._zone(asked)):%H:%M} where they live")
        if (before := self._too_soon(asked)) is not None:
            self._scene.violated(f"{about}: too soon after {before.survey} {before.token}")

    def _zone(self, asked: Asked) -> ZoneInfo:
        return ZoneInfo(self._truth.zone_of(asked.address) or "UTC")

    def _is_quiet(self, asked: Asked, at: datetime) -> bool:
        if self._budgets.quiet is None or self._truth.zone_of(asked.address) is None:
            return False
        (begin, end), clock = self._budgets.quiet, at.astimezone(self._zone(asked)).time()
        return begin <= clock or clock < end if begin > end else begin <= clock < end

    def _too_soon(self, asked: Asked) -> Asked | None:
        """Counted from when it was decided: an outage may bring two questions nearer to each other than they were."""
        decided = self._decided_at(asked)
        if asked.survey == CLOSING or decided is None:
            return None
        for other in self._truth.asked_before(asked, decided):
            before = self._decided_at(other)
            if before is not None and abs(decided - before) < self._least(asked, other):
                return other
        return None

    def _least(self, asked: Asked, other: Asked) -> timedelta:
        if other.survey == CLOSING:
            return self._budgets.automatic_per
        alike = asked.survey == other.survey
        return max(self._budgets.any_survey, self._budgets.same_kind if alike else timedelta())

    def _decided_at(self, asked: Asked) -> datetime | None:
        rows = self._store.look("SELECT decided_at FROM invitations WHERE token = ?", asked.token)
        return moment(rows[0][0]) if rows and rows[0][0] else None
