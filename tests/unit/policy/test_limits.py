"""Never more than a provider allows within any window, and hardly less."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk.domain.limits import Limit, Meters, Usage
from cxsdk.errors import ConfigurationError
from cxsdk.policy.limits import ask, is_scarce, learn, shares

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)

limits = st.builds(
    lambda calls, per, burst: Limit(
        calls=calls, per=timedelta(seconds=per), burst=min(burst, calls) if burst else None
    ),
    st.integers(1, 60),
    st.integers(1, 30),
    st.none() | st.integers(1, 10),
).filter(lambda limit: limit.burst is None or limit.burst < limit.calls or limit.calls == 1)


def greedy(limits: list[Limit], seconds: float, pauses: list[float] | None = None) -> list[float]:
    """When somebody who asks as often as they may gets a permit; now and then they pause."""
    meters: Meters = {}
    now, granted, pauses = NOON, [], list(pauses or [])
    while now < NOON + timedelta(seconds=seconds):
        answer = ask(limits, meters, 1, now)
        if answer.is_granted:
            meters = answer.meters
            granted.append((now - NOON).total_seconds())
            if pauses and len(granted) % 3 == 0:
                now += timedelta(seconds=pauses.pop())
        else:
            now += timedelta(seconds=answer.wait) + timedelta(microseconds=1)
    return granted


def most_within(moments: list[float], seconds: float) -> int:
    return max(sum(1 for later in moments if first <= later < first + seconds) for first in moments)


@given(limits, st.lists(st.floats(0, 40), max_size=8))
def test_no_window_sees_more_than_the_limit_wherever_it_begins(limit: Limit, pauses: list[float]) -> None:
    per = limit.per.total_seconds()
    assert most_within(greedy([limit], 3 * per, pauses), per) <= limit.amount


@pytest.mark.parametrize(("calls", "per"), [(19, "1s"), (100, "10s"), (7, "1s"), (1, "1s"), (250_000, "1d")])
def test_at_least_nine_tenths_of_a_limit_can_be_used(calls: int, per: str) -> None:
    limit = Limit(calls=calls, per=per)
    seconds = min(limit.per.total_seconds() * 5, 600.0)
    assert len(greedy([limit], seconds)) >= 0.89 * calls * seconds / limit.per.total_seconds()


def test_several_windows_hold_at_once() -> None:
    second, minute = Limit(calls=5, per="1s"), Limit(calls=30, per="1m")
    granted = greedy([second, minute], 120)
    assert most_within(granted, 1) <= 5
    assert most_within(granted, 60) <= 30


def test_a_leaky_bucket_gives_all_it_holds_at_once_and_then_as_it_drains() -> None:
    granted = greedy([Limit(calls=50, burst=50, per="25s")], 10)
    assert sum(1 for at in granted if at == 0) == 50
    assert len(granted) == pytest.approx(50 + 2 * 10, abs=1)


def test_a_refusal_takes_nothing_and_names_the_limit_that_is_used_up() -> None:
    minute, second = Limit(calls=100, per="1m", name="minutely"), Limit(calls=1, per="1s", name="secondly")
    first = ask([minute, second], {}, 1, NOON)
    refused = ask([minute, second], first.meters, 1, NOON)
    assert (refused.limit, refused.wait, refused.meters) == ("secondly", pytest.approx(1.0), first.meters)


def test_more_calls_than_ever_come_at_once_are_granted_and_owed() -> None:
    limit = Limit(calls=10, per="10s")
    granted = ask([limit], {}, 5, NOON)
    assert granted.is_granted
    assert ask([limit], granted.meters, 1, NOON).wait == pytest.approx(5.0)


def test_seconds_of_work_are_counted_apart_for_each_method() -> None:
    work = Limit(seconds=480, per="10m", name="operating")
    told = [
        Usage(limit="operating", key="crm.lead.add", spent=481.0),
        Usage(limit="operating", key="user.get", spent=1.0),
    ]
    meters = learn([work], {}, [(usage, NOON) for usage in told])
    assert ask([work], meters, 1, NOON).limit == "operating:crm.lead.add"
    assert ask([work], meters, 1, NOON + timedelta(seconds=3)).is_granted


def test_what_others_used_of_the_same_limit_counts() -> None:
    limit = Limit(calls=100, per="10s", name="ten")
    meters = learn([limit], {}, [(Usage(limit="ten", remaining=0, resets_in=timedelta(seconds=6)), NOON)])
    assert ask([limit], meters, 1, NOON).wait == pytest.approx(6.0, abs=0.2)
    assert is_scarce([limit], meters, NOON)


def test_what_was_told_a_while_ago_holds_only_until_its_reset() -> None:
    limit = Limit(calls=100, per="10s", name="ten")
    told = [(Usage(limit="ten", remaining=0, resets_in=timedelta(seconds=6)), NOON)]
    later = NOON + timedelta(seconds=7)
    assert ask([limit], learn([limit], ask([limit], {}, 1, later).meters, told), 1, later).is_granted


def test_a_plan_that_allows_more_is_used() -> None:
    limit = Limit(calls=10, per="10s", name="ten")
    meters = learn([limit], {}, [(Usage(limit="ten", amount=1000, remaining=1000), NOON)])
    assert ask([limit], meters, 90, NOON).is_granted
    assert not is_scarce([limit], meters, NOON)


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0, 200), st.floats(0, 60)), max_size=20))
def test_whatever_answers_tell_the_wait_ends_with_their_reset(told: list[tuple[float, float, float]]) -> None:
    limit, now = Limit(calls=100, per="10s", name="ten"), NOON
    meters: Meters = {}
    for pause, remaining, reset in told:
        now += timedelta(seconds=pause)
        usage = Usage(limit="ten", remaining=remaining, resets_in=timedelta(seconds=reset))
        meters = learn([limit], meters, [(usage, now)])
    assert ask([limit], meters, 1, now).wait <= 60.2


@pytest.mark.parametrize(
    "wrong", [{}, {"calls": 1, "seconds": 2}, {"calls": 0}, {"calls": 5, "burst": 0}, {"seconds": -1}]
)
def test_a_limit_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        Limit(per="1s", **wrong)


def test_how_much_is_used_is_a_share_that_drains() -> None:
    limit = Limit(calls=50, burst=50, per="25s", name="bucket")
    assert shares([limit], {}, NOON) == {"bucket": 0.0}
    meters = ask([limit], {}, 25, NOON).meters
    assert shares([limit], meters, NOON) == {"bucket": 0.5}
    assert shares([limit], meters, NOON + timedelta(seconds=5)) == {"bucket": pytest.approx(0.3)}
    full = ask([limit], meters, 25, NOON).meters
    assert shares([limit], full, NOON) == {"bucket": 1.0}
