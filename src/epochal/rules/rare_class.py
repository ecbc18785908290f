"""The odds that a batch holds no row of a class, exactly, where an epoch takes every row once in an order drawn at random."""

import math

import numpy as np
from scipy.special import gammaln, xlog1py, xlogy

from ..base.validate import require

_ROUNDING = 1e-12  # of odds
_NOTHING = 1e-60   # beside the largest probability of a distribution: what is below is left out


def empty_odds(n_rows: int, n_rare: int, batch_size: int) -> float:
    """The probability that a batch holds none of the rare rows: C(N - K, B) / C(N, B), the hypergeometric distribution at 0.

    Every batch of an epoch in a random order has it, the first as the last. Not of batches drawn with rows put back, of balanced
    ones, nor of rows that are not shuffled.

    Args:
        n_rows: N training rows. n_rare: K of them, from 0. batch_size: B, at most N.

    Returns:
        In [0, 1], to about 1e-13 of itself; at most (1 - K/N)^B.

    >>> round(empty_odds(10_000, 100, 32), 6), round(empty_odds(10, 3, 4), 6)
    (0.724616, 0.166667)
    """
    require(0 <= n_rare <= n_rows, "n_rare", n_rare, f"between 0 and {n_rows} rows")
    require(0 <= batch_size <= n_rows, "batch_size", batch_size, f"between 0 and {n_rows} rows")
    few, many = sorted((n_rare, batch_size))  # the two may change places
    if few + many > n_rows:
        return 0.0
    left = n_rows - np.arange(few)
    return float(np.prod((left - many) / left))


def missing_odds(counts: tuple[int, ...], batch_size: int) -> float:
    """The probability that a batch holds no row of at least one of the classes: that of inclusion and exclusion over all of them.

    It is not summed that way, which takes 2 to the number of classes terms of both signs, but as a sum of positive ones:
    over c, the probability that class c is the first one missing. Counts of rows drawn without putting back are binomial counts,
    independent, given their sum, so that the classes before c are convolved one by one, and all those after it are one binomial.

    Args:
        counts: rows of each class, at least 1. batch_size: B, at most the sum of the counts.

    Returns:
        In [0, 1], to about 1e-10 of itself.

    >>> round(1 - missing_odds((50, 45, 5), 16), 8)
    0.58992348
    """
    n_rows = sum(counts)
    require(min(counts) >= 1, "counts", counts, "at least one row of each class")
    require(0 <= batch_size <= n_rows, "batch_size", batch_size, f"between 0 and {n_rows} rows")
    if batch_size < len(counts):
        return 1.0
    if batch_size == n_rows:
        return 0.0
    share, after, found = batch_size / n_rows, n_rows, []
    start, present = 0, np.ones(1)  # present[i]: the classes so far are all there, with start + i rows together
    for count in sorted(counts, reverse=True):
        after -= count
        left = batch_size - start - np.arange(len(present))
        found.append(math.exp(count * math.log1p(-share)) * float(present @ _binomial(after, left, share)))
        first, of_class = _trimmed(1, _binomial(count, np.arange(1, min(count, batch_size) + 1), share))
        start, present = _trimmed(start + first, np.convolve(present, of_class))
    return min(1.0, math.fsum(found) / float(_binomial(n_rows, np.array([batch_size]), share)[0]))


def smallest_batch(odds, risk: float, most: int) -> int | None:
    """The smallest batch size at which `odds(batch_size)`, which fall as it grows, are at most the risk; `None` beyond `most`.

    >>> smallest_batch(lambda size: empty_odds(10_000, 100, size), 0.05, 10_000)
    294
    """
    require(0 < risk < 1, "risk", risk, "a probability between 0 and 1")
    low, high = 0, 1
    risk *= 1 + _ROUNDING
    while odds(min(high, most)) > risk:
        if high >= most:
            return None
        low, high = high, 2 * high
    high = min(high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if odds(middle) <= risk else (middle, high)
    return high


def empty_batches(n_rows: int, n_rare: int, batch_size: int) -> float:
    """How many batches of an epoch hold none of the rare rows, on average over orders; a short last batch counts with its own odds.

    >>> round(empty_batches(10_000, 100, 32), 1)
    226.9
    """
    full, rest = divmod(n_rows, batch_size)
    return full * empty_odds(n_rows, n_rare, batch_size) + (empty_odds(n_rows, n_rare, rest) if rest else 0.0)


def _trimmed(start, probabilities):
    """`(start, probabilities)` of as many rows as are likely, of those of `start` rows and more."""
    kept = np.flatnonzero(probabilities > _NOTHING * probabilities.max())
    return start + int(kept[0]), probabilities[kept[0] : kept[-1] + 1]


def _binomial(n, k, p):
    """float[…]: the probability of k of n, where each has the probability p; 0 where k is out of reach."""
    k = np.asarray(k)
    inside = (k >= 0) & (k <= n)
    k = np.where(inside, k, 0)
    log = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) + xlogy(k, p) + xlog1py(n - k, -p)
    return np.where(inside, np.exp(log), 0.0)
