"""Tests on pairs of measurements: for a difference, for equivalence, and how many pairs either of them takes."""

import bisect
import functools
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import betaincinv, chdtri, nctdtr, ndtr, stdtr, stdtrit

from .validate import require

ALPHA, POWER, MOST_PAIRS = 0.05, 0.8, 1000
ROUNDING = 1e-6  # differences that agree to this share of the values agree: training counts in float32


def paired_p(a: ArrayLike, b: ArrayLike) -> float:
    """P value of "the mean of `a - b` is zero", two-sided, paired t test (Student 1908).

    Where all differences are the same the t test sees no spread; the p value is then that of the sign test, 2 / 2ⁿ, or 1 where they
    are zero. 1 for fewer than two pairs, or where a difference is not finite. A pair `a[i]`, `b[i]` shares seed and data.
    """
    away, mean, error = _moments(a, b)
    if not mean or error is None:
        return 1.0
    return min(1.0, 2 * _above(abs(mean), error, len(away)))


def paired_spread(a: ArrayLike, b: ArrayLike) -> float:
    """Standard deviation of the differences of at least two pairs; 0 where they differ by no more than the rounding of float32."""
    a, b = _pairs(a, b)
    require(len(a) >= 2, "a", len(a), "at least two values")
    spread = float((a - b).std(ddof=1))
    return 0.0 if spread <= _rounding(a, b) else spread


def equivalence(a: ArrayLike, b: ArrayLike, margin: float) -> float:
    """P value of "the mean of `a - b` is at least the margin away from zero": two one-sided paired t tests (Schuirmann 1987).

    The larger of the two p values. At or below 0.05 it says that the values are equivalent, and is wrong in that at most once in 20
    times. The margin must be fixed before the values are seen.

    Args:
        a, b: float[n], where `a[i]` and `b[i]` share seed and data.
        margin: in the unit of the values.

    Returns:
        A p value; 1 for fewer than two pairs, or where a difference or the margin is not a number. Where all differences are
        the same and within the margin, that of the sign test, 1 / 2ⁿ.
    """
    away, mean, error = _moments(a, b)
    if error is None or not abs(mean) < margin:
        return 1.0
    return _above(margin - abs(mean), error, len(away))


def superiority(a: ArrayLike, b: ArrayLike, larger_is_better: bool = False) -> tuple[float, float, float]:
    """How often `a` is the better of a pair, a tie counting half, with its 95 % interval (Clopper and Pearson 1934).

    The interval is that of a binomial share, its beta quantiles taken at a count between two whole ones where ties are odd in
    number. Ties lessen the spread of the share below a binomial's, so that the interval is then rather too wide than too narrow.

    Args:
        a, b: float[n], n ≥ 1; an infinite value is worse than all others, a pair with a nan is left out.

    Returns:
        `(share, low, high)`; `(0.5, 0.0, 1.0)` without a pair.

    >>> [round(x, 3) for x in superiority([1, 1, 1, 1, 1, 1, 1, 5], [2, 2, 2, 2, 2, 2, 2, 2])]
    [0.875, 0.473, 0.997]
    """
    a, b = _pairs(a, b)
    known = ~(np.isnan(a) | np.isnan(b))
    a, b = a[known], b[known]
    if not len(a):
        return 0.5, 0.0, 1.0
    better = a > b if larger_is_better else a < b
    n, count = len(a), float(better.sum() + (a == b).sum() / 2)
    low = float(betaincinv(count, n - count + 1, ALPHA / 2)) if count else 0.0
    high = float(betaincinv(count + 1, n - count, 1 - ALPHA / 2)) if count < n else 1.0
    return count / n, low, high


def detectable(spread: float, n: int, *, alpha: float = ALPHA) -> float:
    """The smallest true mean difference that `n` pairs show in four of five studies, by a two-sided paired t test.

    Exact, by the noncentral t distribution (Johnson and Welch 1940).

    Args:
        spread: standard deviation of the differences, taken as the true one. n: pairs.
        alpha: level of the test, two-sided.

    Returns:
        In the unit of the spread; infinite for fewer than two pairs or where the spread is not a number. Without a spread any
        difference, 0, or none where the sign test of so few pairs cannot show one.

    >>> round(detectable(1.0, 34), 3)   # the textbook: half a standard deviation takes 34 pairs
    0.495
    """
    if n < 2 or not spread >= 0:
        return math.inf
    if spread == 0:
        return 0.0 if _shown_by_sign(n, alpha) else math.inf
    return spread * _noncentrality(int(n), alpha) / math.sqrt(n)


def seeds_to_resolve(difference: float, spread: float, margin: float, *, alpha: float = ALPHA) -> int | None:
    """How many pairs settle the question in four of five studies, if these are the true values.

    Settled means shown different, by the two-sided t test at level `alpha`; or shown equivalent, by `equivalence` at 5 %.

    Args:
        difference, spread: mean and standard deviation of the paired differences. margin: what counts as no difference.

    Returns:
        Pairs, at least 2; `None` above 1,000, which no number may reach where the difference is just the margin, or where one of
        the three is not a number.
    """
    if not (math.isfinite(difference) and 0 <= spread < math.inf and math.isfinite(margin)):
        return None

    def different(n):
        if spread == 0:
            return difference != 0 and _shown_by_sign(n, alpha)
        return abs(difference) * math.sqrt(n) >= spread * _noncentrality(n, alpha)

    def settled(n):
        return different(n) or _equivalence_power(difference, spread, margin, n) >= POWER

    counts = range(2, MOST_PAIRS + 1)  # more pairs settle more
    place = bisect.bisect_left(counts, True, key=settled)
    return counts[place] if place < len(counts) else None


def _shown_by_sign(n, alpha):
    """Whether `n` differences of one sign show that there is one (sign test, two-sided)."""
    return 2 * 0.5**n <= alpha


def _pairs(a, b):
    a, b = np.asarray(a, float), np.asarray(b, float)
    require(a.ndim == 1 and a.shape == b.shape, "b", b.shape, f"a list as long as `a`, {a.shape}", "Pass pairs.")
    return a, b


def _moments(a, b):
    """The differences, their mean and its standard error: 0 where they are all the same, `None` where nothing can be tested."""
    a, b = _pairs(a, b)
    if len(a) < 2 or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return a, math.nan, None
    away, spread = a - b, paired_spread(a, b)
    mean = float(away.mean())
    return away, 0.0 if spread == 0 and abs(mean) <= _rounding(a, b) else mean, spread / math.sqrt(len(away))


def _rounding(a, b):
    return ROUNDING * float(np.maximum(np.abs(a), np.abs(b)).max())


def _above(distance, error, n):
    """One-sided p value of a mean that lies so far above its limit."""
    return float(stdtr(n - 1, -distance / error)) if error > 0 else 0.5**n


@functools.lru_cache(maxsize=4096)
def _noncentrality(n, alpha):
    """How many standard errors a true difference must be for the test to show it in four of five studies."""
    border = float(stdtrit(n - 1, 1 - alpha / 2))

    def lacking(away):  # SciPy 1.17 gives nan in far tails, which are below ndtr(-away): less than 1e-8 where it does
        below, far_below = np.nan_to_num(nctdtr(n - 1, away, [border, -border]))
        return 1 - below + far_below - POWER

    high = 1.0
    while lacking(high) < 0:
        high *= 2
    root: Any = brentq(lacking, 0.0, high, xtol=1e-9)
    return float(root)


def _equivalence_power(difference, spread, margin, n):
    """The probability that `n` pairs are shown equivalent, averaged over the spreads that may come out."""
    if not abs(difference) < margin:
        return 0.0
    if spread == 0:
        return float(0.5**n <= ALPHA)
    shares = (np.arange(400) + 0.5) / 400
    shown = np.sqrt(chdtri(n - 1, shares) / (n - 1))  # standard deviations that come out, over the true one
    room = margin * math.sqrt(n) / spread - float(stdtrit(n - 1, 1 - ALPHA)) * shown
    away = difference * math.sqrt(n) / spread
    return float(np.maximum(ndtr(room - away) - ndtr(-room - away), 0.0).mean())
