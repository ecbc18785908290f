"""When a batch grows or shrinks while a model trains: by gradient noise, by the norm test, on a plateau, or beside a schedule."""

import math
from dataclasses import dataclass

from ...base.validate import require


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which sizes a batch stays, and by how much it may change at once.

    Attributes:
        least, most: rows. factor: above 1.
    """

    least: int
    most: int
    factor: float = 2.0

    def __post_init__(self):
        require(1 <= self.least <= self.most, "least and most", (self.least, self.most),
                "whole numbers, the first not above the other")
        require(self.factor > 1, "factor", self.factor, "a number above 1", "Pass 2.")

    def within(self, size: float) -> int:
        """The whole number of rows nearest to `size` between the two."""
        return max(self.least, min(self.most, round(size)))


@dataclass(frozen=True, slots=True)
class Plateau:
    """How long a loss has not fallen: the lowest so far, and epochs since."""

    best: float = math.inf
    waited: int = 0


def plateau(state: Plateau, loss: float, *, patience: int, min_delta: float) -> tuple[Plateau, bool]:
    """One epoch: what `ReduceLROnPlateau` would do with this loss, and whether it would lower the rate now.

    A loss that is not a number counts as no improvement.

    >>> plateau(Plateau(1.0, 1), 1.0, patience=2, min_delta=0.0)
    (Plateau(best=1.0, waited=0), True)
    """
    if loss < state.best - min_delta:
        return Plateau(loss, 0), False
    waited = state.waited + 1
    return (Plateau(state.best, 0), True) if waited >= patience else (Plateau(state.best, waited), False)


def instead_of_rate(size: int, cut: float, bounds: Bounds) -> tuple[int, float]:
    """The batch size in place of a rate that is divided by `cut`, and by how much the rate is divided all the same.

    Smith et al. 2018 (arXiv:1711.00489): with a batch `cut` times as large the noise falls as with a rate divided by `cut`, in as
    many epochs and fewer updates. They let it grow up to about a tenth of the rows; what the bound does not allow, the rate takes.

    >>> instead_of_rate(32, 5, Bounds(32, 100)), instead_of_rate(100, 5, Bounds(32, 100))
    ((100, 1.6), (100, 5.0))
    """
    grown = bounds.within(size * cut)
    return grown, float(cut * size / grown)


def seesaw(size: int, share: float, bounds: Bounds) -> tuple[int, float]:
    """Batch size and share of the first rate at a moment when a schedule would have the rate at `share` of the first.

    Seesaw (arXiv:2510.14717): where a schedule divides the rate by α, divide it by √α and multiply the batch by α. So the batch is
    `size` / share and the rate √share of the first. Where the batch meets a bound, the rate follows it: rate / √batch is what the
    schedule leaves of it in any case.

    Args:
        size: of the batch that goes with the first rate.

    >>> seesaw(32, 0.25, Bounds(32, 1000)), seesaw(32, 0.25, Bounds(32, 64))
    ((128, 0.5), (64, 0.3535533905932738))
    """
    require(share > 0, "share", share, "a positive share of the first rate", "Let the schedule end above 0.")
    grown = bounds.within(size / share)
    return grown, share * math.sqrt(grown / size)


def by_noise_scale(size: int, low: float, high: float, bounds: Bounds) -> int:
    """The batch size for the next epoch, from the interval of the simple noise scale tr(Σ) / |G|² (McCandlish et al. 2018).

    Below the whole interval a batch is small enough for updates of twice as many rows to be nearly twice as good: it grows. Above
    it, rows are spent on a gradient that is known already: it shrinks. Within, nothing is sure, and it stays. It moves by the
    factor where that does not lead past the end of the interval, so that the same few sizes come again: each is compiled once.

    >>> by_noise_scale(32, 100, 400, Bounds(8, 512)), by_noise_scale(256, 20, 90, Bounds(8, 512))
    (64, 128)
    """
    if not (math.isfinite(low) and high >= low):
        return size
    if size * bounds.factor <= low:
        return bounds.within(size * bounds.factor)
    return bounds.within(size / bounds.factor) if size / bounds.factor >= high else size


def by_norm_test(size: int, trace: float, square: float, theta: float, bounds: Bounds) -> int:
    """The batch size for the next epoch by the norm test: it grows by the factor where the test fails.

    Byrd et al. 2012, eq. 3.9: the variance of a batch's gradient, tr(Σ) / size, must not exceed θ² times its square. Here the
    square is its expectation, |G|² + tr(Σ) / size. A batch shrinks by the factor where the test would hold for what is left. The
    paper goes to tr(Σ) / (θ² |g|²) at once; by the factor the same few sizes come again, and each is compiled once.

    Args:
        trace, square: estimates of tr(Σ) and |G|²; the second may have come out negative, and then counts as 0.

    >>> by_norm_test(32, 32.0, 1.0, 0.5, Bounds(8, 512)), by_norm_test(256, 32.0, 1.0, 0.9, Bounds(8, 512))
    (64, 128)
    """
    def holds(n):
        return trace / n <= theta**2 * (max(square, 0.0) + trace / n)

    if not (trace > 0 and math.isfinite(trace) and math.isfinite(square)):
        return size
    if not holds(size):
        return bounds.within(size * bounds.factor)
    return bounds.within(size / bounds.factor) if holds(size / bounds.factor) else size
