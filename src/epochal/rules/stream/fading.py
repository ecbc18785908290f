"""Faded means: of values that keep arriving, with older ones counting less; and a curve of them that stays short."""

from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

MOST_POINTS = 400  # of a curve; beyond, every other one goes


class Faded(NamedTuple):
    """A mean of `n` values so far in which a value counts `fading` times what the next one counts (Gama, Sebastião & Rodrigues
    2013, Machine Learning 90): S / B with Sₜ = lₜ + α Sₜ₋₁, Bₜ = 1 + α Bₜ₋₁. Here `total` is S, and `plain` the sum of all."""

    fading: float
    total: float = 0.0
    plain: float = 0.0
    n: int = 0

    @property
    def mean(self):
        """The faded mean; nan before the first value."""
        return mean_of(self.total, self.n, self.fading)

    @property
    def overall(self):
        """The plain mean; nan before the first value."""
        return self.plain / self.n if self.n else float("nan")


def mean_of(total, n, fading):
    """The faded mean where S is `total` after `n` values."""
    if not n:
        return float("nan")
    return total / (n if fading == 1 else (1 - fading**n) / (1 - fading))


def faded(before, values):
    """`before`, a `Faded`, after some more values float[n]; and S and the plain sum after each of them, float[n] both.

    They are summed one after the other, so that the result is the same to the last digit however the values are cut up.
    """
    values = np.asarray(values, float)
    if not len(values):
        return before, values, values
    totals, _ = lfilter([1.0], [1.0, -before.fading], values, zi=[before.fading * before.total])
    plains, _ = lfilter([1.0], [1.0, -1.0], values, zi=[before.plain])
    return Faded(before.fading, float(totals[-1]), float(plains[-1]), before.n + len(values)), totals, plains


def thinned(points, every):
    """A curve, `(points, every)`, of at most `MOST_POINTS`: else every other one stays, and points are twice as far apart.

    Points stand at rows that are multiples of `every`, from the first one on.
    """
    if len(points) > MOST_POINTS:
        return points[1::2], 2 * every
    return points, every
