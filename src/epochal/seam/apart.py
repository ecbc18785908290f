"""Rows that belong together, or follow each other in time: held out by whole groups, or the latest of them."""

import numpy as np

from ..base.text import counted
from ..base.validate import require
from .rows import Data, Part, check, classes_of, halves, judged_part, leaves, part_of, with_folds_by_group

_SHARE = 0.2  # of the rows that are held out


def data_apart(x, y, *, groups=None, time=None, sample_weight=None, test_data=None, seed=0):
    """The `Data` of Keras' arguments, rows held out by `groups` or by `time`, of which one is given.

    Args:
        x, y, sample_weight, test_data, seed: as for `rows.data_from_arguments`.
        groups: [n] values; rows of one value are never on both sides. Other groups are held out in turn.
        time: [n] numbers or dates; the latest fifth of the rows is held out, rows of one moment together, and nothing else ever.

    Raises:
        UsageError: they are not as many as the rows, or do not tell rows apart.
    """
    everything, test = part_of(x, y, sample_weight), None if test_data is None else judged_part(test_data, "test_data")
    check(everything, "the rows you passed")
    name, by = ("groups", groups) if time is None else ("time", time)
    values = np.asarray(by)
    require(values.shape == (everything.n_rows,), name, values.shape, f"one value for each of the {everything.n_rows:,} rows",
            "Pass a column of the table that x was made of.")
    n_missing = sum(bool(value is None or value != value) for value in values.tolist())
    require(not n_missing, name, counted(n_missing, "missing value"), "known for every row", "Fill them in, or drop those rows.")
    different, place = np.unique(values, return_inverse=True)
    require(len(different) >= 3, name, counted(len(different), "different value"), "of at least 3 different values",
            "Choose a finer one, or leave it out.")
    classes = classes_of(everything.y)
    train, held, words = _by_group(place, classes, seed) if time is None else _by_time(place)
    rows = [everything.take(some) for some in (train, held)]
    of_held = classes_of(rows[1].y)
    half_a, half_b = halves(rows[1], seed=seed, classes=of_held)
    note = f"no validation data were given: {len(held):,} of {everything.n_rows:,} rows are held out for it, {words}"
    data = Data("the model's data", "", rows[0], half_a, half_b, test, (note,))
    if time is not None:
        return data
    cut = halves(Part(place[held], None), seed=seed, classes=of_held)  # as the rows themselves
    in_classes = classes is not None and leaves(everything.y)[0].size == everything.n_rows
    return with_folds_by_group(data, np.concatenate([place[train], *(half.x for half in cut)]), seed, in_classes=in_classes)


def _by_group(place, classes, seed):
    from sklearn.model_selection import StratifiedGroupKFold  # not above: it takes a second to import

    n_parts = min(round(1 / _SHARE), len(np.unique(place)))
    codes = np.zeros(len(place), int) if classes is None or np.bincount(classes).min() < n_parts else classes
    train, held = next(StratifiedGroupKFold(n_parts, shuffle=True, random_state=seed).split(codes, codes, place))
    return train, held, f"{counted(len(np.unique(place[held])), 'whole group')} of {len(np.unique(place)):,}"


def _by_time(place):
    order = np.argsort(place, kind="stable")
    cuts = np.flatnonzero(np.diff(place[order])) + 1  # where a new moment begins
    cut = cuts[np.abs(cuts - (1 - _SHARE) * len(order)).argmin()]
    return order[:cut], order[cut:], "the latest ones"
