"""Columns of new rows become numbers, truth values, dates or words exactly as in training; what is unlike it is refused."""

import numpy as np
import pandas as pd
from pandas.api import types

from ...base.text import Wording
from ...base.validate import require
from .clean import without_missing_cells
from .dates import COMPACT, COMPACT_TIME, ISO, read_as
from .kinds import is_text, labels_of
from .numbers import NONE, Writing, fold, parsed
from .words import as_known

_TRUTHS = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}


def as_in_training(values, column):
    """The values of a column of new rows, as the encoder takes those of the `Column` that was learned.

    Raises:
        UsageError: they are not of its kind; the sentence names the first such cell.
    """
    return _CONVERT[column.kind](without_missing_cells(values, column.blanks), column)


def numbers(values, writing):
    """float64, from numbers, truth values and text that is a number in every row, written as in training."""
    if types.is_datetime64_any_dtype(values.dtype):
        _refuse(values, values.notna(), "numbers")
    found = pd.to_numeric(values.astype(object), errors="coerce").astype("float64")
    if is_text(values):
        found = parsed(values, writing)
        values = values.mask(values.map(fold, na_action="ignore").isin(NONE))
    _refuse(values, values.notna() & ~np.isfinite(found), "finite numbers")
    return found


def _numbers(values, column):
    return numbers(values, Writing(column.decimal, column.measure))


def _truths(values, _):
    """1.0 and 0.0, from truth values, 1 and 0, and their names as text."""
    known = values[values.notna()]
    found = known.astype(str).str.strip().str.lower().map(_TRUTHS).astype("float64").reindex(values.index)
    _refuse(values, values.notna() & found.isna(), "true and false, or 1 and 0")
    return found


def _dates(values, column):
    """datetime64, from dates, and text in the format of training or in ISO 8601: no other is read, since 1/2 may be either."""
    if types.is_datetime64_any_dtype(values.dtype):
        return values
    form = None if column.form == ISO else column.form
    if form in (COMPACT, COMPACT_TIME) and types.is_numeric_dtype(values.dtype):
        values = values.map(lambda number: f"{number:.0f}", na_action="ignore").astype(object)
    shown = "%Y-%m-%d" if form is None else form.replace("|", " or ").replace(ISO, "%Y-%m-%d")
    like = f"dates, as {shown}" + ("" if "%Y-%m-%d" in shown else " or %Y-%m-%d")
    _refuse(values, values.notna() & (not is_text(values)), like)
    if not values.notna().any():
        return pd.Series(pd.NaT, values.index)
    texts = values.mask(values.map(fold, na_action="ignore").isin(NONE)).dropna()
    found = read_as(texts, form or ISO)
    found = found.fillna(read_as(texts, ISO).dt.tz_localize(found.dt.tz) if found.dt.tz is None else read_as(texts, ISO))
    found = found.reindex(values.index)
    _refuse(values, values.index.isin(texts.index) & found.isna(), like)
    return found  # which the encoder turns into the time zone of training, or into none


def _words(values, column):
    """Text, from text, categories, truth values and numbers: 7, and 7.0 too, is "7"."""
    if types.is_datetime64_any_dtype(values.dtype):
        _refuse(values, values.notna(), "text")
    return as_known(labels_of(values), column.values) if column.kind == "category" else labels_of(values)


_CONVERT = {"number": _numbers, "truth": _truths, "date": _dates, "category": _words, "text": _words}


def _refuse(column, bad, must):
    n_bad = int(bad.sum())
    if n_bad:
        where = f" and {n_bad - 1:,} more" if n_bad > 1 else ""
        came = Wording(f"{str(column[bad].iloc[0])[:40]!r} in row {int(np.flatnonzero(bad)[0]) + 1:,}{where}")
        require(False, column.name, came, f"a column of {must}, as in training", "Correct these cells, or leave them empty.")
