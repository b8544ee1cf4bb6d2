"""Lengths of time as settings give them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk.domain.durations import LONGEST, Duration, duration, spoken
from cxsdk.domain.settings import Settings
from cxsdk.errors import ConfigurationError


class Wait(Settings):
    """Settings with a length of time."""

    after: Duration


@pytest.mark.parametrize(
    ("written", "length"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("1h", timedelta(hours=1)),
        ("14d", timedelta(days=14)),
        ("2w", timedelta(days=14)),
        (timedelta(milliseconds=5), timedelta(milliseconds=5)),
    ],
)
def test_a_written_length_is_read(written: object, length: timedelta) -> None:
    assert duration(written) == length
    assert Wait(after=written).after == length


@pytest.mark.parametrize(
    "garbage",
    ["", "2", "h", "2 h", "2H", "1.5h", "-2h", "2h ", "2h\n", "1h30m", "two hours", "٢h", "P1D", 7200, 2.0, True, None],
)
def test_garbage_is_refused_with_the_cure(garbage: object) -> None:
    with pytest.raises(ValueError, match='"15m"'):
        duration(garbage)


@pytest.mark.parametrize("nothing", ["0s", "000w", timedelta(0), timedelta(seconds=-1)])
def test_a_length_must_be_longer_than_zero(nothing: object) -> None:
    with pytest.raises(ValueError, match="longer than zero"):
        duration(nothing)


@pytest.mark.parametrize("age", ["36501d", "999999999w", timedelta.max])
def test_a_length_of_more_than_a_century_is_refused(age: object) -> None:
    with pytest.raises(ValueError, match="100 years"):
        duration(age)


def test_a_wrong_length_in_settings_names_the_field_and_the_cure() -> None:
    with pytest.raises(ConfigurationError, match=r"Wait\.after.*\"15m\""):
        Wait(after="soon")


@given(st.text() | st.integers() | st.floats() | st.timedeltas())
def test_anything_is_a_length_within_bounds_or_a_value_error(given_: object) -> None:
    try:
        length = duration(given_)
    except ValueError:
        return
    assert timedelta(0) < length <= LONGEST


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("90d", "90 days"),
        ("24h", "1 day"),
        ("1h", "1 hour"),
        ("90m", "90 minutes"),
        ("61s", "61 seconds"),
        ("1s", "1 second"),
    ],
)
def test_a_length_is_spoken_in_the_largest_unit_that_divides_it(written: str, words: str) -> None:
    assert spoken(duration(written)) == words
