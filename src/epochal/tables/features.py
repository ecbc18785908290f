"""Turns the columns of a frame into float32 features, with everything that is learned taken from the training rows alone."""

import pandas as pd

from ..base.text import Wording, counted, first_few
from ..base.validate import require
from .columns.clean import cleaned, is_number
from .columns.kinds import LARGEST
from .columns.sift import sifted
from .encoder import learn
from .options import NOTHING_SAID


def read_columns(frame, *, decimal=".", options=NOTHING_SAID):
    """`{name: Cleaned}` of all columns of a frame of features: text that holds numbers or dates becomes those.

    Raises:
        UsageError: for infinite values.
    """
    found = {name: cleaned(frame[name], decimal=decimal, options=options) for name in frame.columns}
    for name, column in found.items():
        n_bad = int((column.values.abs() >= LARGEST).sum()) if is_number(column.values) else 0
        require(not n_bad, name, counted(n_bad, "infinite value"), "finite",
                "Drop those rows, correct them, or leave the cells empty.")
    return found


def as_frame(columns, index=None):
    """A frame of the values of `Cleaned` columns; `index` is needed where there may be none."""
    return pd.DataFrame({name: column.values for name, column in columns.items()}, index=index)


def fit_features(training, *, seed, columns=(), left_out=None):
    """The `Encoder` from a frame to features, their names, and notes.

    Numbers go in as they are; text and categories become one column per value (an unseen value: all zero), or 30 columns by
    skrub's `StringEncoder` from 40 values on; dates become year, seconds since 1970, and the place in year, month, week and
    day on a circle. Missing values become the median, with a column that says so. Then all columns are centred and
    scaled by their quartiles and clipped softly at 3 (`SquashingScaler`; Holzmüller et al. 2024, arXiv:2407.04491).

    Args:
        training: the training rows as a frame of features, as `read_columns` leaves them.
        seed: for `StringEncoder`, whose decomposition is random.
        columns: `{name: Cleaned}`, as `read_columns` returns it, for new rows to be read alike.
        left_out: `{name: why}` of columns that are no features; `None` to find out.

    Returns:
        The `Encoder`, whose `transform` takes frames with (at least) the columns that are kept, the names of its features, and
        sentences on what was left out and why.
    """
    left_out = sifted(training).left_out if left_out is None else left_out
    kept = [name for name in training.columns if name not in left_out]
    notes = tuple(f"Left out: {_named([name for name in left_out if left_out[name] == why])}, {why}."
                  for why in dict.fromkeys(left_out.values()))
    require(kept, "features", Wording(f"only {_named(left_out)}" if left_out else "none"), "columns that differ between rows",
            " ".join(notes) or "The table needs a column besides the target.")
    encoder = learn(training[kept], left_out, seed=seed, cleaned=columns)
    names = encoder.names()
    return encoder, names, (*notes, f"{counted(len(kept), 'column')} became {counted(len(names), 'feature')}, "
                             "scaled by the training rows (--columns lists them).")


def _named(names):
    return first_few(names, 5, "`{}`".format)
