"""Batch sizes compared on the same rows: means of the loss over blocks of rows, and the difference of two of them."""

import numpy as np

from ...base.stats import student

FEWEST, MOST = 16, 64  # blocks: to tell a difference by, and to keep


def add_block(means, sums):
    """float[n_arms, m] of finished blocks with one more, float[n_arms]; where there are `MOST`, pairs of them become one.

    Returns `(means, merged)`, where `merged` says whether blocks are twice as long from now on.
    """
    means = np.concatenate([means, np.asarray(sums, float)[:, None]], axis=1)
    if means.shape[1] < MOST:
        return means, False
    return (means[:, ::2] + means[:, 1::2]) / 2, True


def compared(means):
    """`(mean, low, high, told)` of each arm's loss less that of the first, over blocks of rows.

    Neighbouring blocks are alike, most of all while a model still learns: they count as n (1 - r) / (1 + r) independent ones, with
    r the correlation of neighbours (Bayley & Hammersley 1946). The intervals hold together: each is at 1 - 0.05 / (n_arms - 1), by
    Bonferroni. `None` in place of numbers, and "not told apart", with fewer than `FEWEST` blocks, or where a loss is no number.

    Args:
        means: float[n_arms, n_blocks], means of the loss in blocks of equally many rows, the same for all.
    """
    n_arms, n = means.shape
    found = []
    for i in range(1, n_arms):
        apart = means[i] - means[0]
        if n < FEWEST or not np.isfinite(apart).all():
            found.append((None, None, None, "not told apart"))
            continue
        mean = float(apart.mean())
        n_free = n * _freedom(apart)
        half = student(max(n_free - 1, 1), 1 - 0.025 / (n_arms - 1)) * float(apart.std(ddof=1)) / np.sqrt(n_free)
        told = "less" if mean + half < 0 else "more" if mean - half > 0 else "not told apart"
        found.append((mean, mean - half, mean + half, told))
    return found


def _freedom(values):
    """How many independent values one of these is worth, by the correlation of neighbours; 1 where that is none or negative."""
    off = values - values.mean()
    along = float(off @ off)
    r = float(off[1:] @ off[:-1]) / along if along > 0 else 0.0
    r = min(max(r, 0.0), 0.99)
    return (1 - r) / (1 + r)
