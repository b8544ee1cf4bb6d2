"""Net promoter score and mean score: whether they would recommend the company.

It measures the company, not an agent and not a conversation (sources M, U, W).
"""

from __future__ import annotations

from cxsdk.domain.survey import Scale
from cxsdk.metrics.intervals import Estimate, difference
from cxsdk.metrics.series import Series

PROMOTERS = frozenset({9, 10})
DETRACTORS = frozenset(range(7))


def nps(series: Series) -> Estimate | None:
    """NPS = % of 9-10 less % of 0-6, of all who answered: -100 to 100 (sources M, U, W).

    A provider's scale of 1 to 10 is a series of its own, with detractors at 1 to 6; it is never rescaled. The answers
    to closing surveys are another: see ``tnps``.
    """
    series.require(Scale.NPS, Scale.NPS_1_10)
    return _score(series)


def tnps(series: Series) -> Estimate | None:
    """tNPS: the formula of NPS over the answers to closing surveys alone, -100 to 100 (source E)."""
    series.require(Scale.TNPS)
    return _score(series)


def mean_score(series: Series) -> float | None:
    """The arithmetic mean of the answers, on their own scale; shown beside NPS (source M)."""
    series.require(Scale.NPS, Scale.NPS_1_10, Scale.TNPS)
    return series.mean


def _score(series: Series) -> Estimate | None:
    net = difference(series.count(PROMOTERS), series.count(DETRACTORS), series.n)
    return net.times(100) if net else None
