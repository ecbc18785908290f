"""Columns of any file as one of six dtypes: bool, int, float, text, category, date."""

import numpy as np
import pandas as pd
from pandas.api import types

from ...base.validate import require

LARGEST = 1e38  # a number that a model takes: float32 ends at 3.4e38
_AS_NUMBERS = {"integer", "floating", "mixed-integer-float", "decimal"}
_AS_DATES = {"date", "datetime", "datetime64"}
_AS_THEY_ARE = {"string", "boolean", "empty"}


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


def labels_of(column):
    """Text as class labels and categories are written, NaN where missing."""
    return column.astype(object).map(_label, na_action="ignore").astype(object)


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
