"""Looks at a training for what will probably not do what was meant, and warns: once, by Python's own warnings."""

import weakref

import keras
import numpy as np

from ...base.errors import advise
from ...rules.training import advice
from ...seam.rows import classes_of, leaves
from ..feeds.sources import cuts_own_batches
from .arguments import without_scaling
from .batch_norm import training_batch_norms

_WARNED_OF = weakref.WeakSet()  # models of which it was said that they go on from an earlier training


def before(request, *, y, held_out, n_rows, shares):
    """Warn of what can be seen before the first batch; `held_out`: the targets that `validation_split` took."""
    model, classes = request.model, None if y is None else classes_of(y)
    if held_out is not None and len(leaves(y)) == len(leaves(held_out)) == 1:
        advise(advice.sorted_split(leaves(y)[0], leaves(held_out)[0]))
    if request.class_weight and classes is not None and _steps_follow_the_loss(model):
        optimizer = type(without_scaling(model.optimizer)).__name__
        advise(advice.weights_as_rate(request.class_weight, np.bincount(classes).tolist(), optimizer))
    for callback in request.callbacks:
        if type(callback) is keras.callbacks.EarlyStopping:
            advise(advice.last_weights_kept(callback.restore_best_weights, callback.patience, callback.monitor))
    if n_rows is not None and request.batch_size is not None:
        advise(advice.batch_exceeds_data(request.batch_size, n_rows))
    continues = request.initial_epoch > 0 or request.checkpoint is not None
    if not continues and _updates(model) and model not in _WARNED_OF:
        _WARNED_OF.add(model)
        advise(advice.trained_before(_updates(model)))
    if shares:
        advise(advice.prior_shift(np.array(shares["prior"]), np.array(shares["trained_prior"])))
    if request.checkpoint is not None and cuts_own_batches(request.x) and not hasattr(request.x, "__next__"):
        advise(advice.own_order_lost(type(request.x).__name__))  # a generator is refused


def after(model):
    """Warn of what can be seen once the model is trained."""
    momenta = [layer.momentum for layer in training_batch_norms(model)]
    if momenta:
        advise(advice.cold_statistics(_updates(model), max(momenta)))


def _steps_follow_the_loss(model):
    """Whether a loss twice as large makes a gradient step twice as long, clipping and other divisors apart."""
    optimizer = without_scaling(model.optimizer)
    clipped = any(getattr(optimizer, name, None) for name in ("clipnorm", "global_clipnorm", "clipvalue"))
    divided = any(getattr(loss, "reduction", "") == "mean_with_sample_weight" for loss in keras.tree.flatten(model.loss))
    return not (clipped or divided)


def _updates(model):
    return int(keras.ops.convert_to_numpy(without_scaling(model.optimizer).iterations))
