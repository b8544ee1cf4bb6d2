"""Shares and differences with their intervals: known values, bounds, symmetry, coverage."""

from __future__ import annotations

from math import comb, log, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk.metrics.intervals import Estimate, Z, difference, share

counts = st.integers(0, 2000)


def test_nothing_asked_gives_nothing() -> None:
    assert share(0, 0) is None
    assert difference(0, 0, 0) is None


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [
        (1, 10, 0.0179, 0.4042),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_a_share_has_wilsons_interval(part: int, whole: int, low: float, high: float) -> None:
    estimate = share(part, whole)
    assert estimate is not None
    assert estimate.value == part / whole
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("part", "whole"), [(-1, 5), (6, 5), (1, 0)])
def test_a_part_that_is_not_of_the_whole_is_refused(part: int, whole: int) -> None:
    with pytest.raises(ValueError, match="between nothing and the whole"):
        share(part, whole)


@pytest.mark.parametrize(("plus", "minus", "n"), [(-1, 0, 5), (3, 3, 5), (1, 0, 0)])
def test_parts_that_overlap_are_refused(plus: int, minus: int, n: int) -> None:
    with pytest.raises(ValueError, match="do not overlap"):
        difference(plus, minus, n)


@given(counts, counts)
def test_an_interval_of_a_share_holds_the_share_within_its_bounds(part: int, rest: int) -> None:
    estimate = share(part, part + rest)
    assert estimate is None or 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert estimate is None or estimate.low < estimate.high


@given(counts, counts)
def test_a_share_and_its_rest_mirror_each_other(part: int, rest: int) -> None:
    one, other = share(part, part + rest), share(rest, part + rest)
    if one is None or other is None:
        return
    assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low))


@given(counts, counts, counts)
def test_an_interval_of_a_difference_holds_the_difference_within_its_bounds(plus: int, minus: int, none: int) -> None:
    estimate = difference(plus, minus, plus + minus + none)
    assert estimate is None or -1 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert estimate is None or estimate.low < estimate.high


@given(counts, counts, counts)
def test_a_difference_mirrors_when_plus_and_minus_change_places(plus: int, minus: int, none: int) -> None:
    one, other = difference(plus, minus, plus + minus + none), difference(minus, plus, plus + minus + none)
    if one is None or other is None:
        return
    assert (one.value, one.low, one.high) == (-other.value, -other.high, -other.low)


@given(st.integers(1, 500))
def test_where_nobody_disagrees_the_bounds_are_known_in_closed_form(n: int) -> None:
    all_plus, all_neither = difference(n, 0, n), difference(0, 0, n)
    assert all_plus is not None
    assert all_neither is not None
    assert (all_plus.low, all_plus.high) == pytest.approx(((n - Z**2) / (n + Z**2), 1))
    assert (all_neither.low, all_neither.high) == pytest.approx((-(Z**2) / (n + Z**2), Z**2 / (n + Z**2)))


@pytest.mark.parametrize(("plus", "minus", "n"), [(5, 2, 10), (0, 3, 7), (40, 30, 100), (1, 1, 2), (150, 86, 1600)])
def test_the_bounds_are_where_the_score_test_stops_rejecting(plus: int, minus: int, n: int) -> None:
    estimate = difference(plus, minus, n)
    assert estimate is not None
    for bound in (estimate.low, estimate.high):
        q = _likeliest_minus(bound, plus, minus, n)
        score = (plus - minus - n * bound) / sqrt(n * (2 * q + bound - bound**2))
        assert abs(score) == pytest.approx(Z, abs=1e-4)


def _likeliest_minus(d: float, plus: int, minus: int, n: int) -> float:
    """The share of minus that makes the counts likeliest when the difference is d: by search, not by formula."""

    def likelihood(q: float) -> float:
        shares = ((plus, q + d), (minus, q), (n - plus - minus, 1 - 2 * q - d))
        return sum(count * log(max(p, 1e-300)) for count, p in shares)

    low, high = max(0.0, -d), (1 - d) / 2
    for _ in range(200):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (left, high) if likelihood(left) < likelihood(right) else (low, right)
    return (low + high) / 2


@pytest.mark.parametrize("n", [5, 15, 30])
@pytest.mark.parametrize(("plus", "minus"), [(0.5, 0.2), (0.8, 0.05), (0.1, 0.1), (0.3, 0.6), (0.97, 0.01)])
def test_the_interval_covers_the_truth_for_few_answers_and_near_the_ends(n: int, plus: float, minus: float) -> None:
    covered = 0.0
    for i in range(n + 1):
        for j in range(n - i + 1):
            estimate = difference(i, j, n)
            assert estimate is not None
            if estimate.low <= plus - minus <= estimate.high:
                chance = comb(n, i) * comb(n - i, j)
                covered += chance * plus**i * minus**j * (1 - plus - minus) ** (n - i - j)
    assert 0.92 <= covered <= 1


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 50), st.integers(2, 20))
def test_more_answers_of_the_same_kind_make_the_interval_narrower(plus: int, minus: int, none: int, more: int) -> None:
    n = plus + minus + none
    few, many = difference(plus, minus, n), difference(plus * more, minus * more, n * more)
    assert few is not None
    assert many is not None
    assert many.high - many.low < few.high - few.low


def test_an_estimate_is_told_in_per_cent() -> None:
    assert Estimate(value=0.5, low=0.25, high=0.75, n=4).times(100) == Estimate(value=50, low=25, high=75, n=4)
