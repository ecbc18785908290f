"""How curved a loss may be before an optimizer at a given learning rate no longer comes down it."""

import math


def stability_limit(learning_rate, kind, m):
    """The eigenvalue of the Hessian at and above which updates on a quadratic bowl, without gradient noise, do not settle.

    With η the rate: 2 / η for plain gradient descent, 2 (1 + m) / η with momentum m, 2 (1 + m) / (η (1 + 2 m)) with Nesterov's,
    (2 + 2 β₁) / ((1 - β₁) η) where gradients are averaged as in Adam (Cohen et al. 2021, arXiv:2103.00065, and 2022,
    arXiv:2207.14484), and that over 1 + 2 β₁ for Nadam, which is Nesterov's form of it. Where an optimizer scales gradients
    by a diagonal D, it is the limit of the eigenvalue of D^½ H D^½, D held as it is.

    Args:
        kind, m: how gradients are averaged, as `rig.momentum()` tells it; m in [0, 1).

    >>> [round(stability_limit(0.5, "heavy_ball", m), 6) for m in (0.0, 0.5)]
    [4.0, 6.0]
    >>> round(stability_limit(1.0, "average", 0.9), 6)
    38.0
    """
    limit = 2 * (1 + m) / learning_rate if learning_rate > 0 else math.inf
    if kind in ("average", "nesterov_average"):
        limit /= 1 - m
    return limit / (1 + 2 * m) if kind in ("nesterov", "nesterov_average") else limit
