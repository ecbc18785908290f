"""Arithmetic of batch sizes: updates per epoch, the batch that trains fastest, and where to start looking for its rate."""

import math

_LINEAR = ("sgd",)


def steps_per_epoch(n, batch_size):
    """Updates in one pass of `n` examples: ⌈n / B⌉, as `fit` counts them.

    >>> [steps_per_epoch(1600, b) for b in (32, 256, 1024, 1600)]
    [50, 7, 2, 1]
    """
    return -(-int(n) // int(batch_size))


def time_optimal(b_crit, t0, c):
    """Batch size with the least time to a target: √(b_crit · t0 / c).

    It minimises Smin (1 + b_crit / B) · (t0 + c B), steps to the target (McCandlish et al. 2018, arXiv:1812.06162, eq. 2.11)
    times seconds a step. The gradient's critical batch size and the machine's, t0 / c, enter alike.

    Args:
        b_crit: critical batch size, in examples; 0 and infinity are its limits.
        t0, c: seconds a step and seconds an example, as measured on the engine that will train; not both 0.

    Returns:
        examples, not rounded, not cut to memory; infinite where examples cost nothing.

    >>> round(time_optimal(200, 1.334e-3, 1.731e-6), 1)
    392.6
    """
    if c == 0 or math.isinf(b_crit):
        return math.inf if t0 > 0 and b_crit > 0 else 0.0
    return math.sqrt(b_crit * t0 / c)


def time_band(b_crit, t0, c, tolerance=0.1):
    """All batch sizes that need at most `1 + tolerance` times the least time, as `(low, high)`.

    The ends solve c B² - K B + b_crit t0 = 0 with K = (1 + tolerance) (√t0 + √(c b_crit))² - t0 - c b_crit. Usually the band
    is wide; that width is the honest answer.
    """
    if math.isinf(b_crit):  # then only the seconds an example count: t0 / B + c
        return (t0 / (tolerance * c) if tolerance * c > 0 else math.inf if t0 > 0 else 0.0), math.inf
    k = tolerance * (t0 + c * b_crit) + 2 * (1 + tolerance) * math.sqrt(t0 * c * b_crit)
    root = math.sqrt(max(k * k - 4 * c * b_crit * t0, 0.0))
    product = b_crit * t0
    low = 2 * product / (k + root) if k + root > 0 else (math.inf if product > 0 else 0.0)
    return low, (k + root) / (2 * c) if c > 0 else math.inf


def seed_rate(learning_rate, batch_size, new_batch_size, optimizer):
    """Where the search for the learning rate begins after a change of batch size; never its answer.

    With k = new / old batch size: k for plain and momentum SGD (Goyal et al. 2017, arXiv:1706.02677), √k for Adam and its
    relatives (Malladi et al. 2022, arXiv:2205.10287), which also serves optimizers that neither covers: it is the smaller
    jump. Shallue et al. 2019 (arXiv:1811.03600) found that no such rule holds in general, so the rate is measured anew
    at every batch size. The optimizer is given by Keras' name of it, in any case.
    """
    k = new_batch_size / batch_size
    return learning_rate * (k if optimizer.lower() in _LINEAR else math.sqrt(k))
