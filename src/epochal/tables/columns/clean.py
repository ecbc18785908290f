"""A column as its file has it becomes numbers, dates or words; and the same again for new rows."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from pandas.api import types

from ...base.text import counted, listed
from ..options import NOTHING_SAID, without_said
from .dates import dates_in
from .kinds import is_text
from .numbers import PLAIN, Writing, codes_in, fold, numbers_in
from .words import MISSING_CLASS, one_spelling, without_missing

_TRUTHS = {"true": True, "false": False}
_FEW = 20  # different targets, up to which every word of one may be a class
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
    decimal, sure = options.decimal or decimal, options.decimal is not None
    found = _of_text(without_missing(column), decimal, options.dates, kept, sure) if is_text(column) else Cleaned(column)
    if is_number(column):
        found = replace(found, writing=Writing(decimal))
    if not kept and is_number(found.values) and (dates := dates_in(found.values, options.dates)) is not None:
        return Cleaned(dates.values, form=dates.form, sentences=(*dates.sentences, *found.sentences),
                       missing=(*sorted(said), *found.missing, *dates.odd)[:_MOST_KEPT])
    if not kept and is_number(found.values) and (codes := codes_in(found.values)):
        found = _without_codes(found, codes, column.name)
    return replace(found, missing=(*sorted(said), *found.missing)[:_MOST_KEPT])


def cleaned_target(column, *, decimal=".", options=NOTHING_SAID):
    """The `Cleaned` column to predict: every word in it may be a class, so that only empty cells, `?` and what the user says are
    missing; a number far outside the others is left, since nothing but the user tells."""
    said, kept = options.missing_in(column.name), column.name in options.keep
    column = without_said(column, said)
    found = Cleaned(column)
    if is_text(column):
        column = without_missing(column, MISSING_CLASS)
        numbers = numbers_in(column, decimal=options.decimal or decimal, kept=kept, sure=options.decimal is not None)
        n_different = 0 if numbers is None else numbers.values.nunique()
        if numbers is not None and n_different > 2 and (n_different > _FEW or n_different == column.map(fold).nunique()):
            found = Cleaned(numbers.values, numbers.writing, None, numbers.odd, numbers.sentences)
        else:
            values, sentences = one_spelling(column)
            found = Cleaned(values, sentences=sentences)
    if not kept and is_number(found.values) and (codes := codes_in(found.values)):
        found = _without_codes(found, codes, column.name)
    return replace(found, missing=(*sorted(said), *found.missing)[:_MOST_KEPT])


def is_number(column):
    """Whether a column holds numbers, and no truth values."""
    return types.is_numeric_dtype(column.dtype) and not types.is_bool_dtype(column.dtype)


def without_missing_cells(column, missing):
    """A column of new rows without the cells that stood for "missing" in training, and the usual ones."""
    column = without_said(column, frozenset(missing))
    return without_missing(column) if is_text(column) else column


def _of_text(column, decimal, order, kept, sure):
    if (found := numbers_in(column, decimal=decimal, kept=kept, sure=sure)) is not None:
        return Cleaned(found.values, found.writing, None, found.odd, found.sentences)
    if not kept and (dates := dates_in(column, order)) is not None:
        return Cleaned(dates.values, form=dates.form, missing=dates.odd, sentences=dates.sentences)
    values, sentences = one_spelling(column)
    if (words := {fold(text) for text in column.dropna().unique()[:_FEW]}) and words <= _TRUTHS.keys():
        return Cleaned(column.map(lambda text: _TRUTHS.get(fold(text)), na_action="ignore").astype(object))
    return Cleaned(values, sentences=sentences)


def _without_codes(found, codes, name):
    inside = found.values.isin(codes)
    values, n = found.values.mask(inside), int(inside.sum())
    others, said = values.dropna().to_numpy("float64"), listed(f"{code:.10g}" for code in codes)
    sentence = (f"{said} in {counted(n, 'row')}, unlike the others ({np.min(others):g} to {np.max(others):g}), "
                f"{'is' if len(codes) == 1 else 'are'} taken as missing (--keep {name} leaves it a number)")
    return replace(found, values=values, missing=(*found.missing, *map(repr, codes)), sentences=(*found.sentences, sentence))
