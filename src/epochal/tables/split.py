"""Cuts rows into training, validation and test part: at random, by group, or by time."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.model_selection import ShuffleSplit

from ..base import seeds
from ..base.text import counted
from ..base.validate import require
from .columns.dates import dates_in
from .columns.numbers import numbers_in

_VALIDATION, _TEST = 0.16, 0.20
_DRAWS = 200
_TOO_MANY = 0.02  # of all rows, that are copies of one of them: an empty picture, and each may be in any part
_COPIED = 0.01         # share of rows that repeat another one, from which on copies are kept together
_VARIED, _MOST_ALIKE = 40, 0.05  # different values of a column that rows need to be copies, and the most rows that are the same


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


def same_rows(features, y):
    """int[n]: rows that are the same in all features and the target have the same number; `None` where there are hardly any, or
    where so few different values meet that rows are the same by chance.

    Args:
        features: frame[n] of features. y: [n, …], the target.
    """
    rows = features.assign(**{"\0target": np.asarray(y).reshape(len(features), -1)[:, 0]})
    number, different = pd.factorize(pd.util.hash_pandas_object(rows, index=False))
    n_repeated = len(number) - len(different)
    varied = any(features[name].nunique() > _VARIED for name in features)
    usual = np.bincount(number).max() > _MOST_ALIKE * len(number)
    return None if n_repeated < _COPIED * len(number) or not varied or usual else number


def numbered(rows):
    """int[n]: arrays or texts that are the same have the same number."""
    inside = (row.encode() if isinstance(row, str) else row.tobytes() for row in rows)
    return pd.factorize(np.array([hashlib.blake2b(row, digest_size=16).digest() for row in inside], dtype=object))[0]


def same_things(number):
    """The numbers of `numbered` by which copies are kept together; `None` where there are hardly any.

    Very many copies of one thing are not: one part alone could not hold them and keep its shares of the classes.
    """
    n_different = int(number.max()) + 1
    if len(number) - n_different < _COPIED * len(number):
        return None
    many = np.bincount(number)[number] > max(2, _TOO_MANY * len(number))
    return np.where(many, n_different + np.arange(len(number)), number)


def at_random(codes, *, seed, n_own_test=0, same=None):
    """Rows drawn at random, each class in the same shares.

    Each class is cut by itself, and has at least one row in each part if it has three. (scikit-learn's stratified splits
    promise neither: a class of 4 rows may miss the validation part, and 15 classes in 50 rows are refused.)

    Args:
        codes: int[n], the class of each row; all equal for regression.
        seed: makes the draw repeatable.
        n_own_test: so many of the last rows are the file's own test part; of the rest, 20 % validate.
        same: int[n], equal for rows that are copies of each other, which stay in one part; `None` where there are none.
    """
    n_rest, stream = len(codes) - n_own_test, seeds.stream(seed, "split")
    validation_share = _VALIDATION / (1 - _TEST) if n_own_test else _VALIDATION
    train, validation, test = [], [], [np.arange(n_rest, len(codes))]
    for code in np.unique(codes[:n_rest]):
        rows = stream.permutation(np.flatnonzero(codes[:n_rest] == code))
        if same is not None:  # copies behind each other, where the first of them stood
            rows = rows[np.argsort(pd.factorize(same[rows])[0], kind="stable")]
        n_test, n_validation = 0 if n_own_test else max(1, round(_TEST * len(rows))), max(1, round(validation_share * len(rows)))
        if same is not None:
            n_test, n_validation = _between_copies(same[rows], n_test, n_validation)
        test.append(rows[:n_test])
        validation.append(rows[n_test:n_test + n_validation])
        train.append(rows[n_test + n_validation:])
    how = ("at random; the test part is the data's own" if n_own_test else
           "at random" + (", each class in the same shares" if codes.any() else ""))
    parts = [np.sort(np.concatenate(part)) for part in (train, validation, test)]
    if same is None:
        return replace(_parts(*parts, how, codes), at_random=True)
    n_copies = len(same) - len(np.unique(same))
    found = _parts(*parts, how + ", rows that are copies of each other together in one part", codes)
    note = (f"{counted(n_copies, 'row')} of {len(same):,} ({100 * n_copies / len(same):.3g} %) repeat another row in every "
            "column: they stay in one part with it, so that no model is tested on rows that it has trained on.")
    return replace(found, notes=(*found.notes, note), groups=same[np.concatenate(parts[:2])])


def _between_copies(same, n_test, n_validation):
    """The sizes of both parts, moved to where no copies are torn apart; at least a row each is left for every part."""
    ends = np.flatnonzero(np.diff(same)) + 1
    if len(ends) < 2:
        return n_test, n_validation
    first = ends[:-1][np.abs(ends[:-1] - n_test).argmin()] if n_test else 0
    later = ends[ends > first]
    return int(first), int(later[np.abs(later - first - n_validation).argmin()] - first)


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


def by_time(moments, codes, order=None):
    """The earliest rows train, the next validate, the latest test; rows of one moment stay together.

    Args:
        moments: Series[n] of numbers, dates, or text that is a date in every row; at least 3 different ones.
        codes: int[n], the class of each row.
        order: of day and month, as `columns.dates.dates_in` takes it.
    """
    n_missing = int(moments.isna().sum())
    require(not n_missing, moments.name, counted(n_missing, "missing value"), "known in every row to sort by",
            "Fill in the moments, or drop those rows.")
    moments, sentences = _moments(moments, order)
    order_of_row, different = pd.factorize(moments, sort=True)
    by_moment = np.argsort(order_of_row, kind="stable")
    cuts = np.flatnonzero(np.diff(order_of_row[by_moment])) + 1  # where a new moment begins
    require(len(different) >= 3, moments.name, counted(len(different), "different moment"), "of at least 3 different moments",
            "Choose a finer column, or leave it out.")
    first = int(np.abs(cuts[:-1] - (1 - _VALIDATION - _TEST) * len(by_moment)).argmin())
    later = cuts[first + 1:]
    second = later[np.abs(later - (1 - _TEST) * len(by_moment)).argmin()]
    parts = _parts(*np.split(by_moment, [cuts[first], second]),
                   f"by `{moments.name}`, which is not a feature itself: the earliest rows train, the latest test", codes)
    return replace(parts, notes=(*parts.notes, *sentences))


def with_copies_told(parts, same, name):
    """The `Parts` with a note on test rows that a model has trained on: copies, but for the column called `name`, which tells the
    parts. `same`: as `same_rows` tells copies."""
    if same is None:
        return parts
    n = int(np.isin(same[parts.test], same[parts.train]).sum())
    note = (f"{counted(n, 'row')} of the test part ({100 * n / len(parts.test):.3g} %) repeat a training row in every column but "
            f"`{name}`: of these a model has seen the answer, and the test part flatters.")
    return replace(parts, notes=(*parts.notes, note)) if n else parts


def _draw_groups(rows_group_class, groups, share, seed):
    """The groups of one part: the draw that takes the fewest classes away whole, then lacks the fewest, then is closest."""
    total = rows_group_class[groups].sum(axis=0)

    def badness(drawn):
        inside = rows_group_class[drawn].sum(axis=0)
        return (inside == total).sum(), (inside == 0).sum(), np.abs(inside - share * total).sum()

    draws = ShuffleSplit(_DRAWS, test_size=share, random_state=seed).split(groups)
    return min((groups[chosen] for _, chosen in draws), key=badness)


def _moments(column, order):
    """Numbers or dates to sort by, and sentences on how they were read."""
    if types.is_datetime64_any_dtype(column.dtype):
        return column, ()
    text = column.astype(str).where(column.notna())
    numbers = types.is_numeric_dtype(column.dtype)
    found = None if numbers else dates_in(text, order)
    if found is None and not numbers and (written := numbers_in(text)) is not None and not written.odd:
        return written.values.rename(column.name), ()
    if numbers:
        return column, ()
    odd = text[(pd.to_datetime(text, errors="coerce", format="mixed", utc=True) if found is None else found.values).isna()]
    odd = text if found is None and not len(odd) else odd
    require(not len(odd), column.name, odd.iloc[0] if len(odd) else None, "of dates or numbers to sort by",
            "Write every value alike, as 2024-12-31 or 2024-12-31 23:59:59.")
    return found.values.rename(column.name), tuple(f"`{column.name}`: {sentence}." for sentence in found.sentences)


def _parts(train, validation, test, how, codes):
    sizes = f"{len(train):,} training, {len(validation):,} validation and {len(test):,} test rows"
    notes = [f"Split {how}; {sizes}."]
    for name, rows in (("validation", validation), ("test", test)):
        n_absent = len(np.setdiff1d(codes, codes[rows]))
        if n_absent:
            notes.append(f"The {name} part lacks {n_absent} of the classes.")
    return Parts(train, validation, test, tuple(notes))
