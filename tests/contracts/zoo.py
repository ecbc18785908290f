"""Small models of every kind a user may bring: each trains in milliseconds, and each works or is refused with a sentence."""

import random
from contextlib import contextmanager

import keras
import numpy as np
from keras import layers

from epochal.base.errors import Unsupported, UsageError
from epochal.seam import Data, Part

N = 60  # rows: 24 to train on, two halves of 12, 12 to test on


def dense(optimizer=None):
    model = keras.Sequential([keras.Input((5,)), layers.Dense(8, activation="tanh"), layers.Dense(3)])
    return _classify(model, optimizer), classes()


def batch_norm():
    body = [layers.Dense(6), layers.BatchNormalization(momentum=0.9), layers.Activation("tanh"), layers.Dense(3)]
    return _classify(keras.Sequential([keras.Input((5,)), *body])), classes()


def dropout():
    return _classify(keras.Sequential([keras.Input((5,)), layers.Dense(16, activation="tanh"), layers.Dropout(0.4, seed=7),
                                       layers.Dense(3)])), classes()


def dropout_without_seed():
    return _classify(keras.Sequential([keras.Input((5,)), layers.Dense(16, activation="tanh"), layers.Dropout(0.4),
                                       layers.Dense(3)])), classes()


def two_inputs_two_outputs():
    left, right = keras.Input((3,), name="left"), keras.Input((2,), name="right")
    body = layers.Dense(6, activation="tanh")(layers.Concatenate()([left, right]))
    model = keras.Model({"left": left, "right": right},
                        {"kind": layers.Dense(3, name="kind")(body), "size": layers.Dense(1, name="size")(body)})
    model.compile("adam", {"kind": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "size": "mse"},
                  loss_weights={"kind": 1.0, "size": 0.25}, metrics={"kind": ["accuracy"], "size": ["mae"]})
    x, y = _numbers()
    return model, _cut({"left": x[:, :3], "right": x[:, 3:]}, {"kind": y, "size": x[:, :1] ** 2})


def regularised():
    rule = keras.regularizers.L1L2(1e-3, 1e-2)
    body = [layers.Dense(6, activation="tanh", kernel_regularizer=rule, activity_regularizer="l2"),
            layers.Dense(3, bias_regularizer="l2")]
    return _classify(keras.Sequential([keras.Input((5,)), *body])), classes()


def sample_weights():
    model, _ = dense()
    weigh = np.linspace(0.1, 2, N, dtype="float32")
    x, y = _numbers()
    model.compile("adam", model.loss, metrics=["accuracy"], weighted_metrics=["accuracy"])
    return model, _cut(x, y, weigh)


def mixed_float16():
    with _policy("mixed_float16"):
        return dense()


def mixed_bfloat16():
    with _policy("mixed_bfloat16"):
        return dense()


def embedding_recurrent():
    model = keras.Sequential([keras.Input((4,), dtype="int32"), layers.Embedding(10, 3), layers.LSTM(4), layers.Dense(3)])
    _, y = _numbers()
    return _classify(model), _cut(np.random.default_rng(2).integers(0, 10, (N, 4)).astype("int32"), y)


def small_cnn():
    model = keras.Sequential([keras.Input((6, 6, 1)), layers.Conv2D(3, 3, activation="relu"), layers.MaxPooling2D(2),
                              layers.Flatten(), layers.Dense(3)])
    _, y = _numbers()
    return _classify(model), _cut(np.random.default_rng(1).normal(size=(N, 6, 6, 1)).astype("float32"), y)


def normalised_beforehand():
    """A layer adapted to the data: what it learnt there belongs to the model."""
    data = classes(shift=5.0)
    normal = layers.Normalization()
    normal.adapt(data.train.x)
    return _classify(keras.Sequential([keras.Input((5,)), normal, layers.Dense(8, activation="tanh"), layers.Dense(3)])), data


def frozen():
    model = keras.Sequential([keras.Input((5,)), layers.Dense(8, activation="tanh", name="kept"), layers.BatchNormalization(),
                              layers.Dense(3)])
    model.layers[0].trainable = model.layers[1].trainable = False
    return _classify(model), classes()


def own_loss_and_metric():
    model = keras.Sequential([keras.Input((5,)), layers.Dense(6, activation="tanh"), layers.Dense(1)])
    model.compile("adam", loss=fourth_power, metrics=[Reach()])
    x, _ = _numbers()
    return model, _cut(x, x[:, :1] ** 2)


def one_number_out():
    model = keras.Sequential([keras.Input((5,)), layers.Dense(6, activation="tanh"), layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy", "AUC"])
    x, y = _numbers()
    return model, _cut(x.astype("float64"), (y > 0).astype("int64"))


def subclassed():
    """Only as a function: Keras cannot clone a subclass."""
    model = Subclassed()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model, classes()


def subclassed_without_training():
    """Its `call` takes no `training`, so Keras trains it without dropout; so must we."""
    model = WithoutTraining()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model, classes()


def momentum():
    return dense(keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True))


def adamw_clipped():
    return dense(keras.optimizers.AdamW(1e-3, weight_decay=0.01, global_clipnorm=0.1))


def accumulating():
    return dense(keras.optimizers.Adam(1e-3, gradient_accumulation_steps=2))


def averaging():
    return dense(keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=4))


def scheduled():
    return dense(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, 40)))


def own_train_step():
    model = OwnTrainStep([keras.Input((5,)), layers.Dense(3)])
    return _classify(model), classes()


def own_compute_loss():
    """Keras would clone it as a plain Sequential, and lose the loss."""
    return _classify(OwnLoss([keras.Input((5,)), layers.Dense(3)])), classes()


def uncompiled():
    return keras.Sequential([keras.Input((5,)), layers.Dense(3)]), classes()


def wrong_shapes():
    model, _ = dense()
    x, y = _numbers()
    return model, _cut(x[:, :4], y)


def nothing_to_train():
    model, data = dense()
    model.trainable = False
    return _classify(model), data


WORKS = {kind.__name__: kind for kind in (
    dense, batch_norm, dropout, dropout_without_seed, two_inputs_two_outputs, regularised, sample_weights, mixed_float16,
    mixed_bfloat16, embedding_recurrent, small_cnn, normalised_beforehand, frozen, own_loss_and_metric, one_number_out, subclassed,
    subclassed_without_training, own_compute_loss, momentum, adamw_clipped, accumulating, averaging, scheduled)}
AS_FUNCTION = {"subclassed", "subclassed_without_training"}
REFUSED = {  # kind: (error, what the sentence says and what to do)
    subclassed: (Unsupported, "cannot be copied by Keras .* Pass a function that builds and compiles it"),
    own_train_step: (Unsupported, "has its own `train_step`.* Move the change into `compute_loss`"),
    uncompiled: (UsageError, "must be compiled; got .* Call model.compile"),
    wrong_shapes: (UsageError, "`model` must fit the data; got .* Check the shapes"),
    nothing_to_train: (UsageError, "must be a model with trainable weights; got .* Unfreeze a layer"),
}


def source(name):
    """What a user would pass for this kind, and its data: the model itself, or the function where only that works."""
    kind = WORKS[name]
    random.seed(name)  # Keras draws the seeds of its initializers here
    model, data = kind()
    return (lambda: kind()[0]) if name in AS_FUNCTION else model, data


def classes(shift=0.0):
    x, y = _numbers()
    return _cut(x + np.float32(shift), y)


def fourth_power(y_true, y_pred):
    return keras.ops.mean((keras.ops.cast(y_true, y_pred.dtype) - y_pred) ** 4, axis=-1)


class Reach(keras.metrics.Metric):
    """The largest prediction so far: a metric that is no mean."""

    def __init__(self, name="reach", **options):
        super().__init__(name=name, **options)
        self.largest = self.add_weight(name="largest", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.largest.assign(keras.ops.maximum(self.largest, keras.ops.max(keras.ops.cast(y_pred, self.largest.dtype))))

    def result(self):
        return self.largest + 0


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner, self.drop, self.out = layers.Dense(6, activation="tanh"), layers.Dropout(0.4, seed=7), layers.Dense(3)

    def call(self, x, training=False):
        return self.out(self.drop(self.inner(x), training=training))


class WithoutTraining(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner, self.drop, self.out = layers.Dense(6, activation="tanh"), layers.Dropout(0.4, seed=7), layers.Dense(3)

    def call(self, x):
        return self.out(self.drop(self.inner(x)))


class OwnLoss(keras.Sequential):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, y, y_pred, sample_weight, training) + (0.5 if training else 0.25)


class OwnTrainStep(keras.Sequential):
    def train_step(self, *arguments):
        return super().train_step(*arguments)


def _classify(model, optimizer=None):
    model.compile(optimizer or keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                  metrics=["accuracy"])
    return model


def _numbers():
    rng = np.random.default_rng(0)
    return rng.normal(size=(N, 5)).astype("float32"), rng.integers(0, 3, N)


def _cut(x, y, weight=None):
    whole = Part(x, y, weight)
    parts = [whole.take(np.arange(start, stop)) for start, stop in ((0, 24), (24, 36), (36, 48), (48, 60))]
    leaf = y if isinstance(y, np.ndarray) else None
    kind = "custom" if leaf is None else "regression" if leaf.dtype.kind == "f" else "multiclass"
    return Data("zoo", kind, *parts)


@contextmanager
def _policy(name):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
