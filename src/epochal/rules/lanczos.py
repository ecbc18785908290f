"""The largest eigenvalue of a symmetric matrix that is known only by its products with vectors."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh_tridiagonal

_MOST_NUMBERS = 2**28  # of the vectors kept at once: 1 GiB in float32
_FEWEST = 8            # products, however long the vectors


class Top(NamedTuple):
    """What a search for the largest eigenvalue found.

    Attributes:
        value: v'Mv of the `vector`, which has length 1: never above the largest eigenvalue.
        error: |Mv - value v|: so close to `value` lies an eigenvalue, and for a search that converged it is the largest.
        n_products: that it took. converged: whether `error` came below what was asked for.
    """

    value: float
    vector: np.ndarray
    error: float
    n_products: int
    converged: bool


def largest_eigenvalue(product, first, *, most=60, precision=1e-3, go_on=lambda: True):
    """Lanczos' method (1950) with full reorthogonalisation.

    SciPy's `eigsh` does the same and restarts besides, but it answers only what has converged: stopped by the clock it has
    nothing to say, and it cannot be told how many products it may take. Here every product leaves a lower bound and its
    error.

    Args:
        product: `(vector) -> M @ vector`, M symmetric.
        first: float[n], not zero, drawn at random: what is at right angles to it is never found.
        most: products. Fewer for vectors so long that so many would not fit into 1 GiB.
        precision: `error` as a share of the largest absolute value among the approximate eigenvalues, at which it ends.
        go_on: asked before every further product.

    Returns:
        A `Top`; `None` where a product is not finite.
    """
    n = len(first)
    most = max(1, min(most, n, max(_FEWEST, _MOST_NUMBERS // n)))
    basis = np.empty((most, n), np.result_type(first, np.float32))
    alphas, betas = [], []
    following = first / np.linalg.norm(first)
    for k in range(most):
        basis[k] = following
        known, image = basis[: k + 1], np.asarray(product(basis[k]), basis.dtype)
        if not np.isfinite(image).all():
            return None
        alphas.append(float(known[k] @ image))
        for _ in range(2):  # once leaves rounding of its own
            image = image - known.T @ (known @ image)
        beta = float(np.linalg.norm(image))
        values, vectors = eigh_tridiagonal(alphas, betas)
        error, scale = abs(beta * vectors[-1, -1]), float(np.abs(values).max())
        if error <= precision * scale or beta <= np.finfo(basis.dtype).eps * scale or k + 1 == n:
            return _top(values, vectors, known, error if k + 1 < n else 0.0, converged=True)
        if k + 1 == most or not go_on():
            return _top(values, vectors, known, error, converged=False)
        betas.append(beta)
        following = image / beta
    return None


def _top(values, vectors, known, error, *, converged):
    vector = known.T @ vectors[:, -1].astype(known.dtype)
    return Top(float(values[-1]), vector / np.linalg.norm(vector), error, len(known), converged)
