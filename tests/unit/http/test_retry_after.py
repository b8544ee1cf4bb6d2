"""The wait that a provider asks for, however it writes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk.http import retry_after
from cxsdk.http.retry_after import LONGEST_S

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
MOMENTS = st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0.5", 0.5),
        ("9" * 5000, LONGEST_S),
        ("Mon, 05 Jan 2026 12:01:00 GMT", 60.0),
        ("Monday, 05-Jan-26 12:01:00 GMT", 60.0),
        ("Mon Jan  5 12:01:00 2026", 60.0),
        ("Mon, 05 Jan 2026 13:01:00 +0100", 60.0),
        ("Mon, 05 Jan 2026 11:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_S),
        ("-5", None),
        ("", None),
        ("soon", None),
        ("inf", None),
        ("٣", None),
        ("1e3", None),
        ("Mon, 99 Foo 2026 12:01:00 GMT", None),
    ],
)
def test_every_spelling_is_understood_or_left_alone(given: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": given}, NOW) == seconds


def test_a_date_is_compared_with_the_providers_own_clock() -> None:
    headers = {"Retry-After": "Mon, 05 Jan 2026 15:00:30 GMT", "Date": "Mon, 05 Jan 2026 15:00:00 GMT"}
    assert retry_after(headers, NOW) == 30.0


def test_without_the_header_there_is_no_wait() -> None:
    assert retry_after({}, NOW) is None


@given(st.text())
def test_no_header_whatever_breaks_it(text: str) -> None:
    for headers in ({"Retry-After": text}, {"Retry-After": "Mon, 05 Jan 2026 12:01:00 GMT", "Date": text}):
        seconds = retry_after(headers, NOW)
        assert seconds is None or 0 <= seconds <= LONGEST_S


@given(MOMENTS, st.integers(0, 86_400))
def test_a_date_gives_back_the_seconds_it_was_made_from(now: datetime, seconds: int) -> None:
    until = format_datetime(now + timedelta(seconds=seconds), usegmt=True)
    assert retry_after({"Retry-After": until}, now) == seconds


@given(st.floats(0, 1e9).map(lambda seconds: f"{seconds:.3f}"))
def test_seconds_are_read_as_written_up_to_a_day(text: str) -> None:
    assert retry_after({"Retry-After": text}, NOW) == min(float(text), LONGEST_S)
