"""When an invitation goes out: the rules one by one, and their play together against a scan of every minute."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cxsdk.errors import ConfigurationError
from cxsdk.policy.decision import Decision, Verdict
from cxsdk.policy.rules import CLOSING_EXEMPT, Ask, Budgets, Rule, Standing
from cxsdk.policy.surveys import decide

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
CLOSING = Ask(kind="closing", not_before=NOON, not_after=NOON + 7 * DAY, exempt=CLOSING_EXEMPT)


def loyalty(start: datetime = NOON, days: float = 14) -> Ask:
    return Ask(kind="loyalty", not_before=start, not_after=start + days * DAY)


def verdict(decision: Decision) -> tuple[str, str, datetime | None]:
    return decision.verdict.value, decision.reason, decision.until


def test_an_invitation_goes_out_when_nothing_speaks_against_it() -> None:
    assert verdict(decide(loyalty(), Standing(), Budgets(), NOON)) == ("send", "good_moment", None)


def test_an_invitation_is_held_until_its_window_begins() -> None:
    assert verdict(decide(loyalty(), Standing(), Budgets(), NOON - DAY)) == ("hold", "too_early", NOON)


def test_an_invitation_is_skipped_when_its_window_is_over() -> None:
    assert verdict(decide(loyalty(), Standing(), Budgets(), NOON + 15 * DAY)) == ("skip", "window_over", None)


def test_the_last_instant_of_the_window_is_still_good() -> None:
    assert decide(loyalty(), Standing(), Budgets(), NOON + 14 * DAY).verdict is Verdict.SEND


@pytest.mark.parametrize(
    ("standing", "rule", "reason"),
    [
        (Standing(opted_out=True), "opt_out", "opted_out"),
        (Standing(cancelled="refund"), "cancelled", "refund"),
        (Standing(reachable=False), "reach", "unreachable"),
    ],
)
@pytest.mark.parametrize("ask", [loyalty(), CLOSING], ids=["loyalty", "closing"])
@pytest.mark.parametrize("days", [-1, 0, 30])
def test_what_forbids_an_invitation_for_ever_skips_it_at_any_time(
    ask: Ask, standing: Standing, rule: str, reason: str, days: int
) -> None:
    decision = decide(ask, standing, Budgets(), NOON + days * DAY)
    assert (decision.verdict, decision.rule, decision.reason) == (Verdict.SKIP, rule, reason)


def test_an_active_case_holds_without_an_end() -> None:
    assert verdict(decide(loyalty(), Standing(has_active_case=True), Budgets(), NOON)) == ("hold", "case_active", None)


def test_an_active_case_is_the_reason_for_a_skip_when_the_window_ends_meanwhile() -> None:
    late = decide(loyalty(), Standing(has_active_case=True), Budgets(), NOON + 14 * DAY + MINUTE)
    assert verdict(late) == ("skip", "case_active", None)


def test_a_case_does_not_hold_what_cannot_be_sent_anyway() -> None:
    standing = Standing(has_active_case=True, asked=(("loyalty", NOON - DAY),))
    assert verdict(decide(loyalty(), standing, Budgets(), NOON)) == ("skip", "asked_the_same", None)


def test_the_same_kind_is_asked_once_in_90_days() -> None:
    standing = Standing(asked=(("loyalty", NOON - 80 * DAY),))
    assert verdict(decide(loyalty(), standing, Budgets(), NOON)) == ("hold", "asked_the_same", NOON + 10 * DAY)


def test_any_survey_is_asked_once_in_10_days() -> None:
    standing = Standing(asked=(("post_purchase", NOON - 3 * DAY),))
    assert verdict(decide(loyalty(), standing, Budgets(), NOON)) == ("hold", "asked_lately", NOON + 7 * DAY)


def test_one_automatic_message_a_day_goes_out() -> None:
    standing = Standing(automatic=(NOON - 20 * HOUR,))
    assert verdict(decide(loyalty(), standing, Budgets(), NOON)) == ("hold", "messaged_lately", NOON + 4 * HOUR)


def test_an_invitation_is_an_automatic_message_too() -> None:
    budgets = Budgets(any_survey="1h", same_kind="1h")
    standing = Standing(asked=(("loyalty", NOON - 20 * HOUR),))
    assert verdict(decide(loyalty(), standing, budgets, NOON)) == ("hold", "messaged_lately", NOON + 4 * HOUR)


def test_a_message_that_is_promised_for_later_keeps_its_distance_on_both_sides() -> None:
    standing = Standing(automatic=(NOON + 3 * HOUR,))
    assert decide(loyalty(), standing, Budgets(), NOON).until == NOON + 27 * HOUR


def test_a_budget_that_outlasts_the_window_is_a_skip_at_once() -> None:
    standing = Standing(asked=(("loyalty", NOON - DAY),))
    assert verdict(decide(loyalty(), standing, Budgets(), NOON)) == ("skip", "asked_the_same", None)


def test_a_budget_that_ends_at_night_holds_until_the_morning() -> None:
    standing = Standing(asked=(("post_purchase", NOON - 10 * DAY + 10 * HOUR),))
    assert verdict(decide(loyalty(), standing, Budgets(), NOON)) == ("hold", "asked_lately", NOON + 21 * HOUR)


def test_a_night_that_outlasts_the_window_is_a_skip() -> None:
    standing = Standing(asked=(("post_purchase", NOON - 10 * DAY + 10 * HOUR),))
    assert verdict(decide(loyalty(days=0.8), standing, Budgets(), NOON)) == ("skip", "quiet_hours", None)


def test_a_closing_survey_is_exempt_from_budgets_and_from_the_case_itself() -> None:
    standing = Standing(has_active_case=True, asked=(("closing", NOON - HOUR),), automatic=(NOON,))
    assert decide(CLOSING, standing, Budgets(), NOON).verdict is Verdict.SEND


def test_a_closing_survey_waits_for_the_morning() -> None:
    night = NOON + 10 * HOUR
    decision = decide(CLOSING, Standing(has_active_case=True), Budgets(), night)
    assert verdict(decision) == ("hold", "quiet_hours", NOON + 21 * HOUR)


@pytest.mark.parametrize(
    ("zone", "now", "until"),
    [
        ("UTC", "2026-05-04T20:59:59+00:00", None),
        ("UTC", "2026-05-04T21:00:00+00:00", "2026-05-05T09:00:00+00:00"),
        ("UTC", "2026-05-04T00:00:00+00:00", "2026-05-04T09:00:00+00:00"),
        ("UTC", "2026-05-04T09:00:00+00:00", None),
        ("Europe/Kyiv", "2026-01-15T19:00:00+00:00", "2026-01-16T07:00:00+00:00"),
        ("Europe/Kyiv", "2026-03-28T19:30:00+00:00", "2026-03-29T06:00:00+00:00"),  # the night that is an hour short
        ("Europe/Kyiv", "2025-10-25T18:30:00+00:00", "2025-10-26T07:00:00+00:00"),  # and the one that is longer
        ("Asia/Kathmandu", "2026-05-04T15:20:00+00:00", "2026-05-05T03:15:00+00:00"),
        ("Pacific/Apia", "2011-12-30T08:00:00+00:00", "2011-12-30T19:00:00+00:00"),  # the day that never was
    ],
)
def test_quiet_hours_are_those_of_the_customers_clock(zone: str, now: str, until: str | None) -> None:
    at = datetime.fromisoformat(now)
    decision = decide(loyalty(at - DAY), Standing(time_zone=zone), Budgets(), at)
    assert decision.until == (datetime.fromisoformat(until) if until else None)
    assert decision.verdict is (Verdict.HOLD if until else Verdict.SEND)


def test_quiet_hours_may_lie_within_a_day() -> None:
    budgets = Budgets(quiet=("11:00", "15:00"))
    assert decide(loyalty(), Standing(), budgets, NOON).until == NOON + 3 * HOUR


def test_no_quiet_hours_let_everything_through_at_night() -> None:
    assert decide(loyalty(), Standing(), Budgets(quiet=None), NOON + 12 * HOUR).verdict is Verdict.SEND


def test_a_night_whose_end_the_clocks_jump_over_is_the_longer_one() -> None:
    budgets = Budgets(quiet=("21:00", "02:30"))  # on 29 March 2026 the clocks go from 2:00 to 3:00
    now = datetime(2026, 3, 29, 0, tzinfo=UTC)
    decision = decide(loyalty(now), Standing(time_zone="Europe/Berlin"), budgets, now)
    assert decision.until == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_a_night_whose_beginning_the_clocks_show_twice_is_the_longer_one() -> None:
    budgets = Budgets(quiet=("02:30", "09:00"))  # on 25 October 2026 the clocks go from 3:00 back to 2:00
    for minute in (30, 75):
        now = datetime(2026, 10, 25, tzinfo=UTC) + minute * MINUTE
        decision = decide(loyalty(now), Standing(time_zone="Europe/Berlin"), budgets, now)
        assert decision.until == datetime(2026, 10, 25, 8, tzinfo=UTC)


def test_of_several_rules_the_one_that_lasts_longest_is_the_reason() -> None:
    standing = Standing(asked=(("loyalty", NOON - 85 * DAY), ("post_purchase", NOON - 3 * DAY)), automatic=(NOON,))
    assert verdict(decide(loyalty(), standing, Budgets(), NOON)) == ("hold", "asked_lately", NOON + 7 * DAY)


def test_the_text_tells_a_person_what_when_and_on_whose_clock() -> None:
    standing = Standing(asked=(("post_purchase", NOON - 3 * DAY),), time_zone="Europe/Kyiv")
    text = decide(loyalty(), standing, Budgets(), NOON).text
    assert text == (
        "A survey went out on 2026-05-01 15:00 Europe/Kyiv; one is allowed in 10 days. "
        "The first good moment is 2026-05-11 15:00 Europe/Kyiv."
    )


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(TypeError):
        decide(loyalty(), Standing(), Budgets(), NOON.replace(tzinfo=None))


def test_now_may_be_told_in_any_zone() -> None:
    now = (NOON + 8 * HOUR).astimezone(ZoneInfo("Asia/Tokyo"))
    assert decide(loyalty(), Standing(), Budgets(), now) == decide(loyalty(), Standing(), Budgets(), NOON + 8 * HOUR)


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="not_after"):
        loyalty(days=-1)


@pytest.mark.parametrize("rule", sorted(set(Rule) - CLOSING_EXEMPT))
def test_nothing_is_exempt_from_opt_out_and_quiet_hours(rule: Rule) -> None:
    with pytest.raises(ValueError, match="can be lifted"):
        Ask(kind="closing", not_before=NOON, not_after=NOON, exempt=frozenset({rule}))


@pytest.mark.parametrize(
    "settings",
    [
        {"same_kind": "0d"},
        {"any_survey": 10},
        {"automatic_per": "-1d"},
        {"quiet": ("21:00", "21:00")},
        {"quiet": ("21:00Z", "09:00Z")},
        {"quiet": ("evening", "morning")},
        {"weekly": 1},
    ],
)
def test_a_wrong_budget_names_its_field_and_the_cure(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        Budgets(**settings)
    assert wrong.value.path.startswith(f"Budgets.{next(iter(settings))}")
    assert wrong.value.cure


@pytest.mark.parametrize("name", ["Europe/Atlantis", "", "Europe", "../secret", "x\0y"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a time zone"):
        Standing(time_zone=name)


def test_a_decision_waits_only_when_it_holds() -> None:
    with pytest.raises(ValueError, match="until belongs to a hold"):
        Decision(verdict=Verdict.SEND, rule="window", reason="good_moment", text="", until=NOON)


# Properties. Everything lies on whole minutes within a few days, around a change of clocks, so that a scan of every
# minute of the window finds the truth by other means than the rules do.

START = datetime(2026, 3, 28, tzinfo=UTC)
ZONES = ("UTC", "Europe/Kyiv", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland")
KINDS = ("loyalty", "post_purchase")


def moments(first: int, last: int) -> st.SearchStrategy[datetime]:
    """Whole minutes of this range around the start, evenly spread."""
    return st.sampled_from(range(first, last)).map(lambda minute: START + minute * MINUTE)


minutes = moments(-1200, 1200)
hours = st.sampled_from([hour * HOUR for hour in (1, 2, 5, 12, 24, 30)])
budgets_ = st.builds(
    Budgets,
    same_kind=hours,
    any_survey=hours,
    automatic_per=hours,
    quiet=st.sampled_from([(time(21), time(9)), (time(9), time(21)), (time(12), time(8, 30)), None]),
)
standings = st.builds(
    Standing,
    time_zone=st.sampled_from(ZONES),
    opted_out=st.sampled_from([False] * 19 + [True]),
    cancelled=st.sampled_from([None] * 19 + ["refund"]),
    reachable=st.sampled_from([True] * 19 + [False]),
    has_active_case=st.sampled_from([False] * 9 + [True]),
    asked=st.lists(st.tuples(st.sampled_from(KINDS), minutes), max_size=4).map(tuple),
    automatic=st.lists(minutes, max_size=4).map(tuple),
)
asks = st.builds(
    lambda kind, start, length, exempt: Ask(
        kind=kind, not_before=start, not_after=start + length * MINUTE, exempt=exempt
    ),
    st.sampled_from(KINDS),
    moments(-1000, 600),
    st.sampled_from(range(0, 2400, 7)),
    st.sampled_from([frozenset(), CLOSING_EXEMPT, frozenset({Rule.ANY_SURVEY})]),
)


def is_quiet(at: datetime, standing: Standing, budgets: Budgets) -> bool:
    if budgets.quiet is None:
        return False
    begin, end = budgets.quiet
    clock = at.astimezone(ZoneInfo(standing.time_zone)).time()
    return begin <= clock < end if begin < end else clock >= begin or clock < end


def is_over_budget(at: datetime, ask: Ask, standing: Standing, budgets: Budgets) -> bool:
    sent = [(Rule.SAME_KIND, budgets.same_kind, when) for kind, when in standing.asked if kind == ask.kind]
    sent += [(Rule.ANY_SURVEY, budgets.any_survey, when) for _, when in standing.asked]
    sent += [(Rule.AUTOMATIC, budgets.automatic_per, when) for _, when in standing.asked]
    sent += [(Rule.AUTOMATIC, budgets.automatic_per, when) for when in standing.automatic]
    return any(rule not in ask.exempt and -period < at - when < period for rule, period, when in sent)


def first_free(ask: Ask, standing: Standing, budgets: Budgets, now: datetime) -> datetime | None:
    """The first free minute of the window, found by looking at each."""
    at = max(now, ask.not_before)
    while at <= ask.not_after:
        if not is_over_budget(at, ask, standing, budgets) and not is_quiet(at, standing, budgets):
            return at
        at += MINUTE
    return None


def is_vetoed(standing: Standing) -> bool:
    return standing.opted_out or standing.cancelled is not None or not standing.reachable


def waits_for_a_case(ask: Ask, standing: Standing) -> bool:
    return standing.has_active_case and Rule.ACTIVE_CASE not in ask.exempt


@given(asks, standings, budgets_, minutes)
def test_a_decision_is_what_a_look_at_every_minute_finds(
    ask: Ask, standing: Standing, budgets: Budgets, now: datetime
) -> None:
    decision = decide(ask, standing, budgets, now)
    free = None if is_vetoed(standing) else first_free(ask, standing, budgets, now)
    if free is None:
        expected: tuple[Verdict, datetime | None] = (Verdict.SKIP, None)
    elif waits_for_a_case(ask, standing):
        expected = (Verdict.HOLD, None)
    else:
        expected = (Verdict.SEND, None) if free == now else (Verdict.HOLD, free)
    assert (decision.verdict, decision.until) == expected


@given(asks, standings, budgets_, minutes)
def test_nothing_is_ever_sent_against_a_rule(ask: Ask, standing: Standing, budgets: Budgets, now: datetime) -> None:
    now = decide(ask, standing, budgets, now).until or now
    if decide(ask, standing, budgets, now).verdict is not Verdict.SEND:
        return
    assert ask.not_before <= now <= ask.not_after
    assert not is_vetoed(standing)
    assert not waits_for_a_case(ask, standing)
    assert not is_quiet(now, standing, budgets)
    assert not is_over_budget(now, ask, standing, budgets)


@given(asks, standings, budgets_, minutes)
def test_deciding_again_at_the_end_of_a_hold_sends(
    ask: Ask, standing: Standing, budgets: Budgets, now: datetime
) -> None:
    until = decide(ask, standing, budgets, now).until
    assert until is None or until > now
    assert until is None or decide(ask, standing, budgets, until).verdict is Verdict.SEND


@given(asks, standings, budgets_, minutes, st.floats(0, 0.999))
def test_a_hold_does_not_move_while_time_passes(
    ask: Ask, standing: Standing, budgets: Budgets, now: datetime, part: float
) -> None:
    until = decide(ask, standing, budgets, now).until
    between = now + part * ((until or now) - now)
    assert decide(ask, standing, budgets, between).until == until


@given(asks, standings, budgets_, minutes, minutes)
def test_what_is_skipped_stays_skipped(
    ask: Ask, standing: Standing, budgets: Budgets, now: datetime, later: datetime
) -> None:
    now, later = sorted([now, later])
    was_skipped = decide(ask, standing, budgets, now).verdict is Verdict.SKIP
    assert not was_skipped or decide(ask, standing, budgets, later).verdict is Verdict.SKIP


@given(asks, standings, budgets_, minutes, st.tuples(st.sampled_from(KINDS), minutes))
def test_one_more_message_never_brings_an_invitation_forward(
    ask: Ask, standing: Standing, budgets: Budgets, now: datetime, sent: tuple[str, datetime]
) -> None:
    more = standing.model_copy(update={"asked": (*standing.asked, sent)})
    assert _reach(decide(ask, standing, budgets, now), now) <= _reach(decide(ask, more, budgets, now), now)


def _reach(decision: Decision, now: datetime) -> tuple[int, datetime]:
    """How far off the sending is: now, at a known time, when a case closes, never."""
    if decision.verdict is Verdict.SKIP:
        return 2, now
    return int(decision.verdict is Verdict.HOLD and decision.until is None), decision.until or now


@given(
    st.timedeltas(-30 * 365 * DAY, 10 * 365 * DAY).map(lambda after: NOON + after),
    st.sampled_from(ZONES),
    st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    st.times().map(lambda t: t.replace(second=0, microsecond=0)),
)
def test_no_quiet_hours_and_no_change_of_clocks_let_anything_out_at_night(
    now: datetime, zone: str, begin: time, end: time
) -> None:
    assume(begin != end)
    budgets, standing = Budgets(quiet=(begin, end)), Standing(time_zone=zone)
    decision = decide(loyalty(now), standing, budgets, now)
    assert not is_quiet(decision.until or now, standing, budgets)
    assert decision.verdict is not Verdict.SKIP


@given(st.lists(st.integers(0, 100_000).map(lambda m: START + m * MINUTE), max_size=100))
def test_a_way_through_any_number_of_messages_is_found(sent: list[datetime]) -> None:
    standing = Standing(automatic=tuple(sent))
    decision = decide(loyalty(START, days=200), standing, Budgets(), START)
    assert decision.verdict is not Verdict.SKIP
