"""Small models to predict with, and how near predictions must be to those of Keras."""

import keras
import numpy as np
from keras import layers

from epochal.api import predict
from epochal.seam import forward

N = 203
BACKEND = keras.backend.backend()


def rows():
    return np.random.default_rng(0).normal(size=(N, 5)).astype("float32")


def network():
    return keras.Sequential([keras.Input((5,)), layers.Dense(8, "tanh"), layers.Dense(2)])


def two_outputs():
    inputs = keras.Input((5,))
    return keras.Model(inputs, {"a": layers.Dense(2)(inputs), "b": layers.Dense(1)(inputs)})


def same(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    return True


def forward_of(model):
    return forward.forward_of(model, None)


def run_out(monkeypatch, model, limit):
    """Any block of more than `limit` rows is too large for the device."""
    predict(model, np.zeros((1, 5), "float32"), verbose=0)
    known = forward_of(model)
    whole, sizes = known.run, []

    def run(data):
        n = len(keras.tree.flatten(data)[0])
        sizes.append(n)
        if n > limit:
            raise MemoryError
        return whole(data)

    monkeypatch.setattr(known, "run", run)
    return sizes
