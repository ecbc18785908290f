"""The metrics of rare classes that Keras lacks, as Keras metrics: average precision, and recall at a precision chosen elsewhere."""

import keras
from keras import ops

from ...base.validate import require
from .copying import metrics_of


class _ScoresCounted(keras.metrics.Metric):
    """Counts rows by their score, those of the class separately from the others, in `n_bins` equal parts of [0, 1]."""

    def __init__(self, name, n_bins, **options):
        super().__init__(name=name, **options)
        require(isinstance(n_bins, int) and n_bins >= 2, "n_bins", n_bins, "a whole number from 2 on", "Pass 4096.")
        self.n_bins = n_bins
        self.positives, self.negatives = self._counts("positives"), self._counts("negatives")

    def update_state(self, y_true, y_pred, sample_weight=None):
        true, scores = (ops.cast(ops.reshape(values, (-1,)), "float32") for values in (y_true, y_pred))
        bins = ops.cast(ops.clip(scores * self.n_bins, 0, self.n_bins - 1), "int32")
        weight = ops.ones_like(true) if sample_weight is None else ops.cast(ops.reshape(sample_weight, (-1,)), "float32")
        for variable, each in ((self.positives, weight * true), (self.negatives, weight * (1 - true))):
            variable.assign(variable + ops.segment_sum(each, bins, num_segments=self.n_bins))

    def get_config(self):
        return super().get_config() | {"n_bins": self.n_bins}

    def _counts(self, name):
        # Not of the model's own type: half precision counts to 2,048.
        return self.add_weight(shape=(self.n_bins,), initializer="zeros", dtype="float32", name=name)


@keras.saving.register_keras_serializable("epochal")
class AveragePrecision(_ScoresCounted):
    """Average precision of a binary classifier: the mean of the precision at each positive row, Σ (Rₙ - Rₙ₋₁) Pₙ, no trapezoids.

    A constant answer gets the share of positives. `keras.metrics.AUC(curve="PR")` interpolates between thresholds and is higher
    (Davis and Goadrich 2006, on why a straight line between two points of that curve is too good).

    Args:
        name: what the metric is called. n_bins: scores in the same of so many equal parts of [0, 1] count as tied; it is exact
            where no two rows share one. With twenty positives its standard error is about 0.1, whatever is trained.

    `y_pred` are probabilities of shape [n] or [n, 1]; `y_true` are 0 or 1. The result is 0 where there was no positive row.
    """

    def __init__(self, name="average_precision", n_bins=4096, **options):
        super().__init__(name, n_bins, **options)

    def result(self):
        found, precision = _from_the_top(self.positives, self.negatives)
        return _share(ops.sum(found * precision), ops.sum(found))


@keras.saving.register_keras_serializable("epochal")
class RecallAtPrecision(_ScoresCounted):
    """Recall of a binary classifier at the threshold that reaches a precision: what share of the class is found, if so many of the
    alarms must be right.

    The threshold is the lowest at which the precision is at least the wanted one. In Keras' own `fit` and `evaluate` it is chosen
    on the rows that it is applied to, as by `keras.metrics.RecallAtPrecision`, which flatters: the best of many thresholds. In a
    study it is chosen on other rows: for each half of the validation rows on the other half, for the test rows on all validation
    rows. The precision that the rows themselves then show may fall short of the wanted one, by chance.

    Args:
        precision: the share of alarms that must be right, more than 0 and at most 1.
        name: what the metric is called; `"recall_at_precision_0.9"` for a precision of 0.9.
        n_bins: thresholds, equally spaced; more of them distinguish more scores.

    `y_pred` are probabilities of shape [n] or [n, 1]; `y_true` are 0 or 1. The result is 0 where no threshold reaches the
    precision, so that no row may be called positive, and where there was no positive row. With n positive rows its standard error
    is √(r (1 - r) / n), whatever is trained, and the choice of the threshold adds to it: with fewer than fifty it tells little.

    Raises:
        UsageError: the precision is not a share, or `n_bins` no whole number from 2 on.
    """

    def __init__(self, precision, name=None, n_bins=4096, **options):
        require(isinstance(precision, float | int) and 0 < precision <= 1, "precision", precision, "more than 0 and at most 1",
                "Pass 0.9.")
        super().__init__(name or f"recall_at_precision_{precision:g}", n_bins, **options)
        self.precision = precision
        self.chosen_on_positives = self._counts("chosen_on_positives")
        self.chosen_on_negatives = self._counts("chosen_on_negatives")

    @property
    def elsewhere(self):
        """Pairs of variables: those that hold the rows to choose on, none until they are filled, and those counted here."""
        return (self.chosen_on_positives, self.positives), (self.chosen_on_negatives, self.negatives)

    def result(self):
        others, own = zip(*(map(ops.convert_to_tensor, pair) for pair in self.elsewhere), strict=True)
        chosen = ops.sum(others[0]) + ops.sum(others[1]) > 0
        _, precision = _from_the_top(*(ops.where(chosen, *pair) for pair in zip(others, own, strict=True)))
        last = ops.max(ops.where(precision >= self.precision, ops.arange(1, self.n_bins + 1), 0))
        found = ops.flip(own[0], axis=0)
        return _share(ops.sum(ops.where(ops.arange(1, self.n_bins + 1) <= last, found, 0.0)), ops.sum(found))

    def get_config(self):
        return super().get_config() | {"precision": self.precision}


def rare_class_metric(name):
    """The metric of a rare class by its name, such as `"average_precision"` or `"recall_at_precision_0.9"`; `None` for another."""
    if name == "average_precision":
        return AveragePrecision()
    start, _, precision = name.rpartition("_")
    if start != "recall_at_precision":
        return None
    try:
        wanted = float(precision)
    except ValueError:
        return None
    return RecallAtPrecision(wanted, name=name)


def chosen_elsewhere(model, counted):
    """What the metrics counted on each judged part, with whatever a metric chooses, a threshold say, chosen on other rows.

    Args:
        model: a compiled and built Keras model; what is in its variables matters not.
        counted: for each part, tensors in the order of `model.metrics_variables`. The parts are the two halves of the validation
            rows, and the test rows where there are any: a half chooses on the other half, the test rows on both.
    """
    places = {id(variable): place for place, variable in enumerate(model.metrics_variables)}
    pairs = [(places[id(to)], places[id(source)]) for metric in metrics_of(model)
             for to, source in getattr(metric, "elsewhere", ())]
    filled = [list(variables) for variables in counted]
    for i, variables in enumerate(filled):
        others = [part for j, part in enumerate(counted[:2]) if j != i]
        for to, source in pairs:
            variables[to] = sum((part[source] for part in others[1:]), others[0][source])
    return filled


def _from_the_top(positives, negatives):
    """Positive rows in each bin, and the precision of calling it and all above it positive; the highest bin first."""
    found, missed = (ops.flip(ops.convert_to_tensor(values), axis=0) for values in (positives, negatives))
    true, false = ops.cumsum(found), ops.cumsum(missed)
    return found, _share(true, true + false)


def _share(part, whole):
    """How much of the whole a part is, however small the weights that make it up; 0 of nothing."""
    return ops.where(whole > 0, part / ops.where(whole > 0, whole, 1.0), 0.0)
