"""From the words of a user to the design of a study: every argument checked, every default settled, before anything is trained."""

import re
from numbers import Integral, Real

from ...base.validate import require
from ...records import BUDGETS, Design

_UP = {"acc", "accuracy", "auc", "precision", "recall", "f1", "fbeta", "iou", "r2", "sensitivity", "specificity", "similarity",
       "correlation", "kappa", "ndcg", "mrr", "dice"}  # words in names of which more is better
_DOWN = {"loss", "error", "mae", "mse", "rmse", "mape", "msle", "crossentropy", "logloss", "logcosh", "hinge", "poisson",
         "divergence", "deviation", "brier", "perplexity"}


def designed(task, present, *, batch_sizes, learning_rates="auto", seeds=8, epochs=50, equal=BUDGETS, metric="val_loss",
             mode="auto", margin=None, reference=None, protocol="fair", trial_seeds=3, halving=True, seed=0):
    """The `Design` that these arguments describe; see `epochal.study` for each of them.

    Args:
        task: what is trained: its compiled metrics may be what is judged by.
        present: the user's own setting: a schedule has the shape of a whole run.

    Raises:
        UsageError: an argument is not usable; the message says which, and what to do.
    """
    sizes = _whole_numbers("batch_sizes", batch_sizes)
    require(len(set(sizes)) == len(sizes) >= 2, "batch_sizes", batch_sizes, "at least two different sizes", "Pass [32, 256].")
    whole = [size for size in sizes if size >= task.n_train]
    require(len(whole) < 2, "batch_sizes", batch_sizes,
            f"different trainings: {' and '.join(f'{size:,}' for size in sorted(whole))} are all of the {task.n_train:,} training "
            "rows in one batch", "Leave out all but one of them.")
    for name, value, least in (("seeds", seeds, 2), ("epochs", epochs, 1), ("trial_seeds", trial_seeds, 1), ("seed", seed, 0)):
        whole_number(name, value, least)
    if isinstance(learning_rates, str):
        require(learning_rates == "auto", "learning_rates", learning_rates, '"auto" or a list of rates', "Pass [1e-4, 1e-3, 1e-2].")
        learning_rates = None
    rates = () if learning_rates is None else _rates(learning_rates)
    require(all(0 < rate < float("inf") for rate in rates), "learning_rates", learning_rates, "positive numbers")
    require(len(set(rates)) == len(rates), "learning_rates", learning_rates, "different rates")
    require(isinstance(equal, str | tuple | list), "equal", equal, f"some of {', '.join(BUDGETS)}", 'Pass ("epochs",).')
    budgets = (equal,) if isinstance(equal, str) else tuple(equal)
    require(all(isinstance(budget, str) for budget in budgets), "equal", equal, f"some of {', '.join(BUDGETS)}",
            'Pass ("epochs",).')
    require(budgets and set(budgets) <= set(BUDGETS), "equal", equal, f"some of {', '.join(BUDGETS)}", 'Pass ("epochs",).')
    budgets = tuple(budget for budget in BUDGETS if budget in budgets)
    require(present.schedule == "constant" or budgets == ("epochs",), "equal", equal, '"epochs" alone for a model compiled with '
            f"the schedule {present.schedule}, whose shape is that of a whole run", 'Pass equal="epochs".')
    require(isinstance(halving, bool), "halving", halving, "True or False")
    require(protocol in ("fair", "tutorial"), "protocol", protocol, '"fair" or "tutorial"')
    require(isinstance(metric, str), "metric", metric, '"val_loss" or the name of a compiled metric')
    require(margin is None or isinstance(margin, Real), "margin", margin, "a positive difference in the metric", "Pass 0.01.")
    require(margin is None or 0 < float(margin) < float("inf"), "margin", margin,
            "a positive difference in the metric", "Pass 0.01.")
    base = 32 if 32 in sizes else min(sizes)
    require(reference is None or (not isinstance(reference, bool) and reference in sizes), "reference", reference,
            f"one of the batch sizes, {sorted(sizes)}")
    name = metric.removeprefix("val_")
    known = ("loss", *task.metrics)
    require(name in known, "metric", metric, f"one of {', '.join(f'val_{one}' for one in known)}", "Compile the model with it.")
    require(mode in ("auto", "min", "max"), "mode", mode, '"auto", "min" or "max"')
    require(name != "loss" or mode != "max", "mode", mode, '"min" or "auto" for a loss')
    up = mode == "max" or (mode == "auto" and more_is_better(name))
    return Design(batch_sizes=tuple(sorted(sizes)), reference=base if reference is None else int(reference), learning_rates=rates,
                  epochs=int(epochs), equal=budgets, n_seeds=int(seeds), n_trial_seeds=int(trial_seeds), metric=name,
                  larger_is_better=up, margin=None if margin is None else float(margin), tutorial=protocol == "tutorial",
                  halving=halving, seed=int(seed))


def whole_number(name, value, least):
    """Refuse what is no whole number, or too small."""
    require(isinstance(value, Integral) and not isinstance(value, bool) and value >= least, name, value,
            f"a whole number from {least} on")


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


def _rates(values):
    try:
        rates = tuple(sorted(float(rate) for rate in values))
    except (TypeError, ValueError, OverflowError):
        rates = ()
    require(len(rates) > 0, "learning_rates", values, '"auto" or a list of rates', "Pass [1e-4, 1e-3, 1e-2].")
    return rates


def _whole_numbers(name, values):
    try:
        numbers = tuple(int(value) for value in values)
        fine = all(number == value and number >= 1 for number, value in zip(numbers, values, strict=True))
    except (TypeError, ValueError, OverflowError):
        numbers, fine = (), False
    require(fine, name, values, "a list of whole numbers from 1 on", "Pass [32, 256, 1024].")
    return numbers
