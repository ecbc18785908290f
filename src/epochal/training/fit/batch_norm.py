"""Estimate the moving statistics of batch-norm anew, from the data and the weights as they are."""

import keras
import numpy as np

from ...base.validate import require
from ...seam.model.copying import layers
from ...seam.rows import leaves, over


def reestimate_batch_norm(model, x, *, batch_size=256, n_batches=64, seed=0):
    """Set the moving mean and variance of every batch-norm layer to averages over batches of `x` under the present weights.

    Keras moves them by 1 % an update (momentum 0.99), so that after n updates 0.99**n of what they began with is left in them, and
    they lag behind the weights. Wu & Johnson 2021 (arXiv:2105.07576) call the remedy PreciseBN. Weights, optimizer and dropout
    streams are left alone.

    Args:
        model: a Keras model; changed in place.
        x: the training inputs: arrays, or a dict, list or tuple of them.
        batch_size: rows of a batch, drawn without putting back; at most as many as there are.
        n_batches: at most so many are taken.
        seed: draws the rows.

    Returns:
        How many batches went into the averages. Each counts alike; with few rows a batch the variance is a little low.

    Raises:
        UsageError: the model has no batch-norm layer that trains.
    """
    found = training_batch_norms(model)
    require(found, "model", model.name, "a model with a batch-norm layer that trains", "There is nothing to estimate.")
    x = over(np.asarray, x)
    n_rows = len(leaves(x)[0])
    size = min(batch_size, n_rows)
    order, taken = np.random.default_rng(seed).permutation(n_rows), min(n_batches, n_rows // size)
    dropping = [layer for layer in layers(model) if isinstance(getattr(layer, "rate", None), float)]
    before = [(layer, name, getattr(layer, name)) for name, some in (("momentum", found), ("rate", dropping)) for layer in some]
    try:
        for layer in dropping:
            layer.rate = 0.0
        for i in range(taken):
            for layer in found:
                layer.momentum = i / (i + 1)  # so that the moving average is the mean of all batches so far
            rows = order[i * size : (i + 1) * size]
            with keras.StatelessScope() as scope:  # nothing but these layers changes
                model(over(lambda a, rows=rows: keras.ops.convert_to_tensor(a[rows]), x), training=True)
            for variable in (v for layer in found for v in (layer.moving_mean, layer.moving_variance)):
                variable.assign(scope.get_current_value(variable))
    finally:
        for layer, name, value in before:
            setattr(layer, name, value)
    return taken


def training_batch_norms(model):
    """The batch-norm layers whose moving statistics training changes."""
    return [layer for layer in layers(model) if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable]
