"""What the zoo of `ep.fit` is made of: rows to learn from, and the losses, metrics, layers and models that a user writes."""

from contextlib import contextmanager

import keras
import numpy as np
from keras import layers

N, N_VALIDATION = 53, 24  # a short last batch to train on; one to validate on: see tests/training


def three_classes():
    return split(x=numbers(5), y=classes)


def split(*, x, y=None):
    """What to pass to `fit`: `x(rng, n)` draws rows, `y(x)` their targets."""
    rng = np.random.default_rng(0)
    x, x_validation = x(rng, N), x(rng, N_VALIDATION)
    if y is None:
        return {"x": x, "validation_data": (x_validation,)}
    return {"x": x, "y": y(x), "validation_data": (x_validation, y(x_validation))}


def numbers(*shape):
    return lambda rng, n: draw(rng, n, *shape)


def draw(rng, n, *shape):
    return rng.normal(size=(n, *shape)).astype("float32")


def words(rng, n):
    return rng.integers(0, 10, (n, 6)).astype("int32")


def classes(x):
    """Three classes that can be learnt, but for one row in four or so."""
    rows = x.reshape(len(x), -1).astype("float64")
    return ((rows @ np.cos(np.arange(rows.shape[1])) + np.sin(7 * rows[:, 0])) // 1.5 % 3).astype("int32")


@contextmanager
def policy(name):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def fourth_power(y_true, y_pred):
    return keras.ops.mean((keras.ops.cast(y_true, y_pred.dtype) - y_pred) ** 4, axis=-1)


def far_off(y_true, y_pred):
    """The share of rows that are more than 1 away: a metric that is a plain function."""
    return keras.ops.mean(keras.ops.cast(keras.ops.abs(y_true - y_pred) > 1, "float32"), axis=-1)


class Reach(keras.metrics.Metric):
    """The largest prediction so far: a metric that is no mean."""

    def __init__(self, name="reach", **options):
        super().__init__(name=name, **options)
        self.largest = self.add_weight(name="largest", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.largest.assign(keras.ops.maximum(self.largest, keras.ops.max(keras.ops.cast(y_pred, self.largest.dtype))))

    def result(self):
        return self.largest + 0


class AddsLoss(layers.Layer):
    def call(self, x):
        self.add_loss(1e-2 * keras.ops.mean(keras.ops.square(x)))
        return x


class Rebuild(layers.Layer):
    """Predicts `n` numbers and adds, as a loss, how large they are and how far from one."""

    def __init__(self, n):
        super().__init__()
        self.inner = layers.Dense(n)

    def call(self, x):
        y = self.inner(x)
        self.add_loss(keras.ops.mean((y - 1) ** 2))
        return y


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner, self.drop, self.out = layers.Dense(6, activation="tanh"), layers.Dropout(0.4, seed=7), layers.Dense(3)

    def call(self, x, training=False):
        return self.out(self.drop(self.inner(x), training=training))


class WithoutTraining(Subclassed):
    def call(self, x):
        return self.out(self.drop(self.inner(x)))


class OwnTrainStep(keras.Sequential):
    """Written for every back end: on JAX a step takes the state before the data."""

    def train_step(self, *arguments):
        *state, (x, y) = arguments
        return super().train_step(*state, (2 * x, y, keras.ops.abs(x[:, 0])))


class OwnLogs(keras.Sequential):
    def train_step(self, *arguments):
        return self._logging(super().train_step(*arguments), arguments[-1])

    def test_step(self, *arguments):
        return self._logging(super().test_step(*arguments), arguments[-1])

    @staticmethod
    def _logging(stepped, data):
        logs, *state = stepped if isinstance(stepped, tuple) else (stepped,)
        logs = logs | {"middle": keras.ops.mean(data[0])}
        return (logs, *state) if state else logs


class OwnLoss(keras.Sequential):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, y, y_pred, sample_weight, training) + (0.5 if training else 0.25)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, y, -y_pred, sample_weight)
