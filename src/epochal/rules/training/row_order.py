"""Whether the last rows of the data are like the rows before them, as after a shuffle they would be.

Every test here is exact under one assumption, that all orders of the rows are equally likely: it needs no large sample and no
bell curve. So it may be trusted far out in the tail, where a warning that is practically never wrong has to stand.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, logsumexp

FALSE_ALARM = 1e-4  # the chance that rows in random order are called ordered
_N_CATEGORIES = 100  # up to so many different values stand for themselves; more are put into bins
_N_BINS = 10
_ENOUGH = 100_000  # terms of a tail: away from the mean they fall faster than geometrically


class Shift(NamedTuple):
    """A category of which the held-out rows have too many or too few."""

    label: str  # what all rows of the category have in common: `3` or `from 0.2 to 0.7`
    n_train: int  # with `n_held_out`: rows of the category in each part
    n_held_out: int


class Blocks(NamedTuple):
    """A category whose rows stand together: in `n_blocks` runs where `n_expected` are the mean of all orders."""

    label: str
    n_rows: int
    n_blocks: int
    n_expected: float


def find_order(train, held_out, *, false_alarm=FALSE_ALARM):
    """What shows that rows are not in random order: a `Shift`, or else `Blocks`, or `None`.

    For each category (a value; of more than 100 different values, a tenth of the rows): the number of its rows among those held
    out, and the number of runs in which its rows stand (Wald & Wolfowitz 1940), are hypergeometric if all orders of the rows
    are equally likely. Three tails a category, each allowed its part of the false alarms (Bonferroni).

    Args:
        train, held_out: a value a row, [n] or [n, 1], in the order of the data, `held_out` right after `train`; of large data
            every 10th row will do. Of one-hot rows the class is looked at, of other numbers [n, ...] the mean of the row.
        false_alarm: the chance of finding something where nothing is, at most.

    Returns:
        The least likely of what was found. `None` says little about few rows: sorted ones are seen from about 40 upward.
    """
    if not (len(train) and len(held_out)):
        return None
    rows = np.concatenate(_one_value_a_row(np.asarray(train), np.asarray(held_out)))
    codes, labels = _categories(rows.astype(str) if rows.dtype.kind == "O" else rows)
    counts, counts_held_out = (np.bincount(part, minlength=len(labels)) for part in (codes, codes[len(train):]))
    begins = np.flatnonzero(np.diff(codes, prepend=-1))
    n_blocks = np.bincount(codes[begins], minlength=len(labels))
    n, limit = len(rows), np.log(false_alarm / (3 * len(labels)))
    i = _least_likely([_log_tail(held, n, count, len(held_out)) for held, count in zip(counts_held_out, counts, strict=True)],
                      counts, limit)
    if i is not None:
        return Shift(labels[i], int(counts[i] - counts_held_out[i]), int(counts_held_out[i]))
    expected = counts * (n - counts + 1) / n
    i = _least_likely([_log_tail(blocks, n, n - count + 1, count) if blocks < mean else 0.0
                       for blocks, count, mean in zip(n_blocks, counts, expected, strict=True)], counts, limit)
    return None if i is None else Blocks(labels[i], int(counts[i]), int(n_blocks[i]), float(expected[i]))


def _least_likely(log_tails, counts, limit):
    """The category with the lowest tail, if that is within the limit; of two equal ones (two classes) the rarer."""
    worst = min(range(len(counts)), key=lambda i: (round(log_tails[i], 6), counts[i]))
    return worst if log_tails[worst] <= limit else None


def _one_value_a_row(*parts):
    if all(part.size == len(part) for part in parts):
        return [part.ravel() for part in parts]
    one_hot = all(part.ndim == 2 and bool((((part == 0) | (part == 1)).all(1) & (part.sum(1) == 1)).all()) for part in parts)
    return [part.argmax(1) if one_hot else part.reshape(len(part), -1).mean(1) for part in parts]


def _categories(rows):
    """A code for the category of each row, and what each category is called. Depends on no row's place."""
    values, codes, counts = np.unique(rows, return_inverse=True, return_counts=True)
    if len(values) <= _N_CATEGORIES:
        return codes, [_label(value) for value in values]
    middles = counts.cumsum() - counts / 2
    bins = np.unique((_N_BINS * middles / len(rows)).astype(int), return_inverse=True)[1]
    first = np.flatnonzero(np.diff(bins, prepend=-1))
    last = np.append(first[1:] - 1, len(values) - 1)
    return bins[codes], [_label(values[a]) if a == b else f"from {_label(values[a])} to {_label(values[b])}"
                         for a, b in zip(first, last, strict=True)]


def _label(value):
    return f"{value:.4g}" if value.dtype.kind == "f" else str(value)


def _log_tail(found, n, n_marked, n_drawn):
    """The logarithm of the chance that of `n_drawn` of `n` rows so many are marked, or more; or fewer, if it is few."""
    if found * n >= n_marked * n_drawn:
        end = min(n_marked, n_drawn, found + _ENOUGH)
        k = np.arange(found, end + 1)
    else:
        k = np.arange(max(0, n_drawn + n_marked - n, found - _ENOUGH), found + 1)
    return float(logsumexp(_log_choose(n_marked, k) + _log_choose(n - n_marked, n_drawn - k)) - _log_choose(n, n_drawn))


def _log_choose(n, k):
    return gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
