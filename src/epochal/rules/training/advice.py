"""Warnings that help: facts about a training in; a `Finding` out, or `None` where there is nothing to say.

Each names what was found, with figures; why it matters; what to do.
"""

import math

import numpy as np

from ...base.text import counted, listed, number
from ...records.finding import Finding
from .row_order import FALSE_ALARM, Shift, find_order

_RATE_SCALES = frozenset({"sgd"})  # optimizers whose step is proportional to the gradient; the others divide by its size
_CHANGES_LITTLE = 0.1              # a factor that is off from 1 by less is not worth a word
_WARM = 0.01                       # share of the initial value in moving statistics that is as good as none
_FEW_CLASSES = 4                   # up to so many are all named


def sorted_split(train, held_out):
    """Warn where `validation_split`, which takes the last rows before it shuffles, holds out rows unlike those trained on.

    Both are given by their targets, in the order of the data; see `row_order.find_order`.
    """
    found = find_order(train, held_out)
    if found is None:
        return None
    n_train, n_held_out = len(train), len(held_out)
    start = f"`validation_split` holds out the last {n_held_out:,} rows before any shuffling"
    odds = f"in random order this happens less than once in {1 / FALSE_ALARM:,.0f} times"
    cure = "Shuffle x and y together first, or pass `validation_data`."
    if isinstance(found, Shift):
        return _advice("rows held out", f"{start}, and they are unlike those trained on: target {found.label} has "
                       f"{_part(found.n_held_out, n_held_out)} of them and {_part(found.n_train, n_train)} of the {n_train:,} "
                       f"training rows ({odds}). The validation loss is then about other rows than the model learns from.", cure,
                       held_out=found.n_held_out, trained_on=found.n_train)
    return _advice("rows held out", f"{start}, and the rows are not in random order: the {found.n_rows:,} rows with target "
                   f"{found.label} stand in {counted(found.n_blocks, 'block')} instead of about {number(found.n_expected)} "
                   f"({odds}). The rows held out then belong to other groups, or to later times, than those trained on.",
                   f"If the model is not meant for such rows: {cure[0].lower()}{cure[1:]}", blocks=found.n_blocks,
                   expected=found.n_expected)


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
    return _advice("class weights", f"`class_weight` gives the rows a mean weight of {number(factor)}, and Keras divides the loss "
                   f"by the number of rows: with SGD every step is {number(factor)} times as long on average, as if the "
                   "learning rate were multiplied by it.",
                   f"To change only the balance of the classes, divide all weights by {number(factor)}.", mean_weight=factor)


def own_order_lost(source):
    """Warn that what cuts its own batches must give the same ones again, where a training is to go on after a kill."""
    return _advice("order of batches", f"What a {source} shuffles by itself is not kept in the checkpoint: after an interruption "
                   "the training continues with the batches that it gives then.",
                   "Let it give the same batches in every epoch, or pass arrays.")


def last_weights_kept(restore_best_weights, patience, monitor):
    """Warn where `EarlyStopping` ends a run and leaves it with weights that are past the best."""
    if restore_best_weights:
        return None
    past = counted(max(int(patience), 1), "epoch")
    return _advice("early stopping", f"`EarlyStopping(patience={patience})` without `restore_best_weights=True` leaves the model "
                   f"with its last weights: when it stops, {past} after the best `{monitor}`.",
                   "Pass `restore_best_weights=True`.", patience=patience)


def batch_exceeds_data(batch_size, n_rows):
    """Warn where one batch holds more than all rows."""
    if not batch_size > n_rows:
        return None
    most = f"at most {n_rows // 2:,} for several updates an epoch" if n_rows > 1 else "1"
    return _advice("batch size", f"`batch_size={batch_size}` is more than the {counted(n_rows, 'row')} of the data: every epoch is "
                   f"one batch of {n_rows:,} and one update.", f"Pass {most}.", batch_size=batch_size, rows=n_rows)


def trained_before(iterations):
    """Warn where a model goes on from an earlier training, which looks like a fresh one that learns fast.

    `optimizer.iterations` tells when the training starts; 0 proves nothing: `compile` resets it and keeps the weights.
    """
    if not iterations > 0:
        return None
    return _advice("trained before", f"The model has made {counted(int(iterations), 'update')} before, and training continues from "
                   "there, with the weights and the optimizer's state as they are: its curve cannot be compared with that of a new "
                   "model.", "For a comparison, build and compile the model anew.", updates=int(iterations))


def cold_statistics(n_updates, momentum):
    """Warn where the moving statistics of batch-norm still hold much of the mean 0 and variance 1 that they began with.

    After n updates their share is momentum**n. They are used by `predict`, `evaluate` and validation, and not in training,
    so that a validation loss falls behind, and may look like overfitting, without any fault of the weights.

    Args:
        n_updates: from the first one on, those of earlier trainings too.
        momentum: of the layer with the highest.
    """
    share = min(momentum, 1.0) ** n_updates
    if not share > _WARM:
        return None
    enough = math.ceil(math.log(_WARM) / math.log(momentum)) if 0 < momentum < 1 else None
    needed = f"; {counted(enough, 'update')} would leave {_percent(_WARM)}" if enough else ""
    return _advice("batch-norm statistics", f"After {counted(n_updates, 'update')} the moving statistics of batch-norm are still "
                   f"{_percent(share)} what they began with, mean 0 and variance 1 (momentum {momentum:g}{needed}). Training does "
                   "not use them; validation, `evaluate` and `predict` do, and may look far worse than the weights are.",
                   "`epochal.reestimate_batch_norm(model, x)` estimates them anew from the data.", share=share)


def every_batch(names, n_steps):
    """Say that the callbacks of these names look at each of the `n_steps` batches of an epoch (`None` where unknown)."""
    if not names:
        return None
    who = f"{listed(f'`{name}`' for name in names)} look{'s' * (len(names) == 1)}"
    often = "" if n_steps is None else f", {counted(n_steps, 'time')} an epoch"
    return Finding("callbacks at every batch", "note",
                   f"{who} at every batch, so that training returns to Python after every step{often}.",
                   "Do the work in `on_epoch_end` where that is often enough.")


def prior_shift(true, trained):
    """Warn where batches hold the classes in other shares than the data, which the predicted probabilities then follow.

    Args:
        true, trained: the share of each class in the data and in the batches, [n_classes]; a class may be absent, not both.
    """
    true, trained = np.asarray(true, float), np.asarray(trained, float)
    seen = (true > 0) & (trained > 0)
    ratios = trained[seen] / true[seen]
    if not seen.any() or not ratios.max() / ratios.min() > 1 + _CHANGES_LITTLE:
        return None
    codes = np.flatnonzero(seen)
    if len(codes) > _FEW_CLASSES:  # the two that move most
        codes = np.sort(codes[[ratios.argmin(), ratios.argmax()]])
    shares = [f"class {code} is {_percent(trained[code])} of the batches, {_percent(true[code])} of the data" for code in codes]
    return _advice("class shares", f"The batches hold the classes in other shares than the data: {'; '.join(shares)}. Predicted "
                   "probabilities then follow the shares in the batches: they are too high for the classes you oversampled.",
                   "`epochal.corrected(p, trained=…, true=…)` corrects them, with the shares in history.params.",
                   most=float(ratios.max()), least=float(ratios.min()))


def _advice(kind, sentence, cure, **figures):
    return Finding(kind, "advice", sentence, cure, tuple((name, float(value)) for name, value in figures.items()),
                   certainty="counted")


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
