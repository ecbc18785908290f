"""By what trainings are judged: a metric as a user names it, and whether more or less of it is better."""

import re

from ..base.validate import require

_UP = {"acc", "accuracy", "auc", "precision", "recall", "f1", "fbeta", "iou", "r2", "sensitivity", "specificity", "similarity",
       "correlation", "kappa", "ndcg", "mrr", "dice"}  # words in names of which more is better
_DOWN = {"loss", "error", "mae", "mse", "rmse", "mape", "msle", "crossentropy", "logloss", "logcosh", "hinge", "poisson",
         "divergence", "deviation", "brier", "perplexity"}


def declared_metric(metric, mode, known):
    """The metric's name as it is compiled, and whether more of it is better.

    Args:
        metric: as a user names it, with or without `val_`. mode: `"min"`, `"max"`, or `"auto"`, which goes by the name.
        known: the names there are, `"loss"` among them.

    Raises:
        UsageError: there is no such metric or mode, or the name does not tell.
    """
    require(isinstance(metric, str), "metric", metric, '"val_loss" or the name of a compiled metric')
    name = metric.removeprefix("val_")
    require(name in known, "metric", metric, f"one of {', '.join(f'val_{one}' for one in known)}", "Compile the model with it.")
    require(mode in ("auto", "min", "max"), "mode", mode, '"auto", "min" or "max"')
    require(name != "loss" or mode != "max", "mode", mode, '"min" or "auto" for a loss')
    return name, mode == "max" or (mode == "auto" and more_is_better(name))


def more_is_better(metric):
    """Whether more of a metric is better, by the last word of its name that tells: Keras puts the output's name before it.

    Raises:
        UsageError: the name does not tell.

    >>> more_is_better("val_accuracy"), more_is_better("tower2_mae"), more_is_better("cosine_similarity")
    (True, False, True)
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", metric.replace("io_u", "iou")).lower().split("_")
    telling = [word for word in words if word in _UP | _DOWN]
    require(bool(telling), "mode", "auto", f'"min" or "max" for {metric!r}, whose name does not tell whether more is better',
            'Pass mode="max", say.')
    return telling[-1] in _UP
