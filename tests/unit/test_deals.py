"""Deals of any CRM become the same business events."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cxsdk import Deal, Deals, EventKind, email, phone

CHANGED = datetime(2026, 1, 5, 15, tzinfo=UTC)
DEALS = Deals(
    stages={"won": EventKind.PURCHASE, "sent": EventKind.DELIVERY},
    dates={"renewed_on": EventKind.RENEWAL, "ends_on": EventKind.SUBSCRIPTION},
)


def deal(**changes: Any) -> Deal:
    return Deal(**{"key": "deal:1", "changed_at": CHANGED, "customer": (email("ann@example.com"),), **changes})


def test_a_deal_that_is_won_is_a_purchase_with_all_that_is_known_of_it() -> None:
    told = {"name": "Ann Sample", "product": "Ten chairs", "amount": "500.00", "currency": "USD"}
    [event] = DEALS.events(deal(stage="won", **told))
    assert (event.key, event.kind, event.at) == ("deal:1:won", EventKind.PURCHASE, CHANGED)
    assert (event.order, event.customer) == ("deal:1", (email("ann@example.com"),))
    assert event.model_dump(include=set(told)) == told


@pytest.mark.parametrize(
    ("closed", "at"),
    [
        (date(2025, 11, 30), datetime(2025, 11, 30, 12, tzinfo=UTC)),
        (date(2026, 1, 5), CHANGED),
        (date(2026, 1, 6), CHANGED),
        (datetime(2026, 1, 5, 9, tzinfo=UTC), datetime(2026, 1, 5, 9, tzinfo=UTC)),
        (datetime(2026, 1, 5, 16, tzinfo=UTC), CHANGED),
    ],
)
def test_a_stage_was_reached_on_the_close_date_or_when_the_deal_was_changed(closed: date, at: datetime) -> None:
    assert [event.at for event in DEALS.events(deal(stage="won", closed=closed))] == [at]


def test_when_a_stage_was_reached_counts_also_if_the_deal_has_moved_on() -> None:
    reached = {"won": CHANGED - timedelta(days=3)}
    events = list(DEALS.events(deal(stage="sent", reached=reached, closed=date(2025, 1, 1))))
    assert [(event.kind, event.at) for event in events] == [
        (EventKind.PURCHASE, CHANGED - timedelta(days=3)),
        (EventKind.DELIVERY, datetime(2025, 1, 1, 12, tzinfo=UTC)),
    ]


def test_the_end_of_a_subscription_is_told_at_once() -> None:
    [event] = DEALS.events(deal(dates={"ends_on": date(2027, 1, 2)}))
    assert (event.key, event.at) == ("deal:1:ends_on:2027-01-02", CHANGED)
    assert event.expires_at == datetime(2027, 1, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize("day", [date(2026, 1, 6), datetime(2026, 1, 6, 0, 30, tzinfo=UTC)])
def test_a_day_that_has_not_come_is_not_told(day: date) -> None:
    assert list(DEALS.events(deal(dates={"renewed_on": day}))) == []


@pytest.mark.parametrize(
    ("day", "hour"), [(date(2026, 3, 1), 12), (datetime(2026, 3, 1, 9, tzinfo=UTC), 9),
                      (datetime(2026, 3, 1, 18, tzinfo=UTC), 12)],
)  # fmt: skip
def test_a_day_that_has_come_is_told_though_nobody_changed_the_deal(day: date, hour: int) -> None:
    [event] = DEALS.events(deal(dates={"renewed_on": day}, due=date(2026, 3, 1)))
    assert (event.key, event.kind) == ("deal:1:renewed_on:2026-03-01", EventKind.RENEWAL)
    assert event.at == datetime(2026, 3, 1, hour, tzinfo=UTC)


def test_of_a_deal_that_is_due_nothing_else_is_told() -> None:
    dates = {"renewed_on": date(2026, 1, 2), "ends_on": date(2026, 3, 1)}
    assert list(DEALS.events(deal(stage="won", dates=dates, due=date(2026, 3, 1)))) == []
    assert DEALS.awaited == ("renewed_on",)


def test_of_nobody_nothing_is_told() -> None:
    assert list(DEALS.events(deal(stage="won", customer=()))) == []


def test_other_stages_and_fields_tell_nothing() -> None:
    other = {"stage": "lost", "dates": {"other": date(2026, 1, 2), "renewed_on": None}}
    assert list(DEALS.events(deal(**other, reached={"open": CHANGED}))) == []


def test_without_stages_and_dates_there_is_nothing_to_read() -> None:
    assert not Deals(region="US")
    assert Deals(stages={"won": "purchase"})
    assert Deals(dates={"ends_on": "subscription"})


def test_a_customer_is_known_by_what_is_an_address_or_a_number() -> None:
    emails, phones = ["ann@example.com", None, "none", "ANN@example.com"], ["212 555 0123", "", "12", "+12125550123"]
    assert Deals(region="US").customer(emails=emails, phones=phones) == (
        email("ann@example.com"),
        phone("+12125550123"),
    )


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError):
        deal(closed=datetime(2026, 1, 5, 9))


_days = st.dates(date(2020, 1, 1), date(2030, 1, 1))
_moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
_any_deal = st.builds(
    deal,
    changed_at=_moments,
    stage=st.sampled_from(["won", "sent", "open", None]),
    closed=st.none() | _days | _moments,
    reached=st.dictionaries(st.sampled_from(["won", "sent"]), _moments, max_size=2),
    dates=st.dictionaries(st.sampled_from(["renewed_on", "ends_on"]), st.none() | _days | _moments, max_size=2),
)


@given(_any_deal, st.timedeltas(timedelta(0), timedelta(days=900)))
def test_what_was_told_of_a_deal_is_told_under_the_same_keys_when_it_is_changed_again(
    before: Deal, later: timedelta
) -> None:
    first = list(DEALS.events(before))
    again = list(DEALS.events(before.model_copy(update={"changed_at": before.changed_at + later, "product": "x"})))
    keys = [event.key for event in again]
    assert len(keys) == len(set(keys))
    assert {event.key for event in first} <= set(keys)


@given(_any_deal, st.integers(-3, 900))
def test_a_deal_that_is_read_on_its_day_and_changed_later_is_one_event(any_deal: Deal, days: int) -> None:
    day = any_deal.changed_at.date() + timedelta(days=days)
    held = any_deal.model_copy(update={"dates": {"renewed_on": day}, "reached": {}, "stage": None})
    [due] = DEALS.events(held.model_copy(update={"due": day}))
    [changed] = DEALS.events(held.model_copy(update={"changed_at": any_deal.changed_at + timedelta(days=901)}))
    assert (due.key, due.at, due.kind) == (changed.key, changed.at, changed.kind)


@given(_any_deal)
def test_nothing_is_told_before_it_happened(any_deal: Deal) -> None:
    for event in DEALS.events(any_deal):
        assert event.at <= max([any_deal.changed_at, *any_deal.reached.values()])
