"""Means, ratios, lines and tests from small samples, with intervals."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import stdtrit

from .validate import require

_LEAST_P = 1e-9  # no smaller p value is told
_FEW = 5         # seeds, or blocks, below which degrees of freedom do not add up


def student(degrees: float, level: float = 0.975) -> float:
    """How many standard errors a 95 % interval reaches, by Student's t (`level`: the quantile); infinite without a degree of
    freedom.

    >>> round(student(10), 3)
    2.228
    """
    return float(stdtrit(degrees, level)) if degrees > 0 else float("inf")


def mean_interval(values: ArrayLike) -> tuple[float, float, float]:
    """Mean of a sample and its 95 % confidence interval (Student 1908).

    Args:
        values: float[n], n ≥ 1 independent repetitions, about normally distributed.

    Returns:
        `(mean, low, high)`. With one value the interval is the whole line.
    """
    values = np.asarray(values, float)
    require(values.ndim == 1 and values.size >= 1, "values", values.shape, "a list of at least one number")
    mean = float(values.mean())
    if values.size == 1:
        return mean, -np.inf, np.inf
    half = student(values.size - 1) * float(values.std(ddof=1)) / np.sqrt(values.size)
    return mean, mean - half, mean + half


def paired_difference(a: ArrayLike, b: ArrayLike) -> tuple[float, float, float]:
    """Mean of `a - b` and its interval, `(mean, low, high)`, where `a[i]` and `b[i]` share seed and data."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    require(a.shape == b.shape, "b", b.shape, f"as long as `a`, {a.shape}", "Pass pairs.")
    return mean_interval(a - b)


def two_way_interval(seeds_blocks: ArrayLike) -> tuple[float, float, float]:
    """Mean of figures by seed and by block of rows, and its 95 % interval over both, seeds and rows being drawn anew.

    The variance is that of the seeds' means plus that of the blocks'; what a single training makes of a single block is counted in
    both. With five or more of each it goes by Student's t with Satterthwaite's degrees of freedom (1946, Biometrics Bulletin 2),
    which holds the truth in 94.5 to 99 % of cases; in 88 % with two seeds and in 93 % with three. With fewer, half the interval is
    √((t s / √n)² over the seeds + the same over the blocks), each with its own t (Zou & Donner 2008, Statistics in Medicine 27): at
    least wide enough. With one seed, or one block, it is Student's interval over the other alone.

    Args:
        seeds_blocks: float[n_seeds, n_blocks], blocks of equally many rows; masked where a training was not judged on a block,
            since its rows were others, each on as many.

    Returns:
        `(mean, low, high)`. With one seed and one block the interval is the whole line.
    """
    mean, both = _two_ways(seeds_blocks)
    if not both:
        return mean, -np.inf, np.inf
    half = _reach(both, 0.025)
    return mean, mean - half, mean + half


def two_way_p_lower(seeds_blocks: ArrayLike) -> float:
    """P value against "the mean is not below 0", one-sided: twice it is the doubt of a `two_way_interval` that ends at 0.

    Returns:
        1.0 where the mean is not below 0, or there is neither a second seed nor a second block.
    """
    mean, both = _two_ways(seeds_blocks)
    if not (mean < 0 and both):
        return 1.0
    if _reach(both, _LEAST_P) <= -mean:
        return _LEAST_P
    root: Any = brentq(lambda p: _reach(both, p) + mean, _LEAST_P, 0.5)
    return float(root)


def _two_ways(seeds_blocks):
    """The mean of a table, and `(degrees of freedom, variance)` of its rows' means and of its columns', where there are several."""
    values = np.ma.asarray(seeds_blocks, float)
    require(values.ndim == 2 and values.size >= 1, "seeds_blocks", values.shape, "a table of at least one number")
    means = [m.compressed() for m in (np.ma.mean(values, 1), np.ma.mean(values, 0))]
    return float(np.ma.mean(values)), [(m.size - 1, float(m.var(ddof=1)) / m.size) for m in means if m.size > 1]


def _reach(both, p):
    """How far a mean may be off, beyond which it is with probability `p` to either side."""
    total = sum(variance for _, variance in both)
    if len(both) == 1 or min(degrees for degrees, _ in both) < _FEW - 1 or not total > 0:
        return math.sqrt(sum(float(stdtrit(degrees, 1 - p)) ** 2 * variance for degrees, variance in both))
    degrees = total**2 / sum(variance**2 / degrees for degrees, variance in both)
    return float(stdtrit(degrees, 1 - p)) * math.sqrt(total)


def fieller(numerator: float, denominator: float, var_n: float, cov: float, var_d: float,
            degrees: float) -> tuple[float, float]:
    """95 % interval of a ratio of two estimates (Fieller 1954): all r with (n - r d)² ≤ t² (var_n - 2 r cov + r² var_d).

    Args:
        numerator, denominator: the estimates n and d of two quantities that cannot be negative.
        var_n, cov, var_d: their sampling variances and covariance.
        degrees: degrees of freedom behind the variances.

    Returns:
        `(low, high)`. Where d is not told from zero, no upper limit exists: `high` is infinite and `low` is the only
        bound the data give (0 where n is not told from zero either). The set keeps its coverage in that case too. Both are
        negative where d is negative beyond chance: then do not trust them, the estimates contradict their meaning.
    """
    t2 = student(degrees) ** 2
    a = denominator**2 - t2 * var_d
    b = numerator * denominator - t2 * cov
    c = numerator**2 - t2 * var_n
    root = np.sqrt(max(b * b - a * c, 0.0))
    if a > 0:
        return float((b - root) / a), float((b + root) / a)
    if c <= 0:
        return 0.0, float("inf")
    return float(c / (b + root)), float("inf")  # the positive root, in the form that survives a = 0


def jackknife(left_out: ArrayLike) -> np.ndarray:
    """Covariance of a vector statistic from its values with one observation left out at a time (Tukey 1958).

    Args:
        left_out: float[n, m], n ≥ 2: the m statistics without observation j.

    Returns:
        float[m, m]. Conservative: the expected variances are not below the true ones at n - 1 (Efron and Stein 1981).
    """
    left_out = np.asarray(left_out, float)
    n = len(left_out)
    away = left_out - left_out.mean(0)
    return (n - 1) / n * away.T @ away


class LineFit(NamedTuple):
    """y = intercept + slope x, with the 2 × 2 `covariance` of the two and the `degrees` of freedom behind it."""

    intercept: float
    slope: float
    covariance: np.ndarray
    degrees: int


def line_fit(x: ArrayLike, y: ArrayLike, weights: ArrayLike) -> LineFit:
    """Straight line by weighted least squares.

    Args:
        x, y: float[n], n ≥ 3, at least two different `x`.
        weights: float[n], positive, proportional to 1 / variance; their scale does not matter, since the variance is taken
            from the residuals. So the covariance counts bends of the true curve as well as noise.
    """
    x, y, weights = (np.asarray(v, float) for v in (x, y, weights))
    require(np.unique(x).size >= 2 and x.size >= 3, "x", x.tolist(), "at least three points at two different places")
    middle, height = np.average(x, weights=weights), np.average(y, weights=weights)  # centred: no cancellation
    spread, total = float(weights @ (x - middle) ** 2), float(weights.sum())
    slope = float(weights @ ((x - middle) * (y - height))) / spread
    variance = float(weights @ (y - height - slope * (x - middle)) ** 2) / (x.size - 2)
    covariance = variance * np.array([[1 / total + middle**2 / spread, -middle / spread], [-middle / spread, 1 / spread]])
    return LineFit(float(height - slope * middle), slope, covariance, x.size - 2)


def holm(p_values: ArrayLike) -> np.ndarray:
    """P values adjusted for their number (Holm 1979): reject those at or below α, and P(any false rejection) ≤ α.

    Returns:
        float[n], in the order given. One that is not a number counts as 1.
    """
    p = np.nan_to_num(np.asarray(p_values, float), nan=1.0)
    order = np.argsort(p, kind="stable")
    adjusted = np.minimum(np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)), 1.0)
    return adjusted[np.argsort(order, kind="stable")]


def trace_and_square(means: ArrayLike, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Unbiased tr(Σ) and |G|² of a distribution with mean G and covariance Σ, from means of groups of draws.

    McCandlish et al. 2018 (arXiv:1812.06162), appendix A.1, averaged over all groups: with k group means m_j of `size` draws
    and grand mean m, tr(Σ) = size/(k-1) Σ|m_j - m|² and |G|² = |m|² - tr(Σ)/(k size).

    Args:
        means: float[k, n], k ≥ 3.
        size: draws per group.

    Returns:
        `(estimates, left_out)`: float[2] of the trace and the square, and float[k, 2] of the same without group j, for
        `jackknife`. The square may come out negative. When groups are drawn without replacement from N rows, Σ is the rows'
        covariance with divisor N - 1 and the second is |mean of the rows|² - tr(Σ)/N: the square of the mean of the
        population that the rows were drawn from, not of the rows' own mean (exact, for any sizes).
    """
    means = np.asarray(means)
    k = len(means)
    require(means.ndim == 2 and k >= 3, "means", means.shape, "at least three group means")
    gram = (means @ means.T).astype(float)
    own, among, total = np.diag(gram), gram.sum(1), gram.sum()

    def estimates(own_sum, pair_sum, k):
        square = (pair_sum - own_sum) / (k * (k - 1))  # mean product of two different groups
        return np.stack([size * (own_sum / k - square), square], axis=-1)

    return estimates(own.sum(), total, k), estimates(own.sum() - own, total - 2 * among + own, k - 1)
