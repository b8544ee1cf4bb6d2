"""Customer effort: how easy it was to get what one needed.

Three questions go by this name: effort (lower is better, source W), ease (higher is better) and plain "was it solved"
(source E). They are never merged.
"""

from __future__ import annotations

from cxsdk.domain.survey import Scale
from cxsdk.domain.values import Value
from cxsdk.metrics.intervals import Estimate, share
from cxsdk.metrics.series import Series


class Effort(Value):
    """The mean of the answers on their own scale, and which way is good."""

    scale: Scale
    mean: float
    n: int
    higher_is_better: bool


def ces(series: Series) -> Effort | None:
    """CES = arithmetic mean of the answers: of effort 1 to 5, or of ease 1 to 7; the scale says which way is good."""
    series.require(Scale.CES_EFFORT, Scale.CES_EASE)
    if series.mean is None:
        return None
    higher_is_better = series.scale is Scale.CES_EASE
    return Effort(scale=series.scale, mean=series.mean, n=series.n, higher_is_better=higher_is_better)


def solved_rate(series: Series) -> Estimate | None:
    """Solved = "yes" / all answers to "was it solved" x 100 %, 0 to 100 (source E)."""
    series.require(Scale.SOLVED)
    solved = share(series.count({1}), series.n)
    return solved.times(100) if solved else None
