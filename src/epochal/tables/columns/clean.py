"""A column as its file has it becomes numbers, dates or words; and the same again for new rows."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from pandas.api import types

from ...base.text import counted
from ..options import NOTHING_SAID, without_said
from .dates import dates_in
from .kinds import is_text
from .numbers import PLAIN, Writing, far_and_often, numbers_in
from .words import MISSING_CLASS, one_spelling, without_missing

_MOST_KEPT = 100  # words for "missing" that are kept of a column


@dataclass(frozen=True, slots=True, eq=False)
class Cleaned:
    """A column that is ready to be encoded.

    Attributes:
        values: bool, numbers, datetime64, text or categories; NaN where missing.
        writing: how its numbers are written, where they came as text.
        form: the format of its dates, where they came as text or whole numbers.
        missing: cells that stand for "missing" in it, beside the usual ones.
        sentences: what was decided, without the column's name and a full stop.
    """

    values: pd.Series
    writing: Writing = PLAIN
    form: str | None = None
    missing: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()


def cleaned(column, *, decimal=".", options=NOTHING_SAID):
    """The `Cleaned` feature of a column in the dtypes of `kinds.simplified`; `decimal` is the sign of the file's decimals."""
    said, kept = options.missing_in(column.name), column.name in options.keep
    column = without_said(column, said)
    if is_text(column):
        found = _of_text(without_missing(column), decimal, options.dates, kept)
    elif is_whole(column) and (dates := dates_in(column, options.dates)) is not None and not kept:
        found = Cleaned(dates.values, form=dates.form, sentences=dates.sentences)
    else:
        found = Cleaned(column)
    if not kept and is_number(found.values) and (code := far_and_often(found.values)) is not None:
        found = _without_code(found, code, column.name)
    return replace(found, missing=(*sorted(said), *found.missing)[:_MOST_KEPT])


def cleaned_target(column, *, decimal=".", options=NOTHING_SAID):
    """The `Cleaned` column to predict: every word in it may be a class, so that only empty cells, `?` and what the user says are
    missing; a number far outside the others is left, since nothing but the user tells."""
    said, kept = options.missing_in(column.name), column.name in options.keep
    column = without_said(column, said)
    found = Cleaned(column)
    if is_text(column):
        column = without_missing(column, MISSING_CLASS)
        numbers = numbers_in(column, decimal=decimal, kept=kept)
        if numbers is not None and numbers.values.nunique() > 2:
            found = Cleaned(numbers.values, numbers.writing, None, numbers.odd, numbers.sentences)
        else:
            values, sentences = one_spelling(column)
            found = Cleaned(values, sentences=sentences)
    if not kept and is_number(found.values) and (code := far_and_often(found.values)) is not None:
        found = _without_code(found, code, column.name)
    return replace(found, missing=(*sorted(said), *found.missing)[:_MOST_KEPT])


def is_number(column):
    """Whether a column holds numbers, and no truth values."""
    return types.is_numeric_dtype(column.dtype) and not types.is_bool_dtype(column.dtype)


def is_whole(column):
    return types.is_integer_dtype(column.dtype)


def without_missing_cells(column, missing):
    """A column of new rows without the cells that stood for "missing" in training, and the usual ones."""
    column = without_said(column, frozenset(missing))
    return without_missing(column) if is_text(column) else column


def _of_text(column, decimal, order, kept):
    if (found := numbers_in(column, decimal=decimal, kept=kept)) is not None:
        return Cleaned(found.values, found.writing, None, found.odd, found.sentences)
    if not kept and (dates := dates_in(column, order)) is not None:
        return Cleaned(dates.values, form=dates.form, missing=dates.odd, sentences=dates.sentences)
    values, sentences = one_spelling(column)
    return Cleaned(values, sentences=sentences)


def _without_code(found, code, name):
    n, values = int((found.values == code).sum()), found.values.mask(found.values == code)
    others = values.dropna().to_numpy("float64")
    sentence = (f"{code:g} in {counted(n, 'row')}, far from the others ({np.min(others):g} to {np.max(others):g}), is taken as "
                f"missing (--keep {name} leaves it a number)")
    return replace(found, values=values, missing=(*found.missing, f"{code:.0f}"), sentences=(*found.sentences, sentence))

