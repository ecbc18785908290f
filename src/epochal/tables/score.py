"""How good answers are on rows whose target is known, beside the best constant answer on the same rows."""

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score

from ..base.stats import mean_interval
from ..base.text import number
from .target import far_off

_WORDS = {"rare_class_found": "rare class found (recall at 0.5)"}
_FOUND = 0.5  # share of a rare class, below which it is told what to do
_RARE = 0.2  # share of a class, up to which it is judged by itself
_RESAMPLED, _MOST_RESAMPLED = 200, 100_000  # times rows are drawn again for an interval, and of how many at most
_SMALLEST = 1e-7  # probability below which a logarithm is cut, as Keras cuts it


def score_rows(found, *, where="on the rows with a known target"):
    """What `scores` returns, as rows of strings, the heading first."""
    yield (where, "value", "95 % interval", "always the same answer")
    for name, (value, low, high, constant) in found.items():
        span = "not known" if low is None else f"{number(low)} to {number(high)}"
        words = _WORDS.get(name, name.replace("_", " "))
        yield (words, number(value), span if name != "rows" else "", "" if constant is None else number(constant))


def advice_on(found):
    """What to do where a rare class is told apart and yet hardly ever answered; `""` where that is not so."""
    share, precision = found.get("rare_class_found"), found.get("average_precision")
    if share is None or share[0] >= _FOUND or precision[0] < 2 * precision[3]:
        return ""
    return (f"The rarer class is told apart (average precision {number(precision[0])}, by chance {number(precision[3])}), but only "
            f"{100 * share[0]:.3g} % of its rows get a probability above 0.5: use --class-weight balanced or --batches balanced, "
            "or call it by a lower probability.")


def scores(values, y, encoding):
    """`{name: (value, low, high, constant)}`: rows, then accuracy and log loss, or mean absolute error and R². Of two classes of
    which one has at most a fifth of the rows, also its average precision and the share of it that is found. Where a few numbers
    are so far off that they alone decide an error, also what it is without them (`..._without_far_rows`).

    The intervals are of means over independent rows (Student for means; Wilson 1927 for shares; a jackknife for R²; the
    percentile bootstrap over rows for average precision): too
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
        far = far_off(y)
        others = scores(np.delete(values, far), np.delete(y, far), encoding) if len(far) else {}
        return found | {f"{name}_without_far_rows": value for name, value in others.items()}
    right, shares = values.argmax(axis=1) == y, np.bincount(y, minlength=len(encoding.classes)) / len(y)
    span = binomtest(int(right.sum()), len(y)).proportion_ci(method="wilson") if len(y) > 1 else (None, None)
    found["accuracy"] = (float(right.mean()), *span, float(shares.max()))
    losses = -np.log(np.clip(values[np.arange(len(y)), y], _SMALLEST, 1))
    there = shares[shares > 0]
    found["log_loss"] = (*_interval(losses), float(-(there * np.log(there)).sum()))
    return found | (_of_the_rarer(values, y) if len(encoding.classes) == 2 else {})


def _of_the_rarer(values, y):
    """Of two classes of unequal size: average precision of the rarer one (Σ (Rₙ - Rₙ₋₁) Pₙ; a constant answer gets its share), and
    the share of its rows that are found, by the likelier answer."""
    shares = np.bincount(y, minlength=2) / len(y)
    rarer = int(shares.argmin())
    inside = y == rarer
    if not 0 < shares[rarer] <= _RARE:
        return {}
    value = float(average_precision_score(inside, values[:, rarer]))
    drawn = np.random.default_rng(0).integers(len(y), size=(_RESAMPLED, len(y))) if len(y) <= _MOST_RESAMPLED else ()
    again = [average_precision_score(inside[rows], values[rows, rarer]) for rows in drawn if inside[rows].any()]
    span = tuple(map(float, np.quantile(again, [0.025, 0.975]))) if len(again) > _RESAMPLED / 2 else (None, None)
    found = binomtest(int((inside & (values.argmax(axis=1) == rarer)).sum()), int(inside.sum()))
    return {"average_precision": (value, *span, float(shares[rarer])),
            "rare_class_found": (float(found.statistic), *found.proportion_ci(method="wilson"), 0.0)}


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
