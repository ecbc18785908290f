"""A model is opened once, and what was made for it goes when the model goes."""

import gc
import weakref

import keras
import numpy as np
from seam.opening import opened as opened_trainee

X = np.ones((4, 3), np.float32)


def network():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def test_a_model_is_opened_once_until_it_is_compiled_anew():
    model = network()
    first = opened_trainee(model, (X, X[:, :1], None))
    again = opened_trainee(model, (X, X[:, :1], None))
    assert again is first
    model.compile("adam", "mse")
    assert opened_trainee(model, (X, X[:, :1], None)) is not first


def test_a_model_that_nobody_holds_is_forgotten_with_its_trainee():
    model = network()
    seen = weakref.ref(model)
    trainee = opened_trainee(model, (X, X[:, :1], None))
    kept = weakref.ref(trainee)
    del model, trainee
    gc.collect()
    assert kept() is None
    assert seen() is None


def test_a_model_that_was_opened_is_saved_as_before(tmp_path):
    model = network()
    opened_trainee(model, (X, X[:, :1], None))
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras").get_weights()[0], model.get_weights()[0])
