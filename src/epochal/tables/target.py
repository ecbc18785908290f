"""Finds the task in a target column: two classes, more classes, or a number to predict."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api import types

from ..base.text import Wording, counted, first_few
from ..base.validate import require
from .columns.kinds import LARGEST, is_text

_FAR, _FEW_FAR = 50.0, 0.001  # times the width of the middle half, from which on a number is far off, and how many may be so
RARE = 0.1  # share of a class, up to which it is called rare
_MAY_BE_CLASSES = 30  # different whole numbers, up to which they might be
_FEWEST = 3  # rows of a class, one for each part


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What is to be predicted."""

    name: str  # the target's name
    kind: str  # `"binary"`, `"multiclass"` or `"regression"`
    y: np.ndarray  # float32[n, 1] of 0 and 1, int32[n] codes, or float64[n, 1] values as they are in the file
    codes: np.ndarray  # int[n], the class of each row; all 0 for regression
    classes: tuple[str, ...]  # labels in the order of their codes; empty for regression
    notes: tuple[str, ...]  # what was found, in sentences


def find_task(column, name, *, wanted=None, most_classes=20):
    """The task of a target column without missing values.

    Text, booleans and categories are classes. Numbers are classes when there are two of them, or when all are whole, at most
    `most_classes` differ and each stands in 10 rows on average: a label repeats itself, a quantity rarely does, and
    with fewer rows to a class its share of the validation rows would be one or two. `wanted`, `"classes"` or `"regression"`,
    settles it for numbers.

    Raises:
        UsageError: for dates, free text, infinite values, a single value, or a class of fewer than 3 rows.
    """
    column = column.infer_objects()
    require(not types.is_datetime64_any_dtype(column.dtype), name, str(column.iloc[0]), "classes or numbers to predict",
            "It holds dates; turn them into a number, such as days from a first day.")
    if types.is_numeric_dtype(column.dtype) and not types.is_bool_dtype(column.dtype):
        values = column.to_numpy()
        n_bad = int((~(np.abs(values.astype(float)) < LARGEST)).sum())
        require(not n_bad, name, counted(n_bad, "infinite value"), "finite", "Drop those rows, or correct them.")
        whole = bool((values == np.round(values)).all())
        if whole and values.dtype.kind == "f" and np.abs(values).max() < 2**53:
            column = column.astype("int64")  # so that the class is called 3 whether or not a row is missing
        n_values = column.nunique()
        require(wanted != "regression" or n_values > 1, name, f"{values[0]} in all rows", "of more than one value",
                "Choose another column.")
        repeated = may_repeat(column, most_classes)
        hint = " If they are names of classes, write --task classes." if whole and n_values <= _MAY_BE_CLASSES else ""
        if wanted == "regression" or (wanted is None and n_values > 2 and not repeated):
            return Task(name, "regression", values.astype("float64").reshape(-1, 1), np.zeros(len(values), int), (),
                        (f"Target `{name}` has {n_values:,} different numbers: regression.{hint}",))
    else:
        require(wanted != "regression", name, str(column.dtype), "a column of numbers for regression",
                "Leave --task out, or name a column of numbers.")
    return _classes(column, name)


def far_off(y):
    """int[k]: where the few numbers of `y`, float[n], are that lie so far off that they alone decide a mean squared error."""
    center, half = np.median(y), np.subtract(*np.quantile(y, [0.75, 0.25]))
    far = np.flatnonzero(np.abs(y - center) > _FAR * half) if half > 0 else np.zeros(0, int)
    return far if len(far) <= max(1, _FEW_FAR * len(y)) else far[:0]


def may_repeat(column, most_classes=20):
    """Whether numbers are whole and few enough to be classes."""
    values, n_values = column.to_numpy("float64"), column.nunique()
    return bool((values == np.round(values)).all()) and n_values <= most_classes and 10 * n_values <= len(column)


def without_rare(column, what, wanted):
    """A target whose classes of fewer than 3 rows are left out (`"drop"`) or one class (`"merge"`); pairs of rows lost and words.
    """
    known = column.dropna()
    quantity = types.is_numeric_dtype(column.dtype) and not types.is_bool_dtype(column.dtype) and known.nunique() > 2
    if what is None or (quantity and wanted != "classes" and (wanted == "regression" or not may_repeat(known))):
        return column, ()
    counts = column.value_counts()
    rare = counts.index[counts < _FEWEST]
    if not len(rare):
        return column, ()
    inside = column.isin(rare)
    n, names = int(inside.sum()), first_few(map(str, rare), 5)
    if what == "drop" or n < _FEWEST:  # also merged, they would be too few
        return column.mask(inside), ((n, f"{counted(n, 'row')} of rare classes ({names}) left out."),)
    return column.astype(object).where(column.isna(), column.map(str)).mask(inside, "other"), (
        (0, f"Rare classes ({names}) are one class, 'other', of {counted(n, 'row')}."),)


def _classes(column, name):
    codes, labels = pd.factorize(column, sort=True)
    counts = np.bincount(codes)
    only = Wording(f"{str(labels[0])!r} in all {len(column):,} rows")
    require(len(labels) > 1, name, only, "a target of two or more values", "Choose another column; where an empty cell means "
            "another class, fill it in.")
    require(3 * len(labels) <= len(column), name, Wording(f"{len(labels):,} different values in {len(column):,} rows"),
            "of few classes" + (", or numbers" if is_text(column) else ""),
            "This looks like free text or an identifier; choose another column.")
    n_rarest, rarest = int(counts.min()), str(labels[counts.argmin()])
    require(n_rarest >= 3, name, Wording(f"{counted(n_rarest, 'row')} of class {rarest!r}"),
            "of at least 3 rows of each class, one for each part",
            ("If its numbers are a quantity, write --task regression; else " if types.is_numeric_dtype(column.dtype) else "")
            + "--rare-classes drop leaves such rows out, merge makes one class of such classes.")
    kind = "binary" if len(labels) == 2 else "multiclass"
    y = codes.astype("float32").reshape(-1, 1) if kind == "binary" else codes.astype("int32")
    notes = [f"Target `{name}` has {len(labels)} classes: {kind} classification."]
    if kind == "binary" and n_rarest <= RARE * len(column):
        notes.append(f"`{rarest}` is rare, {100 * n_rarest / len(column):.2g} % of the rows: always answering the other class has "
                     f"an accuracy of {1 - n_rarest / len(column):.3g}, so look at average precision.")
    return Task(name, kind, y, codes, tuple(str(label) for label in labels), tuple(notes))
