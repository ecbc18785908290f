"""How good answers are on rows whose target is known, beside the best constant answer on the same rows."""

import numpy as np
from scipy.stats import binomtest

from ..base.stats import mean_interval
from ..base.text import number

_SMALLEST = 1e-7  # probability below which a logarithm is cut, as Keras cuts it


def score_rows(found, *, where="on the rows with a known target"):
    """What `scores` returns, as rows of strings, the heading first."""
    yield (where, "value", "95 % interval", "constant answer")
    for name, (value, low, high, constant) in found.items():
        span = "not known" if low is None else f"{number(low)} to {number(high)}"
        yield (name.replace("_", " "), number(value), span if name != "rows" else "", "" if constant is None else number(constant))


def scores(values, y, encoding):
    """`{name: (value, low, high, constant)}`: rows, then accuracy and log loss, or mean absolute error and R².

    The intervals are of means over independent rows (Student for means; Wilson 1927 for the accuracy; a jackknife for R²): too
    narrow where rows belong together. `constant` is what the best constant answer gets on these very rows: the most frequent
    class, the shares of the classes, the median. `low` and `high` are `None` where too few rows tell them.

    Args:
        values: what `predictions.answers` returns.
        y: the known answers, as `new_rows.NewRows` has them; rows with an unknown one are left out.
        encoding: the `encoding.Encoding`.
    """
    y = np.asarray(y)
    usable = np.isfinite(y) if encoding.kind == "regression" else y >= 0
    values, y = values[usable], y[usable]
    found = {"rows": (len(y), None, None, None)}
    if not len(y):
        return found
    if encoding.kind == "regression":
        error = np.abs(values - y)
        found["mean_absolute_error"] = (*_interval(error), float(np.abs(y - np.median(y)).mean()))
        total = float(((y - y.mean()) ** 2).sum())
        if len(y) > 2 and total > 0:
            found["r_squared"] = (*_r_squared(values, y), 0.0)
        return found
    right, shares = values.argmax(axis=1) == y, np.bincount(y, minlength=len(encoding.classes)) / len(y)
    span = binomtest(int(right.sum()), len(y)).proportion_ci(method="wilson") if len(y) > 1 else (None, None)
    found["accuracy"] = (float(right.mean()), *span, float(shares.max()))
    losses = -np.log(np.clip(values[np.arange(len(y)), y], _SMALLEST, 1))
    there = shares[shares > 0]
    found["log_loss"] = (*_interval(losses), float(-(there * np.log(there)).sum()))
    return found


def _interval(values):
    mean, low, high = mean_interval(values)
    return (mean, None, None) if len(values) == 1 else (mean, max(0.0, float(low)), float(high))


def _r_squared(values, y):
    """1 - residual / total sum of squares, and an interval from its value with one row left out at a time (Tukey 1958)."""
    n, squared = len(y), (values - y) ** 2
    centred = (y - y.mean()) ** 2
    r = 1 - squared.sum() / centred.sum()
    totals = centred.sum() - n / (n - 1) * centred  # of the others about their own mean
    if (totals <= 1e-9 * centred.sum()).any():  # one row alone makes the difference
        return float(r), None, None
    left_out = 1 - (squared.sum() - squared) / totals
    half = 1.96 * np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum())
    return float(r), float(r - half), float(min(r + half, 1.0))
