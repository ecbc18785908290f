"""Moving statistics estimated anew from the data."""

import keras
import numpy as np
import pytest
from keras import layers

from epochal import UsageError, reestimate_batch_norm

X = (3 + 2 * np.random.default_rng(0).normal(size=(512, 4))).astype("float32")


def network():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(3),
                              layers.BatchNormalization()])
    model.compile("sgd", "mse")
    return model


def test_the_statistics_are_those_of_the_data_whatever_they_were():
    model = network()
    assert reestimate_batch_norm(model, X, batch_size=512) == 1
    first, last = model.layers[0], model.layers[-1]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(first.moving_mean), X.mean(0), rtol=1e-4)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(first.moving_variance), X.var(0), rtol=1e-3)
    hidden = ((X - X.mean(0)) / np.sqrt(X.var(0) + 1e-3)) @ model.layers[2].get_weights()[0]  # without dropout
    np.testing.assert_allclose(keras.ops.convert_to_numpy(last.moving_mean), hidden.mean(0), atol=1e-3)


def test_every_batch_counts_alike():
    model = network()
    assert reestimate_batch_norm(model, X, batch_size=64, n_batches=8) == 8
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model.layers[0].moving_mean), X.mean(0), rtol=1e-4)


def test_nothing_else_changes():
    model = network()
    ours = {id(v) for layer in (model.layers[0], model.layers[-1]) for v in (layer.moving_mean, layer.moving_variance)}
    before = {v.path: np.array(v) for v in model.variables if id(v) not in ours}
    momenta, rate = [model.layers[i].momentum for i in (0, -1)], model.layers[1].rate
    reestimate_batch_norm(model, X)
    for variable in model.variables:
        if id(variable) not in ours:
            np.testing.assert_array_equal(np.array(variable), before[variable.path])
    assert [model.layers[i].momentum for i in (0, -1)] == momenta
    assert model.layers[1].rate == rate


def test_a_model_without_batch_norm_is_refused():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    with pytest.raises(UsageError, match="batch-norm"):
        reestimate_batch_norm(model, X)
