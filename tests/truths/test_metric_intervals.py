"""How often intervals and tests over seeds and blocks hold, where a metric decides: settings that are alike in truth.

By hand, 1,500 comparisons of each sort: docs/evidence.md. Here a sample.
"""

import numpy as np
import pytest
from tiers import cases

from epochal.base.stats import two_way_interval, two_way_p_lower
from epochal.seam.rigs.judging import Decider, Judged, _scores

N_BINS, N_BLOCKS = 200, 4


def counted(y, scores):
    """Rows of each class by score: sums over rows, as Keras' metrics keep them."""
    bins = np.clip(((scores + 4) / 9 * N_BINS).astype(int), 0, N_BINS - 1)
    return [np.bincount(bins[y == label], minlength=N_BINS).astype(float) for label in (1, 0)]


def accuracy(values):
    found, missed = values
    return [(found[N_BINS // 2:].sum() + missed[: N_BINS // 2].sum()) / (found.sum() + missed.sum())]


def auc(values):
    found, missed = values
    below = np.cumsum(missed) - missed / 2
    return [found @ below / max(found.sum() * missed.sum(), 1)]


def average_precision(values):
    found, missed = (part[::-1] for part in values)
    true, false = np.cumsum(found), np.cumsum(missed)
    return [(found * true / np.maximum(true + false, 1)).sum() / max(found.sum(), 1)]


def scores_of(y, scores, metric):
    """The score of every block of one half, as the seam has it."""
    size, ends = len(y) // N_BLOCKS, [[np.zeros(N_BINS), np.zeros(N_BINS)]]
    for i in range(N_BLOCKS):
        block = slice(i * size, (i + 1) * size)
        ends.append([before + more for before, more in zip(ends[-1], counted(y[block], scores[block]), strict=True)])
    part = Judged(0.0, counted(y, scores), np.zeros(N_BLOCKS), ends)
    return _scores(np, part, part.counted, metric, Decider("metric", 0, larger_is_better=True))


def comparison(rng, metric, *, n=300, share=0.2, n_seeds=5):
    """Differences [seeds, blocks] of two settings that differ by luck alone: in what each makes of a row, and each training."""
    y = (rng.random(n) < share).astype(int)
    x, half = 1.5 * y + rng.normal(size=n), n // 2
    own, table = 0.5 * rng.normal(size=(2, n)), []
    for _ in range(n_seeds):
        both = [np.concatenate([scores_of(y[rows], (x + one + 0.3 * rng.normal(size=n))[rows], metric)
                                for rows in (slice(0, half), slice(half, n))]) for one in own]
        table.append(both[0] - both[1])
    return np.array(table)


@pytest.mark.parametrize("metric", [accuracy, auc, average_precision])
def test_settings_that_are_alike_are_told_apart_as_rarely_as_is_said(metric):
    rng, n = np.random.default_rng(3), cases(200)
    tables = [comparison(rng, metric) for _ in range(n)]
    holds = sum(low <= 0 <= high for _, low, high in map(two_way_interval, tables))
    better = sum(two_way_p_lower(table) <= 0.025 for table in tables)
    assert holds >= n * 0.95 - 3 * (n * 0.95 * 0.05) ** 0.5
    assert better <= n * 0.025 + 3 * (n * 0.025 * 0.975) ** 0.5


@pytest.mark.parametrize("metric", [accuracy, auc, average_precision])
def test_the_mean_of_the_blocks_is_near_the_score_of_all_rows(metric):
    rng = np.random.default_rng(4)
    y = (rng.random(400) < 0.3).astype(int)
    scores = 1.5 * y + rng.normal(size=400)
    assert scores_of(y, scores, metric).mean() == pytest.approx(1 - metric(counted(y, scores))[0], abs=0.02)
