"""How good one training of a study was, in the metric the study declared, up to a horizon."""

import math

import numpy as np

from ...base.validate import require
from ...records import Outcome


def judged(curve, design, names, n_epochs):
    """Quality at the best epoch, the epoch chosen on one half of the validation rows and judged on the other, and averaged.

    As `quality.cross_fitted` (Cawley & Talbot 2010, JMLR 11, on selection bias), for any metric and for the first epochs alone.

    Args:
        curve: a `Curve`; one that is `OK` must be at least `n_epochs` long.
        design: a `Design`, of which the metric and its direction count.
        names: the compiled metrics in the order of `curve.metrics_a`: `task.metrics`.
        n_epochs: the horizon, at least 1.

    Returns:
        The metric; the worst there is, plus or minus infinity, where the run diverged before its horizon. Epochs at which the
        metric is not a number on one of the halves are passed over; where that is all of them, it is the worst as well.
    """
    if not _arrived(curve, n_epochs):
        return worst(design)
    a, b = (_series(curve, design, names, part)[:n_epochs] for part in ("a", "b"))
    known = np.isfinite(a) & np.isfinite(b)
    if not known.any():
        return worst(design)
    a, b = a[known], b[known]
    return float(a[_best(b, design)] + b[_best(a, design)]) / 2


def best_value(curve, design, names, n_epochs):
    """The best value of the whole run on all validation rows: what `min(history["val_loss"])` gives, and too good by its luck.

    For the loss the mean of the halves. Arguments, and what a diverged run gives, as for `judged`.
    """
    if not _arrived(curve, n_epochs):
        return worst(design)
    values = _series(curve, design, names, "all")[:n_epochs]
    return float(values[_best(values, design)]) if np.isfinite(values).any() else worst(design)


def test_value(curve, design, names, n_epochs):
    """The metric on the test rows, at the epoch that all validation rows chose, the earliest of equals; no choice may rest on it.

    Returns:
        The metric, the worst there is where the run diverged before its horizon; `None` where there are no test rows.
    """
    if not curve.test_loss:
        return None
    if not _arrived(curve, n_epochs):
        return worst(design)
    chosen = _best(_series(curve, design, names, "all")[:n_epochs], design)
    value = float(_series(curve, design, names, "test")[chosen])
    return worst(design) if math.isnan(value) else value


def by_epoch(curve, design, names):
    """The metric on all validation rows after each epoch of the run, as floats; for the loss the mean of the halves."""
    return tuple(_series(curve, design, names, "all").tolist())


def worst(design):
    """The quality of a run that diverged: infinity, on the bad side."""
    return -math.inf if design.larger_is_better else math.inf


def cost(quality, design):
    """The quality turned so that less is better."""
    return -quality if design.larger_is_better else quality


def _arrived(curve, n_epochs):
    """Whether the run reached its horizon. One that ended well before it should have been trained for longer."""
    require(n_epochs >= 1, "n_epochs", n_epochs, "at least 1")
    require(curve.n_epochs >= n_epochs or curve.outcome is not Outcome.OK, "n_epochs", n_epochs,
            f"at most the {curve.n_epochs} epochs that the run of {curve.setting} has", "Train it to its horizon first.")
    return curve.n_epochs >= n_epochs


def _series(curve, design, names, part):
    """The design's metric after each epoch, on a part of the validation rows or on the test rows."""
    losses, metrics = {"a": ("half_a", "metrics_a"), "b": ("half_b", "metrics_b"), "all": ("validation_loss", "metrics"),
                       "test": ("test_loss", "test_metrics")}[part]
    if design.metric == "loss":
        return np.asarray(getattr(curve, losses), float)
    require(design.metric in names, "metric", design.metric, f"\"loss\" or a compiled metric, of {', '.join(names) or 'none'}")
    found = getattr(curve, metrics)
    require(len(found) == len(names), f"curve.{metrics}", len(found), f"{len(names)} series, one for every compiled metric")
    return np.asarray(found[tuple(names).index(design.metric)], float)


def _best(values, design):
    """Where the best of these numbers is, the earliest of equals; one that is not finite never is."""
    return int(np.argmin(np.where(np.isfinite(values), cost(values, design), np.inf)))
