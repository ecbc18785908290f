"""How well another kind of model, gradient boosting, predicts the same validation rows: whether more could be had."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

_MOST_ROWS, _MOST_INPUTS = 20_000, 1_000


class Reference(NamedTuple):
    """Losses a validation row, in the order of the rows of both halves: cross entropy or squared error.

    Attributes:
        losses: of gradient boosting. constant: of the best constant answer.
    """

    losses: np.ndarray
    constant: np.ndarray


def reference(train: Any, judged: tuple[Any, ...], kind: str, *, seed: int = 0) -> Reference | None:
    """Fit gradient boosting (scikit-learn's defaults) to the training part, judge it on the others.

    Args:
        train, judged: parts with `x`, `y`, `weight` of arrays. kind: `"binary"`, `"multiclass"` or `"regression"`.

    Returns:
        `None` where inputs are no single table of numbers of at most 1,000 columns, or rows are weighted.
    """
    parts = (train, *judged)
    if any(not isinstance(one, np.ndarray) for part in parts for one in (part.x, part.y)):
        return None
    x, inputs = train.x.reshape(len(train.x), -1), [part.x.reshape(len(part.x), -1) for part in judged]
    if x.shape[1] > _MOST_INPUTS or len(x) < 20 or not np.issubdtype(x.dtype, np.number):
        return None
    y, held = _targets(train.y), np.concatenate([_targets(part.y) for part in judged])
    if y.ndim != 1:
        return None
    rows = np.random.default_rng(seed).permutation(len(x))[:_MOST_ROWS]
    tested = np.concatenate(inputs)
    if kind == "regression":
        model = HistGradientBoostingRegressor(random_state=seed).fit(x[rows], y[rows])
        return Reference((model.predict(tested) - held) ** 2, (y.mean() - held) ** 2)
    classes = np.unique(y)
    if not 2 <= len(classes) <= 100 or not np.isin(held, classes).all():
        return None
    model = HistGradientBoostingClassifier(random_state=seed).fit(x[rows], y[rows])
    place = np.searchsorted(model.classes_, held) if np.isin(held, model.classes_).all() else None
    if place is None:
        return None
    shares = np.array([(y == one).mean() for one in model.classes_])
    given = model.predict_proba(tested)[np.arange(len(held)), place]
    return Reference(-np.log(np.clip(given, 1e-7, 1)), -np.log(shares[place]))


def _targets(y):
    """One value a row: of one-hot rows the class."""
    if y.ndim == 2 and y.shape[1] == 1:
        return y[:, 0]
    one_hot = y.ndim == 2 and ((y == 0) | (y == 1)).all() and (y.sum(1) == 1).all()
    return y.argmax(1) if one_hot else y
