"""Batches larger than memory: the exact update of a whole batch from micro-batches, each weighted by its share of the batch.

A back end loops over `split(n, micro_batch_size)`, takes `part` of each micro-batch, differentiates it, adds up the gradients and
applies them once. What is said here is the same for all of them.
"""

import inspect
import math
from typing import Any, NamedTuple

import keras
import numpy as np

from ...base.errors import Unsupported
from ...base.validate import require
from ..model.copying import has_own_step, layers, to_numpy
from ..rows import leaves, over
from .protocol import kept

_MEANS = {"sum_over_batch_size", "mean"}
_AGREE = {"float16": 2e-2, "bfloat16": 2e-2}  # of the loss, by the type it is computed in; else:
_AGREE_ELSE = 1e-4


class Whole(NamedTuple):
    """What a micro-batch must know of the batch it is a part of.

    `weight` is the sum of its sample weights, a scalar on the device, where the loss is divided by it; else `None`.
    """

    n_rows: int
    weight: Any


def split(n_rows, micro_batch_size):
    """Rows of each micro-batch: full ones, and a smaller last one where they do not come out even.

    >>> split(32, 18)
    [18, 14]
    """
    full, rest = divmod(n_rows, micro_batch_size)
    return [micro_batch_size] * full + [rest] * (rest > 0)


def refuse(model, micro_batch_size):
    """Raise unless a compiled model can be trained in micro-batches. What only shows on rows is found by `check`."""
    require(isinstance(micro_batch_size, int) and micro_batch_size >= 1, "micro_batch_size", micro_batch_size,
            "a whole number of rows, at least 1", "Pass the largest batch that fits into memory.")
    for step in ("train_step", "test_step"):
        if has_own_step(model, step):
            raise Unsupported(f"The model `{model.name}` has its own `{step}`, which can only be called with whole batches. "
                              "Leave out micro_batch_size, or move the change into `compute_loss`.")
    rule(model)
    inner = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if inner.gradient_accumulation_steps:
        raise Unsupported(f"The optimizer adds up gradients itself (gradient_accumulation_steps={inner.gradient_accumulation_steps}"
                          "), so micro_batch_size would do it twice. Compile without it: the batch size is the sum already.")
    if any(getattr(v, "overwrite_with_gradient", False) for v in model.trainable_variables):
        raise Unsupported("A layer in 8-bit floating point keeps its scales as gradients, and those cannot be added up. Leave out "
                          "micro_batch_size.")
    for layer in layers(model):
        if getattr(layer, "stateful", False):
            raise Unsupported(f"The layer `{layer.name}` carries a state from batch to batch, row by row, which micro-batches "
                              "would mix up. Leave out micro_batch_size.")
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
            raise Unsupported(f"The layer `{layer.name}` normalises over the rows it sees at once, so that with micro-batches it "
                              "would take its mean and variance from each of them instead of the whole batch: another model. Use "
                              "layer or group normalisation, freeze the layer, or leave out micro_batch_size.")


def rule(model):
    """How the compiled loss joins rows: `"mean"`, `"sum"`, or `"weighted"` (divided by the sum of the sample weights).

    Refuses a loss that joins them otherwise, or differently for several outputs.
    """
    losses = [loss for loss in keras.tree.flatten(getattr(model, "loss", None)) if loss is not None]
    found = {getattr(loss, "reduction", "mean") if isinstance(loss, keras.losses.Loss) else "mean" for loss in losses}
    if found <= _MEANS:
        return "mean"
    if len(losses) == 1 and len(getattr(model, "outputs", None) or [None]) == 1 and found <= {"sum", "mean_with_sample_weight"}:
        return "sum" if found == {"sum"} else "weighted"
    named = " and ".join(sorted(repr(reduction) for reduction in found))
    raise Unsupported(f"The loss of the model `{model.name}` reduces the rows of a batch by {named}, which cannot be put together "
                      "from micro-batches. Compile with reduction=\"sum_over_batch_size\", or leave out micro_batch_size.")


def whole(model, batch):
    """The `Whole` of a batch, before it is split."""
    x, _, weight = batch
    weights = leaves(weight) if rule(model) == "weighted" else []
    return Whole(keras.ops.shape(leaves(x)[0])[0], keras.ops.sum(keras.ops.cast(weights[0], "float32")) if weights else None)


def part(model, batch, of, *, training):
    """Predictions for a micro-batch, and its part of the loss of the batch: the parts add up to what Keras computes for the whole.

    Weight regularisers are the same in each micro-batch, and their shares add up to one: they count once.
    """
    y_pred = model(batch[0], **({"training": training} if takes_training(model.call) else {}))
    return y_pred, part_of_loss(model, batch, y_pred, of, training=training)


def part_of_loss(model, batch, y_pred, of, *, training):
    """The second half of `part`, from the predictions on."""
    x, y, weight = batch
    loss = model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight,
                              **({"training": training} if takes_training(model.compute_loss) else {}))
    share, how = _share(_rows(x), of.n_rows, loss.dtype), rule(model)
    if how == "mean" or (how == "weighted" and of.weight is None):
        return loss * share
    rest = sum((keras.ops.sum(keras.ops.cast(extra, loss.dtype)) for extra in model.losses), keras.ops.zeros((), loss.dtype))
    if how == "weighted":
        mine = keras.ops.sum(keras.ops.cast(leaves(weight)[0], "float32"))
        return (loss - rest) * keras.ops.cast(keras.ops.divide_no_nan(mine, of.weight), loss.dtype) + rest * share
    return (loss - rest) + rest * share


def record(model, batch, y_pred, loss, of):
    """Enter a micro-batch into the model's metrics; its logs. After the last one, the mean loss is that of whole batches."""
    x, y, weight = batch
    tracker = model.metrics[0] if model.metrics else None  # Keras promises the loss first, unless the user overrides `metrics`
    if isinstance(tracker, keras.metrics.Mean) and tracker.name == "loss":
        n_rows = _rows(x)
        tracker.update_state(loss / _share(n_rows, of.n_rows, loss.dtype), sample_weight=n_rows)
    return model.compute_metrics(x=x, y=y, y_pred=y_pred, sample_weight=weight)


def check(model, batch):
    """Raise `Unsupported` unless the loss of a batch is the sum of the parts of it, and training leaves no other traces.

    For what a model's own functions may do and its configuration does not tell: a loss over pairs of rows, the root of a mean, a
    mask, `add_loss` of a sum, moving statistics in a layer of one's own. The batch has two rows or more, on the device; the model's
    variables are as they were afterwards.
    """
    n = len(leaves(batch[0])[0])
    cut = n - max(1, n // 3)
    pieces = [slice(0, cut), slice(cut, n)]
    with kept(model):
        of = whole(model, batch)
        for stir in (False, True):
            expected, *parts = (_loss(model, batch, of, rows, stir) for rows in (slice(0, n), *pieces))
            tolerance = _AGREE.get(keras.backend.standardize_dtype(model.compute_dtype), _AGREE_ELSE)
            if not abs(expected - sum(parts)) <= tolerance * max(abs(expected), 1e-3):
                raise Unsupported(f"The loss of the model `{model.name}` on a batch is not put together from its rows "
                                  f"({expected:.6g} on {n} rows, {sum(parts):.6g} from two parts of them), so micro-batches would "
                                  "train another loss. Let the loss return one number for each row, or leave out micro_batch_size.")
        moved = _moved(model, over(lambda a: a[pieces[0]], batch), of)
    if moved:
        raise Unsupported(f"Training changes `{moved[0]}` by the rows seen at once, so micro-batches would change it otherwise "
                          "than the whole batch. Leave out micro_batch_size.")


class Check:
    """`check`, due once: with the first batch that will be split, which none is where `micro_batch_size` is `None`."""

    def __init__(self, model, micro_batch_size):
        self._model, self._unchecked = model, micro_batch_size or math.inf

    def is_due(self, rows):
        return rows.shape[1] > self._unchecked

    def __call__(self, data, rows):
        first = rows[0][: max(2, self._unchecked)]
        check(self._model, over(lambda a: keras.ops.take(a, first, axis=0), data))
        self._unchecked = math.inf


def takes_training(function):
    """Whether Keras tells this function that it trains."""
    return "training" in inspect.signature(function).parameters


def _loss(model, batch, of, rows, stir):
    """The part of the loss that some rows make; stirred, each with a prediction far from the others', as a fresh model has none."""
    batch = over(lambda a: a[rows], batch)
    y_pred = model(batch[0], **({"training": False} if takes_training(model.call) else {}))
    if any(getattr(p, "_keras_mask", None) is not None for p in leaves(y_pred)):  # there is no public way to ask for it
        raise Unsupported(f"The predictions of the model `{model.name}` are masked, and their loss is a mean over places that are "
                          "not, of which each micro-batch has another number. Leave out micro_batch_size.")
    if stir:
        y_pred = over(lambda p: p + keras.ops.cast(_waves(rows, p.shape[1:]), p.dtype), y_pred)
    return float(keras.ops.convert_to_numpy(part_of_loss(model, batch, y_pred, of, training=False)))


def _waves(rows, shape):
    """float32[n_rows, *shape]: numbers up to 4, no two rows alike, and the first rows smaller."""
    places, at = np.arange(np.prod(shape, dtype=int)) * 2.1, np.arange(rows.start, rows.stop)[:, None]
    return (np.minimum(at + 1, 4) * np.abs(np.sin(1 + 0.7 * at + places))).reshape(-1, *shape).astype("float32")


def _moved(model, batch, of):
    fixed = [v for v in model.non_trainable_variables if "seed" not in v.name]
    before = [to_numpy(v) for v in fixed]
    part(model, batch, of, training=True)
    return [v.path for v, old in zip(fixed, before, strict=True) if (to_numpy(v) != old).any()]


def _rows(x):
    return keras.ops.shape(leaves(x)[0])[0]


def _share(n_rows, of_rows, dtype):
    """A float where both are known, else a scalar tensor."""
    if isinstance(n_rows, int) and isinstance(of_rows, int):
        return n_rows / of_rows
    return keras.ops.cast(n_rows, dtype) / keras.ops.cast(of_rows, dtype)
