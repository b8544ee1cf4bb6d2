"""What a score means for the follow-up, on every scale."""

from __future__ import annotations

import pytest

from cxsdk.domain.survey import Category, Scale

THRESHOLDS = {
    Scale.NPS: ([0, 1, 2, 3, 4, 5, 6], [7, 8], [9, 10]),
    Scale.NPS_1_10: ([1, 2, 3, 4, 5, 6], [7, 8], [9, 10]),
    Scale.TNPS: ([0, 1, 2, 3, 4, 5, 6], [7, 8], [9, 10]),
    Scale.CSAT_2: ([1], [], [2]),
    Scale.CSAT_3: ([1], [2], [3]),
    Scale.CSAT_5: ([1, 2], [3], [4, 5]),
    Scale.CES_EASE: ([1, 2, 3], [4], [5, 6, 7]),
    Scale.CES_EFFORT: ([4, 5], [3], [1, 2]),
    Scale.SOLVED: ([0], [], [1]),
}


@pytest.mark.parametrize("scale", Scale)
def test_every_grade_of_every_scale_has_its_category(scale: Scale) -> None:
    found = {category: [g for g in scale.grades if scale.category(g) is category] for category in Category}
    assert (found[Category.UNHAPPY], found[Category.NEUTRAL], found[Category.HAPPY]) == THRESHOLDS[scale]
