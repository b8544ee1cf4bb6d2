"""How sure a figure is: 95 % intervals that hold for few answers and at the extremes."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from statistics import NormalDist

from cxsdk.domain.values import Value

#: The two-sided 95 % point of the normal distribution, 1.96.
Z = NormalDist().inv_cdf(0.975)


class Estimate(Value):
    """A figure of ``n`` answers, and the bounds within which the true one lies with 95 % confidence."""

    value: float
    low: float
    high: float
    n: int

    def times(self, factor: float) -> Estimate:
        """The same on another scale: ``times(100)`` makes per cent of a share."""
        return Estimate(value=self.value * factor, low=self.low * factor, high=self.high * factor, n=self.n)


def share(part: int, whole: int) -> Estimate | None:
    """``part / whole`` with Wilson's score interval; None of nothing.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
    American Statistical Association 22 (1927), 209-212. It stays within 0 and 1 and has a width even where all agree.
    """
    if not 0 <= part <= whole:
        raise ValueError("a part must lie between nothing and the whole")
    if whole == 0:
        return None
    p, z2 = part / whole, Z**2
    middle = (p + z2 / (2 * whole)) / (1 + z2 / whole)
    reach = Z * sqrt(p * (1 - p) / whole + z2 / (4 * whole**2)) / (1 + z2 / whole)
    return Estimate(value=p, low=min(p, max(0.0, middle - reach)), high=max(p, min(1.0, middle + reach)), n=whole)


def difference(plus: int, minus: int, n: int) -> Estimate | None:
    """``(plus - minus) / n`` of ``n`` answers that are plus, minus or neither, with Tango's score interval.

    The bounds are the differences that a score test at 5 % would just not reject. Source: T. Tango, "Equivalence test
    and confidence interval for the difference in proportions for the paired-sample design", Statistics in Medicine 17
    (1998), 891-908: the discordant pairs there are the plus and minus here. For the net promoter score the score
    methods are recommended by B. Rocks, "Interval estimation for the net promoter score", The American Statistician
    70 (2016), 365-372. None of nothing.
    """
    if min(plus, minus) < 0 or plus + minus > n:
        raise ValueError("plus and minus are parts of n that do not overlap")
    if n == 0:
        return None
    value = (plus - minus) / n
    return Estimate(value=value, low=-_upper(minus, plus, n), high=_upper(plus, minus, n), n=n)


def _upper(plus: int, minus: int, n: int) -> float:
    return _last_accepted(lambda d: _score_accepts(d, plus, minus, n), start=(plus - minus) / n, end=1.0)


def _score_accepts(d: float, plus: int, minus: int, n: int) -> bool:
    """Whether the score test does not reject that the true difference is ``d``."""
    # The likeliest share of minus, given d: the larger root of 2n q² + b q - minus d (1 - d) = 0.
    b = (2 * n - plus + minus) * d - plus - minus
    q = (sqrt(max(0.0, b**2 + 8 * n * minus * d * (1 - d))) - b) / (4 * n)
    variance = max(0.0, n * (2 * q + d * (1 - d)))
    return (plus - minus - n * d) ** 2 <= Z**2 * variance


def _last_accepted(accepts: Callable[[float], bool], start: float, end: float) -> float:
    """Where acceptance ends on the way from ``start`` to ``end``, by halving, as exactly as a float tells."""
    inside, outside = start, end
    for _ in range(60):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if accepts(middle) else (inside, middle)
    return inside
