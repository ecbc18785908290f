"""The Hessian times a vector as a central difference of two gradients, where a back end's own second derivative will not do."""

import numpy as np

REACH = 2e-3  # how far to move, as a share of the weights' length: about where float32 errs least


def curvature(gradient, weights, v):
    """The Hessian times `v`; within a percent for smooth losses, and the mean over both sides of a kink.

    Args:
        gradient: function of a list of arrays, like the weights, that returns their gradient as such a list.
        weights: list of NumPy arrays.
        v: list of NumPy arrays of the same shapes.
    """
    if not any(d.any() for d in v):
        return [np.zeros_like(d) for d in v]
    reach = np.float32(REACH * (1 + _length(weights)) / _length(v))
    pairs = list(zip(weights, v, strict=True))
    ahead, behind = (gradient([(w + sign * reach * d).astype(w.dtype) for w, d in pairs]) for sign in (1, -1))
    return [(np.asarray(a) - np.asarray(b)) / (2 * reach) for a, b in zip(ahead, behind, strict=True)]


def _length(arrays):
    return float(np.sqrt(sum(np.sum(np.square(a, dtype=np.float64)) for a in arrays)))
