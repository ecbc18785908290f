"""Arithmetic of the moving statistics of batch-norm: what is left of how they began, and which momentum leaves little of it."""

import math

import numpy as np

from ..base.validate import require

WARM = 0.01  # share of what they began with that is as good as none


def weight_left(momentum: float, n_updates: int) -> float:
    """The share of mean 0 and variance 1, with which Keras begins, that is left in the moving statistics: momentum^n.

    >>> round(weight_left(0.99, 80), 3)
    0.448
    """
    return min(momentum, 1.0) ** n_updates


def updates_to_warm(momentum: float) -> float:
    """Updates after which at most 1 % of it is left; infinite for a momentum of 1.

    >>> updates_to_warm(0.99)
    459.0
    """
    if momentum <= 0:
        return 1.0
    return math.inf if momentum >= 1 else float(math.ceil(math.log(WARM) / math.log(momentum)))


def warm_momentum(n_updates: int) -> float:
    """The largest momentum that leaves at most 1 % after so many updates: 0.01^(1/n), rounded down to three digits of 1 - m.

    The largest, since a moving average over more batches is the less noisy one. max(0.9, 1 - 10 / n), a rule of thumb, leaves
    less than that from 100 updates on, and does not warm up in fewer than 44.

    >>> warm_momentum(80), warm_momentum(4)
    (0.944, 0.316)
    """
    require(n_updates >= 1, "n_updates", n_updates, "at least one update")
    exact = -math.expm1(math.log(WARM) / n_updates)  # 1 - m
    digits = 2 - math.floor(math.log10(exact))
    return round(1 - math.ceil(exact * 10**digits - 1e-9) / 10**digits, digits)


def pooled(means, variances, sizes):
    """Mean and variance of all rows, from those of their batches: the variance within batches and that between their means.

    Args:
        means, variances: float[n_batches, n_channels], the variance with divisor n. sizes: [n_batches], values behind each.

    Returns:
        float[n_channels] each; the variance with divisor n, as batch-norm takes it.
    """
    share = np.asarray(sizes, float)[:, None] / np.sum(sizes)
    means, variances = np.asarray(means, float), np.asarray(variances, float)
    mean = (share * means).sum(0)
    return mean, (share * (variances + (means - mean) ** 2)).sum(0)
