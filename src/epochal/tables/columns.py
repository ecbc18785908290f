"""Columns of any file as one of six dtypes (bool, int, float, text, category, date), and columns of new rows as in training."""

import numpy as np
import pandas as pd
from pandas.api import types

from ..base.text import Wording
from ..base.validate import require

LARGEST = 1e38  # a number that a model takes: float32 ends at 3.4e38
_AS_NUMBERS = {"integer", "floating", "mixed-integer-float", "decimal"}
_AS_DATES = {"date", "datetime", "datetime64"}
_AS_THEY_ARE = {"string", "boolean", "empty"}
_TRUTHS = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}


def simplified(column):
    """`column` in one of the six dtypes, what is missing as NaN; raises `UsageError` for lists, bytes and the like."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype) or types.is_datetime64_any_dtype(dtype):
        return column
    if types.is_timedelta64_dtype(dtype):
        return column.dt.total_seconds()
    if types.is_bool_dtype(dtype):
        return column.astype(bool) if column.notna().all() else column.astype(object)
    if types.is_integer_dtype(dtype) and column.notna().all():
        return column.astype(f"{'u' if types.is_unsigned_integer_dtype(dtype) else ''}int64")
    if types.is_integer_dtype(dtype) or types.is_float_dtype(dtype):
        return pd.Series(column.to_numpy(dtype="float64", na_value=float("nan")), column.index)
    return _simplified_object(column)


def is_text(column):
    """Whether `column` holds text, in whichever of pandas' dtypes for it."""
    return types.is_string_dtype(column.dtype) and types.infer_dtype(column, skipna=True) == "string"


def numbers(column, _):
    """float64, from numbers, truth values and text that is a number in every row."""
    if types.is_datetime64_any_dtype(column.dtype):
        _refuse(column, column.notna(), "numbers")
    found = pd.to_numeric(column.astype(object), errors="coerce").astype("float64")
    _refuse(column, column.notna() & ~np.isfinite(found), "finite numbers")
    return found


def truths(column, _):
    """1.0 and 0.0, from truth values, 1 and 0, and their names as text."""
    known = column[column.notna()]
    found = known.astype(str).str.strip().str.lower().map(_TRUTHS).astype("float64").reindex(column.index)
    _refuse(column, column.notna() & found.isna(), "true and false, or 1 and 0")
    return found


def dates(column, form):
    """datetime64, from dates, and text in the format of training or in ISO 8601: no other is read, since 1/2 may be either.

    `form` is the format of training, `None` where dates came as dates.
    """
    if types.is_datetime64_any_dtype(column.dtype):
        return column
    like = f"dates, as {form or '%Y-%m-%d'}" + (" or %Y-%m-%d" if form else "")
    _refuse(column, column.notna() & (not is_text(column)), like)
    in_training, iso = (pd.to_datetime(column.astype(object), format=one, errors="coerce", utc=True)
                        for one in (form or "ISO8601", "ISO8601"))
    found = in_training.fillna(iso)
    _refuse(column, column.notna() & found.isna(), like)
    return found  # in UTC, which the encoder turns into the time zone of training, or into none


def words(column, _):
    """Text, from text, categories, truth values and numbers: 7, and 7.0 too, is "7"."""
    if types.is_datetime64_any_dtype(column.dtype):
        _refuse(column, column.notna(), "text")
    return labels_of(column)


def labels_of(column):
    """Text as class labels and categories are written, NaN where missing."""
    return column.astype(object).map(_label, na_action="ignore").astype(object)


CONVERT = {"number": numbers, "truth": truths, "date": dates, "category": words, "text": words}


def _simplified_object(column):
    holds = types.infer_dtype(column, skipna=True)
    if holds in _AS_NUMBERS:
        return pd.to_numeric(column).astype("float64")
    if holds in _AS_DATES:
        return pd.to_datetime(column, utc=bool(column.dropna().map(lambda moment: getattr(moment, "tzinfo", None)).any()))
    if holds == "time":
        return column.astype(str).where(column.notna())
    require(holds in _AS_THEY_ARE, "columns", column.name, "of numbers, text, booleans or dates",
            f"This one holds {holds} values, such as {str(next(iter(column.dropna()), None))[:40]!r}; drop or flatten it.")
    return column.mask(column == "") if holds == "string" else column


def _label(value):
    whole = isinstance(value, (float, np.floating)) and abs(value) < 2**53 and value == round(value)
    return str(int(value) if whole else value)


def _refuse(column, bad, must):
    n_bad = int(bad.sum())
    if n_bad:
        where = f" and {n_bad - 1:,} more" if n_bad > 1 else ""
        came = Wording(f"{str(column[bad].iloc[0])[:40]!r} in row {int(np.flatnonzero(bad)[0]) + 1:,}{where}")
        require(False, column.name, came, f"a column of {must}, as in training", "Correct these cells, or leave them empty.")
