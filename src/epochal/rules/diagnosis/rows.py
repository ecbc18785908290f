"""What the rows alone show: answers among the inputs, rows in both parts, an order that `validation_split` cuts."""

import numpy as np

from ...records import Finding, Unchecked
from ..training.advice import sorted_split
from .seen import found

_TELLS = 0.995     # share of rows that a single column answers right, on rows that it was not read from
_CHANCE = 0.9      # share of the most frequent class above which that says little
_SAME = 0.01       # of the validation rows, that are training rows as well
_MOST_ROWS, _BINS = 20_000, 200


def answer_among_inputs(x, y):
    """One column that predicts the target nearly perfectly, on rows that its values' meaning was not learnt from.

    Args:
        x: float[n, d]. y: [n] classes (few different values) or numbers.
    """
    x, y = np.asarray(x, float)[:_MOST_ROWS], np.asarray(y)[:_MOST_ROWS]
    if x.ndim != 2 or y.ndim != 1 or len(x) < 40:
        return Unchecked("leakage", "it takes at least 40 rows of a table of numbers, and one target.")
    classes, codes = np.unique(y, return_inverse=True)
    few = len(classes) <= 50 and len(classes) < len(y) / 4
    one_sided = few and np.bincount(codes).max() / len(y) > _CHANCE
    good = _told_of_rare if one_sided else _told_of_classes if few else _told_of_numbers
    best, share = None, 0.0
    for column in range(x.shape[1]):
        told = good(x[:, column], codes if few else y.astype(float))
        if told > share:
            best, share = column, told
    if best is None or share < _TELLS:
        return None
    return found("leakage", "fault", f"Input column {best} (counted from 0) alone predicts the target of {100 * share:.4g} % of "
                 "the rows that it was not read from" + ("." if few else ": its rank is the target's."),
                 "Leave it out if it is known only after the fact, as a result, a code of the outcome or a sum with the target in "
                 "it is.", None, "measured on half of the rows", column=best, share=share)


def _halves(column):
    order = np.random.default_rng(0).permutation(len(column))
    return order[::2], order[1::2]


def _told_of_classes(column, codes):
    learnt, judged = _halves(column)
    edges = np.unique(np.quantile(column[learnt], np.linspace(0, 1, _BINS)))
    if len(edges) < 2:
        return 0.0
    values = np.unique(column[learnt])
    edges = (values[:-1] + values[1:]) / 2 if len(values) <= _BINS else edges
    bins = np.searchsorted(edges, column)
    counts = np.zeros((len(edges) + 1, codes.max() + 1))
    np.add.at(counts, (bins[learnt], codes[learnt]), 1)
    return float((counts.argmax(1)[bins[judged]] == codes[judged]).mean())


def _told_of_rare(column, codes):
    """Of the rows of all but the most frequent class, and as many of it, so that always answering that one is half right."""
    counts = np.bincount(codes)
    often, rng = counts.argmax(), np.random.default_rng(0)
    rare = np.flatnonzero(codes != often)
    if len(rare) < 20:
        return 0.0
    rows = np.concatenate([rare, rng.choice(np.flatnonzero(codes == often), len(rare), replace=False)])
    return _told_of_classes(column[rows], codes[rows])


def _told_of_numbers(column, y):
    """Spearman's rank correlation, squared."""
    if np.ptp(column) == 0 or np.ptp(y) == 0:
        return 0.0
    first, second = (np.unique(values, return_inverse=True)[1].astype(float) for values in (column, y))
    return float(np.corrcoef(first, second)[0, 1] ** 2)


def in_both(train, held):
    """Validation rows that are training rows as well, input for input."""
    known = {row.tobytes() for row in np.ascontiguousarray(train)}
    if len(known) < len(train) / 2:
        return None  # few different rows: the same ones come again of themselves
    n = sum(row.tobytes() in known for row in np.ascontiguousarray(held))
    if not n > max(1, _SAME * len(held)):
        return None
    return found("rows in both parts", "advice", f"{n:,} of {len(held):,} validation rows are among the training rows, input for "
                 "input: the validation loss is then partly that of rows learnt by heart.",
                 "Drop duplicates before splitting; rows of one person, device or day belong in one part (groups=).", None,
                 "counted", rows=n, share=n / len(held))


def in_order(train_y, held_y):
    """Rows in an order that `validation_split` cuts, by an exact test; see `rules/training/row_order.py`."""
    told = sorted_split(train_y, held_y)
    return None if told is None else Finding("rows held out", "fault", told.sentence, told.cure, told.figures, None, "counted")
