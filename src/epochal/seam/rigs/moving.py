"""The moving statistics of batch-norm: where they stand among a model's variables, and how they are read from a state and set."""

from typing import NamedTuple

import keras
import numpy as np

from ..model.copying import to_numpy


class Moving(NamedTuple):
    """What one batch-norm layer keeps for `evaluate` and `predict`.

    Attributes:
        name: of the layer.
        momentum: an update leaves this share of what was kept, and takes the rest from its batch.
        mean, variance: float32[n_channels].
    """

    name: str
    momentum: float
    mean: np.ndarray
    variance: np.ndarray


def read(model, fixed):
    """A `Moving` for each batch-norm layer that trains, from the values of the model's non-trainable variables."""
    return tuple(Moving(layer.name, float(layer.momentum), *(to_numpy(fixed[place]) for place in places))
                 for layer, places in _places(model))


def write(model, fixed, values, put):
    """The values with other moving statistics: `values` are `(mean, variance)` in the order of `read`; `put` makes tensors."""
    fixed = list(fixed)
    for (_, places), pair in zip(_places(model), values, strict=True):
        for place, value in zip(places, pair, strict=True):
            fixed[place] = put(np.asarray(value, to_numpy(fixed[place]).dtype))
    return fixed


def layers_that_move(model):
    """The batch-norm layers whose moving statistics training changes, those inside of layers of the user's own too."""
    norms = (layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable)
    return list({id(layer): layer for layer in norms}.values())


def _places(model):
    """`(layer, (place of its mean, place of its variance))` among the non-trainable variables."""
    found = {id(v): i for i, v in enumerate(model.non_trainable_variables)}
    return [(layer, (found[id(layer.moving_mean)], found[id(layer.moving_variance)])) for layer in layers_that_move(model)]
