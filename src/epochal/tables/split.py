"""Cuts rows into training, validation and test part: at random, by group, or by time."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import skrub
from pandas.api import types
from sklearn.model_selection import ShuffleSplit

from ..base import seeds
from ..base.text import counted
from ..base.validate import require

_VALIDATION, _TEST = 0.16, 0.20
_DRAWS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Row numbers of each part (int arrays without a number in common), and sentences on how they were chosen.

    `at_random`: whether rows were drawn one by one, so that any may train or validate. `groups`: int[n], of the training rows, then
    of the validation rows, where whole groups were drawn.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    notes: tuple[str, ...]
    at_random: bool = False
    groups: np.ndarray | None = None


def at_random(codes, *, seed, n_own_test=0):
    """Rows drawn at random, each class in the same shares.

    Each class is cut by itself, and has at least one row in each part if it has three. (scikit-learn's stratified splits
    promise neither: a class of 4 rows may miss the validation part, and 15 classes in 50 rows are refused.)

    Args:
        codes: int[n], the class of each row; all equal for regression.
        seed: makes the draw repeatable.
        n_own_test: so many of the last rows are the file's own test part; of the rest, 20 % validate.
    """
    n_rest, stream = len(codes) - n_own_test, seeds.stream(seed, "split")
    validation_share = _VALIDATION / (1 - _TEST) if n_own_test else _VALIDATION
    train, validation, test = [], [], [np.arange(n_rest, len(codes))]
    for code in np.unique(codes[:n_rest]):
        rows = stream.permutation(np.flatnonzero(codes[:n_rest] == code))
        n_test, n_validation = 0 if n_own_test else max(1, round(_TEST * len(rows))), max(1, round(validation_share * len(rows)))
        test.append(rows[:n_test])
        validation.append(rows[n_test:n_test + n_validation])
        train.append(rows[n_test + n_validation:])
    how = ("at random; the test part is the file's own" if n_own_test else
           "at random" + (", each class in the same shares" if codes.any() else ""))
    return replace(_parts(*(np.sort(np.concatenate(part)) for part in (train, validation, test)), how, codes), at_random=True)


def by_group(groups, codes, *, seed):
    """Whole groups, drawn at random: of 200 draws, the one whose parts come closest to their share of each class.

    Args:
        groups: Series[n] without missing values, of at least 3 groups.
        codes: int[n], the class of each row.
        seed: makes the draws repeatable.
    """
    n_missing = int(groups.isna().sum())
    require(not n_missing, groups.name, counted(n_missing, "missing value"), "known in every row to group by",
            "Fill in the groups, or drop those rows.")
    group_of_row, names = pd.factorize(groups)
    require(len(names) >= 3, groups.name, counted(len(names), "group"), "of at least 3 groups, one for each part",
            "Choose a finer column, or leave it out.")
    rows_group_class = np.zeros((len(names), codes.max() + 1))
    np.add.at(rows_group_class, (group_of_row, codes), 1)

    everything = np.arange(len(names))
    test = _draw_groups(rows_group_class, everything, _TEST, seeds.integer(seed, "test groups"))
    rest = np.setdiff1d(everything, test)
    validation = _draw_groups(rows_group_class, rest, _VALIDATION / (1 - _TEST), seeds.integer(seed, "validation groups"))
    train = np.setdiff1d(rest, validation)
    rows = [np.flatnonzero(np.isin(group_of_row, part)) for part in (train, validation, test)]
    counts = f"{len(train):,}, {len(validation):,} and {len(test):,} groups"
    parts = _parts(*rows, f"by whole groups of `{groups.name}`, which is not a feature itself ({counts})", codes)
    return replace(parts, groups=group_of_row[np.concatenate(rows[:2])])


def by_time(moments, codes):
    """The earliest rows train, the next validate, the latest test; rows of one moment stay together.

    Args:
        moments: Series[n] of numbers, dates, or text that is a date in every row; at least 3 different ones.
        codes: int[n], the class of each row.
    """
    n_missing = int(moments.isna().sum())
    require(not n_missing, moments.name, counted(n_missing, "missing value"), "known in every row to sort by",
            "Fill in the moments, or drop those rows.")
    if not (types.is_numeric_dtype(moments.dtype) or types.is_datetime64_any_dtype(moments.dtype)):
        moments = _dates(moments.astype(str))
    order_of_row, different = pd.factorize(moments, sort=True)
    order = np.argsort(order_of_row, kind="stable")
    cuts = np.flatnonzero(np.diff(order_of_row[order])) + 1  # where a new moment begins
    require(len(different) >= 3, moments.name, counted(len(different), "different moment"), "of at least 3 different moments",
            "Choose a finer column, or leave it out.")
    first = int(np.abs(cuts[:-1] - (1 - _VALIDATION - _TEST) * len(order)).argmin())
    later = cuts[first + 1:]
    second = later[np.abs(later - (1 - _TEST) * len(order)).argmin()]
    return _parts(*np.split(order, [cuts[first], second]),
                  f"by `{moments.name}`, which is not a feature itself: the earliest rows train, the latest test", codes)


def _draw_groups(rows_group_class, groups, share, seed):
    """The groups of one part: the draw that takes the fewest classes away whole, then lacks the fewest, then is closest."""
    total = rows_group_class[groups].sum(axis=0)

    def badness(drawn):
        inside = rows_group_class[drawn].sum(axis=0)
        return (inside == total).sum(), (inside == 0).sum(), np.abs(inside - share * total).sum()

    draws = ShuffleSplit(_DRAWS, test_size=share, random_state=seed).split(groups)
    return min((groups[chosen] for _, chosen in draws), key=badness)


def _dates(column):
    dates = skrub.to_datetime(column)
    if not types.is_datetime64_any_dtype(dates.dtype) or dates.isna().any():
        no_date = column[pd.to_datetime(column, errors="coerce", format="mixed").isna()]
        require(False, column.name, (no_date if len(no_date) else column).iloc[0], "of dates or numbers to sort by",
                "Write every value alike, as 2024-12-31 or 2024-12-31 23:59:59.")
    return dates


def _parts(train, validation, test, how, codes):
    sizes = f"{len(train):,} training, {len(validation):,} validation and {len(test):,} test rows"
    notes = [f"Split {how}; {sizes}."]
    for name, rows in (("validation", validation), ("test", test)):
        n_absent = len(np.setdiff1d(codes, codes[rows]))
        if n_absent:
            notes.append(f"The {name} part lacks {n_absent} of the classes.")
    return Parts(train, validation, test, tuple(notes))
