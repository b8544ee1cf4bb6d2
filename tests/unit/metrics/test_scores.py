"""NPS, CSAT, CES and rates: worked examples and what must hold for any answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxsdk.domain.survey import Category, Scale
from cxsdk.metrics.ces import ces, solved_rate
from cxsdk.metrics.csat import SATISFIED, csat
from cxsdk.metrics.intervals import Estimate
from cxsdk.metrics.nps import DETRACTORS, PROMOTERS, mean_score, nps, tnps
from cxsdk.metrics.rates import response_rate
from cxsdk.metrics.series import Series

TAKES: dict[Callable[[Series], object], set[Scale]] = {
    nps: {Scale.NPS, Scale.NPS_1_10},
    tnps: {Scale.TNPS},
    mean_score: {Scale.NPS, Scale.NPS_1_10, Scale.TNPS},
    csat: {Scale.CSAT_2, Scale.CSAT_3, Scale.CSAT_5},
    ces: {Scale.CES_EASE, Scale.CES_EFFORT},
    solved_rate: {Scale.SOLVED},
}

series_ = st.sampled_from(Scale).flatmap(
    lambda scale: st.builds(
        Series, scale=st.just(scale), counts=st.dictionaries(st.sampled_from(scale.grades), st.integers(0, 500))
    )
)


def value(estimate: Estimate | None) -> float:
    assert estimate is not None
    return estimate.value


@pytest.mark.parametrize("figure", TAKES.keys(), ids=lambda figure: figure.__name__)
@pytest.mark.parametrize("scale", Scale)
def test_a_figure_takes_its_own_scales_alone_and_is_nothing_of_no_answers(
    figure: Callable[[Series], object], scale: Scale
) -> None:
    if scale in TAKES[figure]:
        assert figure(Series(scale=scale)) is None
        assert figure(Series(scale=scale, counts={1: 0})) is None
    else:
        with pytest.raises(ValueError, match=f"not on {scale}"):
            figure(Series(scale=scale))


def test_nps_is_promoters_less_detractors_of_all() -> None:
    series = Series.of(Scale.NPS, [10] * 35 + [9] * 15 + [8] * 20 + [7] * 10 + [6] * 5 + [0] * 15)
    assert value(nps(series)) == pytest.approx(30)
    assert mean_score(series) == pytest.approx(7.45)


@pytest.mark.parametrize(("score", "expected"), [(0, -100), (6, -100), (7, 0), (8, 0), (9, 100), (10, 100)])
@pytest.mark.parametrize(("figure", "scale"), [(nps, Scale.NPS), (tnps, Scale.TNPS)])
def test_each_answer_is_a_promoter_a_passive_or_a_detractor(
    figure: Callable[[Series], Estimate | None], scale: Scale, score: int, expected: float
) -> None:
    assert value(figure(Series.of(scale, [score]))) == expected


def test_a_scale_from_one_is_a_series_of_its_own() -> None:
    assert value(nps(Series.of(Scale.NPS_1_10, [1, 6, 7, 9]))) == -25
    with pytest.raises(ValueError, match="no grades"):
        Series.of(Scale.NPS_1_10, [0])


def test_promoters_and_detractors_are_who_is_followed_up_as_such() -> None:
    grades = Scale.NPS.grades
    assert {grade for grade in grades if Scale.NPS.category(grade) is Category.HAPPY} == PROMOTERS
    assert {grade for grade in grades if Scale.NPS.category(grade) is Category.UNHAPPY} == DETRACTORS


@pytest.mark.parametrize(
    ("scale", "scores", "expected"),
    [
        (Scale.CSAT_5, [1, 2, 3, 4, 5], 40),
        (Scale.CSAT_3, [1, 2, 3, 3], 50),
        (Scale.CSAT_2, [1, 2, 2, 2], 75),
    ],
)
def test_csat_is_the_share_of_those_whom_the_scale_calls_satisfied(
    scale: Scale, scores: list[int], expected: float
) -> None:
    assert value(csat(Series.of(scale, scores))) == pytest.approx(expected)


@pytest.mark.parametrize("scale", SATISFIED)
def test_the_satisfied_are_the_happy(scale: Scale) -> None:
    assert {grade for grade in scale.grades if scale.category(grade) is Category.HAPPY} == SATISFIED[scale]


def test_effort_and_ease_point_in_opposite_directions() -> None:
    effort, ease = ces(Series.of(Scale.CES_EFFORT, [1, 2])), ces(Series.of(Scale.CES_EASE, [6, 7, 7]))
    assert effort is not None
    assert ease is not None
    assert (effort.mean, effort.n, effort.higher_is_better) == (1.5, 2, False)
    assert (ease.mean, ease.n, ease.higher_is_better) == (20 / 3, 3, True)


def test_the_solved_rate_is_the_share_of_yes() -> None:
    assert value(solved_rate(Series.of(Scale.SOLVED, [1, 1, 1, 0]))) == 75


def test_the_response_rate_is_the_share_of_the_invitations_that_were_answered() -> None:
    assert value(response_rate(30, 200)) == 15
    assert response_rate(0, 0) is None
    with pytest.raises(ValueError, match="part"):
        response_rate(3, 2)


def test_series_of_different_scales_never_mix() -> None:
    with pytest.raises(ValueError, match="needs a series on nps, not on tnps"):
        Series.of(Scale.NPS, [10]) + Series.of(Scale.TNPS, [10])


def test_two_parts_of_a_series_add_up() -> None:
    both = Series.of(Scale.NPS, [10, 3]) + Series.of(Scale.NPS, [10])
    assert both == Series(scale=Scale.NPS, counts={10: 2, 3: 1})


@pytest.mark.parametrize(("scale", "score"), [(Scale.NPS, 11), (Scale.NPS, -1), (Scale.CSAT_5, 0), (Scale.SOLVED, 2)])
def test_an_answer_that_the_scale_does_not_have_is_refused(scale: Scale, score: int) -> None:
    with pytest.raises(ValueError, match="no grades"):
        Series.of(scale, [score])


@given(st.lists(st.sampled_from(Scale.NPS.grades)), st.randoms())
def test_the_order_of_the_answers_does_not_matter(scores: list[int], random: object) -> None:
    shuffled = sorted(scores, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert nps(Series.of(Scale.NPS, scores)) == nps(Series.of(Scale.NPS, shuffled))
    assert mean_score(Series.of(Scale.NPS, scores)) == mean_score(Series.of(Scale.NPS, shuffled))


@given(series_)
def test_every_figure_lies_on_its_scale_and_in_its_interval(series: Series) -> None:
    for figure, scales in TAKES.items():
        if series.scale not in scales or not series.n:
            continue
        found = figure(series)
        assert found is not None
        if isinstance(found, Estimate):
            least = -100 if figure in (nps, tnps) else 0
            assert least <= found.low <= found.value <= found.high <= 100
            assert found.n == series.n
    if series.mean is not None:
        assert series.scale.grades[0] - 1e-9 <= series.mean <= series.scale.grades[-1] + 1e-9


@given(st.lists(st.sampled_from(Scale.NPS.grades), min_size=1), st.sampled_from([9, 10]))
def test_one_more_promoter_never_lowers_nps(scores: list[int], score: int) -> None:
    before, now = nps(Series.of(Scale.NPS, scores)), nps(Series.of(Scale.NPS, [*scores, score]))
    assert value(now) >= value(before) - 1e-9
