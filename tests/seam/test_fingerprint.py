"""The fingerprint of a task changes with everything that changes a training, and the sentence on seeds that start alike."""

import keras
import numpy as np
import pytest

from epochal.seam.rigs.keras_rig import open_rig
from epochal.seam.rows import data_from_arguments

X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")
ACTIVATION = "relu"


def task(source, start="auto"):
    return open_rig(source, data_from_arguments(X, Y, seed=0), start=start).task


def compiled(*layers, loss="mse"):
    model = keras.Sequential([keras.Input((3,)), *layers, keras.layers.Dense(1)])
    model.compile("sgd", loss)
    return model


def adapted(scale):
    layer = keras.layers.Normalization()
    layer.build((None, 3))
    layer.adapt(scale * X)
    return compiled(layer)


def frozen(value):
    layer = keras.layers.Dense(2, trainable=False)
    model = compiled(layer)
    layer.set_weights([np.full((3, 2), value), np.zeros(2)])
    return model


def bent(k):
    return compiled(keras.layers.Dense(2, activation=lambda x: k * keras.ops.tanh(x)))


def judged(k):
    return compiled(loss=lambda y, y_pred: k * keras.ops.mean((y - y_pred) ** 2, axis=-1))


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner, self.outer = keras.layers.Dense(4), keras.layers.Dense(1)

    def call(self, x):
        return self.outer(keras.activations.get(ACTIVATION)(self.inner(x)))


def subclassed():
    model = Net()
    model.compile("sgd", "mse")
    return model


def of_function(make):
    return lambda value: lambda: make(value)


MADE = {"adapted": adapted, "frozen": frozen}  # Keras does not copy a model with a lambda
MADE |= {f"{make.__name__}, by a function": of_function(make) for make in (adapted, frozen, bent, judged)}


@pytest.mark.parametrize("made", MADE)
def test_values_that_a_model_keeps_and_code_of_ones_own_count(made):
    one, again, other = (task(MADE[made](value)) for value in (1.0, 1.0, 3.0))
    assert one.fingerprint == again.fingerprint
    assert one.fingerprint != other.fingerprint
    assert not any("Every seed" in note for note in one.notes)


def test_the_code_of_a_subclass_counts(monkeypatch):
    before = task(subclassed).fingerprint
    assert task(subclassed).fingerprint == before
    monkeypatch.setitem(globals(), "ACTIVATION", "linear")
    assert task(subclassed).fingerprint != before


def test_having_been_trained_counts_where_trainings_start_from_it():
    model = compiled(keras.layers.Dense(2), keras.layers.Dropout(0.5))
    before = task(model)
    model.fit(X, Y, epochs=2, verbose=0)
    assert task(model, start="fresh").fingerprint == before.fingerprint
    assert task(model).difference(before) == "values it starts from"


def seeded_by_the_function():
    keras.utils.set_random_seed(42)
    return compiled(keras.layers.Dense(2))


def seeded_by_an_initializer():
    return compiled(keras.layers.Dense(2, kernel_initializer=keras.initializers.GlorotUniform(seed=7)))


@pytest.mark.parametrize(("source", "n"), [(seeded_by_the_function, 8), (seeded_by_an_initializer, 6)])
def test_seeds_that_start_alike_are_told(source, n):
    note = task(source).notes[-1]
    assert note.startswith(f"Every seed starts from the same values of {n} trainable weights")
