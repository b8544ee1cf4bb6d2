"""The rules that can speak against an invitation, and the facts and settings that they look at.

A veto holds for ever, an active case until it closes, every other objection until a known instant.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from cxsdk.domain.durations import Duration, spoken
from cxsdk.domain.settings import Settings
from cxsdk.domain.values import Moment, Value
from cxsdk.domain.zones import TimeZone


class Rule(StrEnum):
    """What can speak against an invitation."""

    OPT_OUT = "opt_out"  #: the customer wants no surveys
    CANCELLED = "cancelled"  #: what it asks about was taken back
    REACH = "reach"  #: no channel leads to the customer
    ACTIVE_CASE = "active_case"  #: somebody still owes the customer something
    SAME_KIND = "same_kind"  #: the same question, not long ago
    ANY_SURVEY = "any_survey"  #: another question, not long ago
    AUTOMATIC = "automatic"  #: another automatic message, not long ago
    QUIET_HOURS = "quiet_hours"  #: evening and night where the customer lives
    WINDOW = "window"  #: too early or too late for this question


#: A closing survey is exempt from these; never from the opt-out and the quiet hours.
CLOSING_EXEMPT = frozenset({Rule.ACTIVE_CASE, Rule.SAME_KIND, Rule.ANY_SURVEY, Rule.AUTOMATIC})


class Ask(Value):
    """The wish to ask: which kind of survey, and from when to when (both included) it makes sense."""

    kind: str = Field(min_length=1)
    not_before: Moment
    not_after: Moment
    exempt: frozenset[Rule] = frozenset()

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.not_after < self.not_before:
            raise ValueError("not_after lies before not_before: give a window that does not end before it begins")
        if not self.exempt <= CLOSING_EXEMPT:
            raise ValueError(f"only {', '.join(sorted(CLOSING_EXEMPT))} can be lifted")
        return self


class Standing(Value):
    """What is known of the customer now, over all channels.

    ``asked`` holds the kind and time of each invitation that counts towards the budgets, ``automatic`` the times of
    other automatic messages; a time to come is one already promised. ``cancelled`` is a stable code such as ``refund``.
    """

    time_zone: TimeZone = "UTC"
    opted_out: bool = False
    reachable: bool = True
    has_active_case: bool = False
    asked: tuple[tuple[str, Moment], ...] = ()
    automatic: tuple[Moment, ...] = ()
    cancelled: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]*$")


class Budgets(Settings):
    """How often a person may be asked, over all channels, and when not."""

    #: The least time between two surveys of the same kind.
    same_kind: Duration = timedelta(days=90)
    #: The least time between any two surveys.
    any_survey: Duration = timedelta(days=10)
    #: The least time between any two automatic messages; an invitation is one too.
    automatic_per: Duration = timedelta(days=1)
    #: From when to when nothing automatic is sent, on the customer's clock; ``None``: never quiet.
    quiet: tuple[time, time] | None = (time(21), time(9))

    @field_validator("quiet")
    @classmethod
    def _quiet_is_a_part_of_the_day(cls, quiet: tuple[time, time] | None) -> tuple[time, time] | None:
        if quiet is None:
            return None
        if any(end.tzinfo is not None for end in quiet):
            raise ValueError('takes times without a zone, such as ("21:00", "09:00"): they are the customer\'s')
        if quiet[0] == quiet[1]:
            raise ValueError("begins and ends at the same time: nothing could ever be sent; None means no quiet hours")
        return quiet


class Reason(NamedTuple):
    """Which rule speaks against it, with a stable code and a sentence for a person."""

    rule: Rule
    code: str
    text: str


class Objection(NamedTuple):
    """A rule speaks against an instant, and against all that follow until ``until``."""

    why: Reason
    until: datetime


def veto(standing: Standing) -> Reason | None:
    """What speaks against asking this customer for ever, or None."""
    if standing.opted_out:
        return Reason(Rule.OPT_OUT, "opted_out", "The customer wants no surveys.")
    if standing.cancelled:
        what = standing.cancelled.replace("_", " ")
        return Reason(Rule.CANCELLED, standing.cancelled, f"What it asks about was taken back ({what}).")
    if not standing.reachable:
        return Reason(Rule.REACH, "unreachable", "No channel leads to the customer.")
    return None


def active_case(ask: Ask, standing: Standing) -> Reason | None:
    """What speaks against it until a case closes, or None."""
    if not standing.has_active_case or Rule.ACTIVE_CASE in ask.exempt:
        return None
    return Reason(
        Rule.ACTIVE_CASE, "case_active", "A case of the customer is not closed; nothing is asked until it is."
    )


def strongest(ask: Ask, standing: Standing, budgets: Budgets, at: datetime) -> Objection | None:
    """The timed objection to this instant that lasts longest, or None."""
    objections = (
        _same_kind(ask, standing, budgets, at),
        _any_survey(standing, budgets, at),
        _automatic(standing, budgets, at),
        _quiet_hours(standing, budgets, at),
    )
    heard = [objection for objection in objections if objection and objection.why.rule not in ask.exempt]
    return max(heard, key=lambda objection: objection.until, default=None)


def _same_kind(ask: Ask, standing: Standing, budgets: Budgets, at: datetime) -> Objection | None:
    near = _near(at, budgets.same_kind, (sent for kind, sent in standing.asked if kind == ask.kind))
    if near is None:
        return None
    text = f"The same was asked on {local(near, standing)}; it is asked once in {spoken(budgets.same_kind)}."
    return Objection(Reason(Rule.SAME_KIND, "asked_the_same", text), near + budgets.same_kind)


def _any_survey(standing: Standing, budgets: Budgets, at: datetime) -> Objection | None:
    near = _near(at, budgets.any_survey, (sent for _, sent in standing.asked))
    if near is None:
        return None
    text = f"A survey went out on {local(near, standing)}; one is allowed in {spoken(budgets.any_survey)}."
    return Objection(Reason(Rule.ANY_SURVEY, "asked_lately", text), near + budgets.any_survey)


def _automatic(standing: Standing, budgets: Budgets, at: datetime) -> Objection | None:
    near = _near(at, budgets.automatic_per, (*standing.automatic, *(sent for _, sent in standing.asked)))
    if near is None:
        return None
    per = spoken(budgets.automatic_per)
    text = f"An automatic message went out on {local(near, standing)}; one is allowed in {per}."
    return Objection(Reason(Rule.AUTOMATIC, "messaged_lately", text), near + budgets.automatic_per)


def _quiet_hours(standing: Standing, budgets: Budgets, at: datetime) -> Objection | None:
    if budgets.quiet is None:
        return None
    zone = ZoneInfo(standing.time_zone)
    today = at.astimezone(zone).date()
    nights = (_night(day, budgets.quiet, zone) for day in (today - timedelta(days=1), today))
    until = max((end for begin, end in nights if begin <= at < end), default=None)
    if until is None:
        return None
    text = "Nothing is sent from {:%H:%M} to {:%H:%M} where the customer lives.".format(*budgets.quiet)
    return Objection(Reason(Rule.QUIET_HOURS, "quiet_hours", text), until)


def _near(at: datetime, period: timedelta, times: Iterable[datetime]) -> datetime | None:
    """The last of the times that are less than the period away, before or after."""
    return max((sent for sent in times if abs(at - sent) < period), default=None)


def _night(day: date, quiet: tuple[time, time], zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The quiet hours that begin on this day. Where a change of clocks makes an end unclear, the longer ones hold."""
    begin, end = quiet
    morning = day if begin < end else day + timedelta(days=1)
    return min(_readings(day, begin, zone)), max(_readings(morning, end, zone))


def _readings(day: date, clock: time, zone: ZoneInfo) -> list[datetime]:
    # A time that the clocks show twice, or jump over, can be read in two ways; any other in one.
    return [datetime.combine(day, clock.replace(fold=fold), zone).astimezone(UTC) for fold in (0, 1)]


def local(at: datetime, standing: Standing) -> str:
    """A moment in words, on the customer's clock."""
    return f"{at.astimezone(ZoneInfo(standing.time_zone)):%Y-%m-%d %H:%M} {standing.time_zone}"
