"""Turns the columns of a frame into float32 features, with everything that is learned taken from the training rows alone."""

import pandas as pd
import skrub
from pandas.api import types

from ..base.text import Wording, counted, first_few
from ..base.validate import require
from .columns import LARGEST, is_text
from .encoder import learn

# What skrub takes for missing.
_MISSING = frozenset(["", "?", "...", "none", "None", "null", "NULL", "nan", "-nan", "NaN", "-NaN", "NA", "<NA>", "#NA", "n/a",
                      "N/A", "#N/A", "#N/A N/A", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"])


def readable(frame):
    """`frame` with text like "N/A" as missing, and text that is a number in every row as numbers.

    Raises:
        UsageError: for infinite values.
    """
    frame = pd.DataFrame({name: _cleaned(frame[name]) for name in frame.columns}, index=frame.index)
    for name in frame.columns[[_is_number(column) for _, column in frame.items()]]:
        n_bad = int((frame[name].abs() >= LARGEST).sum())
        require(not n_bad, name, counted(n_bad, "infinite value"), "finite",
                "Drop those rows, correct them, or leave the cells empty.")
    return frame


def fit_features(training, *, seed):
    """The `Encoder` from a frame to features, their names, and notes.

    Numbers go in as they are; text and categories become one column per value (an unseen value: all zero), or 30 columns by
    skrub's `StringEncoder` from 40 values on; dates become year, seconds since 1970, and the place in year, month, week and
    day on a circle. Missing values become the median, with a column that says so. Then all columns are centred and
    scaled by their quartiles and clipped softly at 3 (`SquashingScaler`; Holzmüller et al. 2024, arXiv:2407.04491).

    Args:
        training: the training rows as a frame of features, as `readable` returns it.
        seed: for `StringEncoder`, whose decomposition is random.

    Returns:
        The `Encoder`, whose `transform` takes frames with (at least) the columns that are kept, the names of its features, and
        sentences on what was left out and why.
    """
    left_out = {name: why for name in training.columns if (why := _why_not(training[name]))}
    kept = [name for name in training.columns if name not in left_out]
    notes = tuple(f"Left out: {_named([name for name in left_out if left_out[name] == why])}, {why}."
                  for why in dict.fromkeys(left_out.values()))
    require(kept, "features", Wording(f"only {_named(left_out)}" if left_out else "none"), "columns that differ between rows",
            " ".join(notes) or "The table needs a column besides the target.")
    encoder = learn(training[kept], left_out, seed=seed)
    names = encoder.names()
    return encoder, names, (*notes, f"{counted(len(kept), 'column')} became {counted(len(names), 'feature')}, "
                             "scaled by the training rows.")


def _is_number(column):
    return types.is_numeric_dtype(column.dtype) and not types.is_bool_dtype(column.dtype)


def _cleaned(column):
    if not is_text(column):
        return column
    column = column.mask(column.str.strip().isin(_MISSING))
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    return numbers if numbers.notna().sum() == column.notna().sum() else column


def _why_not(column):
    known = column.dropna()
    if known.empty:
        return "without a value in the training rows"
    if column.nunique(dropna=False) == 1:
        return "constant in the training rows"
    if len(known) < len(column) or not known.is_unique:
        return None
    if types.is_integer_dtype(column.dtype) and int(known.max()) - int(known.min()) < 2 * len(known):
        return "no more than row numbers"
    if not is_text(column) or known.str.strip().str.contains(r"\s").any():
        return None
    return None if types.is_datetime64_any_dtype(skrub.to_datetime(known).dtype) else "a different name in every row"


def _named(names):
    return first_few(names, 5, "`{}`".format)
