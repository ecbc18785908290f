"""Warnings that help: facts about a training in; one sentence out, or `None` where there is nothing to say.

Each names what was found, with figures; why it matters; what to do. A `cure` is what to do in the caller's own words, a
sentence; it stands at the end.
"""

import math

import numpy as np

from ...base.text import counted, number, quantity
from .row_order import FALSE_ALARM, Shift, find_order

_RATE_SCALES = frozenset({"sgd"})  # optimizers whose step is proportional to the gradient; the others divide by its size
_CHANGES_LITTLE = 0.1              # a factor that is off from 1 by less is not worth a word
_WARM = 0.01                       # share of the initial value in moving statistics that is as good as none
_FEW_CLASSES = 4                   # up to so many are all named


def sorted_split(train, held_out, *, column="target", false_alarm=FALSE_ALARM):
    """Warn where `validation_split`, which takes the last rows before it shuffles, holds out rows unlike those trained on.

    Args:
        train, held_out: the target, or the group, of each row, in the order of the data; see `row_order.find_order`.
        column: what the values are called.
        false_alarm: the chance of a warning where the rows are in random order, at most.
    """
    found = find_order(train, held_out, false_alarm=false_alarm)
    if found is None:
        return None
    n_train, n_held_out = len(train), len(held_out)
    start = f"`validation_split` holds out the last {n_held_out:,} rows before any shuffling"
    odds = f"fewer than 1 random order in {1 / false_alarm:,.0f}"
    cure = "Shuffle x and y together first, or pass `validation_data`."
    if isinstance(found, Shift):
        return (f"{start}, and they are unlike those trained on: {column} {found.label} has {_part(found.n_held_out, n_held_out)} "
                f"of them and {_part(found.n_train, n_train)} of the {n_train:,} training rows, as {odds} would have it. "
                f"The validation loss is then about other rows than the model learns from. {cure}")
    return (f"{start}, and the rows are not in random order: the {found.n_rows:,} rows with {column} {found.label} stand in "
            f"{counted(found.n_blocks, 'block')} instead of about {number(found.n_expected)}, as {odds} would have it. Rows "
            "held out are then other groups or later times than those trained on, which is right only if such rows are what "
            f"the model is for. Otherwise: {cure[0].lower()}{cure[1:]}")


def weights_as_rate(class_weight, counts, optimizer):
    """Warn where `class_weight` multiplies the learning rate.

    Keras divides the weighted loss by the number of rows and not by the sum of their weights, so that the mean weight of the rows
    multiplies loss, gradient and, under SGD with or without momentum, the step. Not to be asked about a loss with
    `reduction="mean_with_sample_weight"`, nor about clipped gradients.

    Args:
        class_weight: {class: weight}, as Keras takes it; a class that is not in it weighs 1.
        counts: rows of class 0, 1, ...
        optimizer: the name of its class, in any case; of a `LossScaleOptimizer` that of the one inside.
    """
    if optimizer.lower() not in _RATE_SCALES:
        return None
    factor = sum(n * class_weight.get(code, 1.0) for code, n in enumerate(counts)) / sum(counts)
    if not (0 < factor < math.inf and abs(factor - 1) > _CHANGES_LITTLE):
        return None
    return (f"`class_weight` gives the rows a mean weight of {number(factor)}, and Keras divides the loss by the number of rows: "
            f"under SGD every step is {number(factor)} times as long on average, as if the learning rate were "
            f"multiplied by it. To change the balance of the classes alone, divide all weights by {number(factor)}.")


def own_order_lost(source):
    """Warn that what cuts its own batches must give the same ones again, where a training is to go on after a kill."""
    return (f"What a {source} shuffles by itself is not kept in the checkpoint: after a kill the training goes on with the batches "
            "that it gives then. Let it give the same in every epoch, or pass arrays.")


def last_weights_kept(restore_best_weights, patience, *, monitor="val_loss"):
    """Warn where `EarlyStopping` ends a run and leaves it with weights that are past the best."""
    if restore_best_weights:
        return None
    past = counted(max(int(patience), 1), "epoch")
    return (f"`EarlyStopping(patience={patience})` without `restore_best_weights=True` leaves the model with its last weights: "
            f"when it stops, {past} after the best `{monitor}`. Pass `restore_best_weights=True`.")


def batch_exceeds_data(batch_size, n_rows):
    """Warn where one batch holds more than all rows."""
    if not batch_size > n_rows:
        return None
    cure = f"at most {n_rows // 2:,} for several updates an epoch" if n_rows > 1 else "1"
    return (f"`batch_size={batch_size}` is more than the {counted(n_rows, 'row')} of the data: every epoch is one batch of "
            f"{n_rows:,} and one update. Pass {cure}.")


def trained_before(iterations):
    """Warn where a model goes on from an earlier training, which looks like a fresh one that learns fast.

    Args:
        iterations: `optimizer.iterations` when the training starts. 0 proves nothing: `compile` resets it and keeps the weights.
    """
    if not iterations > 0:
        return None
    return (f"The model has made {counted(int(iterations), 'update')} before, and training goes on from there, with the weights "
            "and the optimizer's state as they are: its curve does not compare with that of a fresh model. For a comparison "
            "build and compile the model anew.")


def cold_statistics(n_updates, momentum, *, cure):
    """Warn where the moving statistics of batch-norm still hold much of the mean 0 and variance 1 that they began with.

    After n updates their share is momentum**n. They are used by `predict`, `evaluate` and validation, and not in training,
    so that a validation loss falls behind, and may look like overfitting, without any fault of the weights.

    Args:
        n_updates: from the first one on, those of earlier trainings too.
        momentum: of the layer with the highest.
        cure: how to estimate the statistics anew.
    """
    share = min(momentum, 1.0) ** n_updates
    if not share > _WARM:
        return None
    enough = math.ceil(math.log(_WARM) / math.log(momentum)) if 0 < momentum < 1 else None
    needed = f"; {counted(enough, 'update')} would leave {_percent(_WARM)}" if enough else ""
    return (f"After {counted(n_updates, 'update')} the moving statistics of batch-norm are still {_percent(share)} what they began "
            f"with, mean 0 and variance 1 (momentum {momentum:g}{needed}). Training does not use them; validation, `evaluate` "
            f"and `predict` do, and may come out far worse than the weights are. {cure}")


def every_batch(names, n_steps, *, with_them=None, without=None):
    """Say what it costs that callbacks look at every batch.

    Args:
        names: of the callbacks that do.
        n_steps: of an epoch.
        with_them, without: seconds of an epoch, each measured once; `None` where they were not.
    """
    if not names:
        return None
    look, them = ("look", "them") if len(names) > 1 else ("looks", "it")
    price = ""
    if with_them is not None and without is not None:
        price = f" An epoch takes {quantity('s', with_them)} with {them} and {quantity('s', without)} without (one measurement)."
    return (f"{_listed([f'`{name}`' for name in names])} {look} at every batch, so that training comes back to Python after every "
            f"step, {counted(n_steps, 'time')} an epoch.{price} Do the work in `on_epoch_end` where that is often enough.")


def prior_shift(true, trained, *, names=None, cure):
    """Warn where batches hold the classes in other shares than the data, so that the probabilities are those of another world.

    Args:
        true, trained: the share of each class in the data and in the batches, [n_classes]; a class may be absent, not both.
        names: of the classes; else their numbers.
        cure: how to correct the probabilities.
    """
    true, trained = np.asarray(true, float), np.asarray(trained, float)
    seen = (true > 0) & (trained > 0)
    ratios = trained[seen] / true[seen]
    if not seen.any() or not ratios.max() / ratios.min() > 1 + _CHANGES_LITTLE:
        return None
    codes = np.flatnonzero(seen)
    if len(codes) > _FEW_CLASSES:  # the two that move most
        codes = np.sort(codes[[ratios.argmin(), ratios.argmax()]])
    shares = [f"class {code if names is None else names[code]} is {_percent(trained[code])} of the batches, "
              f"{_percent(true[code])} of the data" for code in codes]
    return (f"The batches hold the classes in other shares than the data: {'; '.join(shares)}. Predicted probabilities are then "
            f"those of a world with the shares of the batches: too high for the classes made more common. {cure}")


def _percent(share):
    """A share to three digits, but never `100 %` of what is not all, nor `0 %` of what is not none."""
    digits = f"{100 * share:.3g}"
    if digits == "100" and share < 1:
        digits = "over 99.9"
    elif 0 < share < 1e-5:
        digits = "under 0.001"
    return f"{digits} %"


def _part(n, n_all):
    return f"{n:,} ({_percent(n / n_all)})" if n else "none"


def _listed(words):
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
