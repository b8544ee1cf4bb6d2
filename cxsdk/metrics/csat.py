"""Customer satisfaction: how many of those who answered are satisfied."""

from __future__ import annotations

from types import MappingProxyType

from cxsdk.domain.survey import Scale
from cxsdk.metrics.intervals import Estimate, share
from cxsdk.metrics.series import Series

#: Which grades mean satisfied: of five (source U), of three (source W), of two (source L).
SATISFIED = MappingProxyType(
    {Scale.CSAT_5: frozenset({4, 5}), Scale.CSAT_3: frozenset({3}), Scale.CSAT_2: frozenset({2})}
)

#: Per cent that a team should reach where nothing else is agreed (source L).
TARGET = 80.0


def csat(series: Series) -> Estimate | None:
    """CSAT = satisfied / all answers x 100 %, 0 to 100; which grades are satisfied belongs to the scale."""
    series.require(*SATISFIED)
    satisfied = share(series.count(SATISFIED[series.scale]), series.n)
    return satisfied.times(100) if satisfied else None
