"""Whether an invitation goes out now, waits, or never goes out.

``decide`` looks for the first instant of the invitation's window that no rule speaks against. What an agent sends is
never held and so is not asked about here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from cxsdk.policy.decision import Decision, Verdict
from cxsdk.policy.rules import Ask, Budgets, Objection, Reason, Rule, Standing, active_case, local, strongest, veto


def decide(ask: Ask, standing: Standing, budgets: Budgets, now: datetime) -> Decision:
    """Whether the invitation goes out at ``now``; if not, when to look again, or why it never will.

    Send: nothing speaks against now. Hold: the first good moment of the window is to come, or an active case has to
    close first. Skip: no moment is left, said as soon as that is certain. A customer whom no channel reaches is
    skipped too: by the time they leave an address, the question is stale.
    """
    start = max(now, ask.not_before).astimezone(UTC)
    if forbidden := veto(standing):
        return _decision(Verdict.SKIP, forbidden)
    case = active_case(ask, standing)
    met = list(_obstacles(ask, standing, budgets, start))
    free = met[-1].until if met else start
    if free > ask.not_after:
        return _skip(ask, standing, met, case)
    if case:
        return _decision(Verdict.HOLD, case)
    if free <= now:
        return _decision(Verdict.SEND, Reason(Rule.WINDOW, "good_moment", "Nothing speaks against it."))
    return _hold(standing, met, free)


def _obstacles(ask: Ask, standing: Standing, budgets: Budgets, start: datetime) -> Iterator[Objection]:
    """The objections met on the way from ``start`` to the first free instant, or to the end of the window.

    The way ends: each objection leads forward; a message of the past is left behind for good once its period is
    over; and quiet hours can follow only on one of those, or come first.
    """
    at = start
    while at <= ask.not_after and (objection := strongest(ask, standing, budgets, at)):
        yield objection
        at = objection.until


def _skip(ask: Ask, standing: Standing, met: list[Objection], case: Reason | None) -> Decision:
    why = met[-1].why if met else case or Reason(Rule.WINDOW, "window_over", "It is too late.")
    return _decision(Verdict.SKIP, why, f" It could be asked until {local(ask.not_after, standing)}.")


def _hold(standing: Standing, met: list[Objection], free: datetime) -> Decision:
    why = met[0].why if met else Reason(Rule.WINDOW, "too_early", "It is not due yet.")
    return _decision(Verdict.HOLD, why, f" The first good moment is {local(free, standing)}.", until=free)


def _decision(verdict: Verdict, why: Reason, more: str = "", until: datetime | None = None) -> Decision:
    return Decision(verdict=verdict, rule=why.rule, reason=why.code, text=why.text + more, until=until)
