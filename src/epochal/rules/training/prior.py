"""What a predicted probability is worth where the classes come in other shares than they came in training."""

import numpy as np

from ...base.validate import require

_ROUNDING = 0.01  # by how much a row of probabilities may miss 1: half precision does, logits miss it by far more


def corrected(probabilities, trained, true):
    """The probabilities that hold where the classes come in the shares `true` instead of `trained`.

    By Bayes' rule p(y | x) ∝ p_trained(y | x) · true(y) / trained(y), if the classes look alike in both places: only their
    shares differ (Elkan 2001, IJCAI; Saerens, Latinne & Decaestecker 2002, Neural Computation 14:21). That is so for a model
    trained on balanced batches, whose `trained` is 1 / n_classes.

    Args:
        probabilities: float[n, n_classes], each row summing to 1 (softmax); or float[n] or [n, 1], that of class 1 (sigmoid).
        trained, true: the share of each class, [n_classes], above 0 and summing to 1; with a sigmoid [2], or that of class 1.

    Returns:
        Probabilities of the same shape and float type, each row summing to 1. A 0 stays 0 and a 1 stays 1. No better calibrated
        than what came in: the correction moves the prior and nothing else.

    Raises:
        UsageError: where the numbers are no probabilities, or the shares do not fit them.

    >>> corrected(np.array([0.5, 0.9]), trained=0.5, true=0.01).round(3).tolist()
    [0.01, 0.083]
    """
    given = np.asarray(probabilities)
    require(given.dtype.kind in "fiub" and given.ndim in (1, 2) and 0 not in given.shape[1:], "probabilities", given.shape,
            "numbers of shape [n], [n, 1] or [n, n_classes]")
    p = given.astype(float)
    outside = p[~((p >= 0) & (p <= 1))]  # nan among them
    require(not len(outside), "probabilities", outside[:3].tolist(), "between 0 and 1",
            "Pass what a sigmoid or a softmax returns, not logits.")
    binary = p.ndim == 1 or p.shape[1] == 1
    if binary:
        p = np.stack([1 - p.ravel(), p.ravel()], 1)
    sums = p.sum(1)
    wrong = sums[abs(sums - 1) > _ROUNDING]
    require(not len(wrong), "probabilities", wrong[:3].round(6).tolist(), "rows that sum to 1",
            "Correct outputs that are not a softmax one by one, each as [n].")
    shift = _shares("true", true, p.shape[1]) / _shares("trained", trained, p.shape[1])
    moved = p * shift
    moved /= moved.sum(1, keepdims=True)
    moved = moved[:, 1].reshape(given.shape) if binary else moved
    return moved.astype(given.dtype) if given.dtype.kind == "f" else moved


def balanced_weights(shares):
    """`{class: weight}` under which all classes count alike, and all rows together as much as before; none for an empty class.

    >>> balanced_weights((0.9, 0.1))
    {0: 0.5555555555555556, 1: 5.0}
    """
    return {code: 1 / (len(shares) * share) for code, share in enumerate(shares) if share}


def _shares(name, shares, n_classes):
    shares = np.asarray(shares, float)
    if shares.ndim == 0 and n_classes == 2:
        shares = np.array([1 - shares, shares])
    require(shares.shape == (n_classes,), name, shares.shape, f"one share for each of {n_classes} classes",
            "Pass the share of each class, in the order of the outputs.")
    require(bool((shares > 0).all()) and bool(abs(shares.sum() - 1) < 1e-6), name, shares.tolist(),
            "shares above 0 that sum to 1", "Divide the count of each class by that of all rows.")
    return shares
