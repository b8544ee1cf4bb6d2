"""Moments as an operator types them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk.cli.moments import Since, read_moment

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2h", NOW - timedelta(hours=2)),
        ("3d", NOW - timedelta(days=3)),
        ("90s", NOW - timedelta(seconds=90)),
        ("2026-03-01T10:00:00+02:00", datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ("2026-03-01T10:00Z", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("2026-03-01 10:00-05:00", datetime(2026, 3, 1, 15, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_length_of_time_ago_or_a_date_with_its_zone(written: str, meant: datetime) -> None:
    assert read_moment(written, NOW) == meant


@pytest.mark.parametrize(
    "written",
    ["", "2", "2y", "-2h", "0h", "yesterday", "2026-03-01", "2026-03-01T10:00", "2026-13-01T10:00Z", "2h ago", "1e3h"],
)
def test_what_is_no_moment_is_none(written: str) -> None:
    assert read_moment(written, NOW) is None


@given(st.datetimes(timezones=st.timezones() | st.just(timezone(timedelta(hours=5, minutes=45)))))
def test_any_date_with_a_zone_is_that_moment(moment: datetime) -> None:
    try:
        meant = moment.astimezone(UTC)
    except OverflowError:
        return
    read = read_moment(moment.isoformat(), NOW)
    assert read is not None
    assert abs(read - meant) < timedelta(minutes=1)  # an offset of the nineteenth century may have seconds
    assert read.tzinfo is UTC


@given(st.text())
def test_any_text_is_a_moment_or_none(written: str) -> None:
    read = read_moment(written, NOW)
    assert read is None or read.tzinfo is UTC


@pytest.mark.parametrize("written", ["2999-01-01T00:00Z", "soon"])
def test_since_takes_moments_of_the_past_only(written: str) -> None:
    with pytest.raises(click.BadParameter):
        Since().convert(written, None, None)


def test_the_oldest_moments_there_are_do_no_harm() -> None:
    assert read_moment("0001-01-01T00:00+14:00", NOW) is None
    assert read_moment("36500d", datetime(50, 1, 1, tzinfo=UTC)) is None
