"""Small models of every kind that a trainee must train as `fit` does, and those whose batches cannot be split."""

import keras
import numpy as np
from keras import layers

N, N_JUDGED, BATCH_SIZE = 44, 20, 8   # a short last batch of 4 rows, in training and in validation


def dense(optimizer="adam", **compiled):
    body = [layers.Dense(8, activation="tanh"), layers.Dense(3)]
    return _classify(keras.Sequential([keras.Input((5,)), *body]), optimizer, **compiled), _numbers(), _classes()


def cnn_batch_norm():
    body = [layers.Conv2D(3, 3, use_bias=False), layers.BatchNormalization(momentum=0.9), layers.Activation("relu"),
            layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(3)]
    return _classify(keras.Sequential([keras.Input((6, 6, 1)), *body])), _numbers(6, 6, 1), _classes()


def dropout():
    body = [layers.Dense(16, activation="tanh"), layers.Dropout(0.4, seed=7), layers.Dense(3)]
    return _classify(keras.Sequential([keras.Input((5,)), *body])), _numbers(), _classes()


def embedding_lstm():
    body = [layers.Embedding(10, 3), layers.LSTM(4), layers.Dense(3)]
    words = np.random.default_rng(2).integers(0, 10, (N + N_JUDGED, 4)).astype("int32")
    return _classify(keras.Sequential([keras.Input((4,), dtype="int32"), *body])), words, _classes()


def two_inputs_two_outputs():
    left, right = keras.Input((3,), name="left"), keras.Input((2,), name="right")
    body = layers.Dense(6, activation="tanh")(layers.Concatenate()([left, right]))
    model = keras.Model({"left": left, "right": right},
                        {"kind": layers.Dense(3, name="kind")(body), "size": layers.Dense(1, name="size")(body)})
    model.compile("adam", {"kind": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "size": "mse"},
                  loss_weights={"kind": 1.0, "size": 0.25}, metrics={"kind": ["accuracy"], "size": ["mae"]})
    x = _numbers()
    return model, {"left": x[:, :3], "right": x[:, 3:]}, {"kind": _classes(), "size": x[:, :1] ** 2}


def own_train_step():
    """It unpacks two things, and logs a number that is no metric: Keras then reports the last batch's."""
    return _classify(OwnTrainStep([keras.Input((5,)), layers.Dense(3)])), _numbers(), _classes()


def own_logs_under_metrics_names():
    """Keras reports the metrics, whatever the step has said under their names."""
    return _classify(OwnLogs([keras.Input((5,)), layers.Dense(3)])), _numbers(), _classes()


def regularised_clipped_scheduled():
    rule = keras.regularizers.L1L2(1e-3, 1e-2)
    body = [layers.Dense(6, activation="tanh", kernel_regularizer=rule, activity_regularizer="l2"),
            layers.Dense(3, bias_regularizer="l2")]
    optimizer = keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(0.02, 15), weight_decay=0.05, clipnorm=0.1)
    return _classify(keras.Sequential([keras.Input((5,)), *body]), optimizer), _numbers(), _classes()


def accumulating():
    return dense(keras.optimizers.Adam(1e-2, gradient_accumulation_steps=4))


def sample_weights():
    model, x, y = dense(weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="weighed")])
    return model, x, y, np.array([1.0, 3.0, 0.5], "float32")[y]


def auc():
    model = keras.Sequential([keras.Input((5,)), layers.Dense(6, activation="tanh"), layers.Dense(1, activation="sigmoid")])
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "binary_crossentropy",
                  metrics=["accuracy", keras.metrics.AUC(name="auc")])
    return model, _numbers(), (_classes()[:, None] > 0).astype("int32")


def metrics_that_reset_otherwise():
    return dense(weighted_metrics=[RowsSeen("never"), RowsSeen("halved", share=0.5)])


def summed():
    """The regulariser counts once beside a loss that is a sum."""
    model = keras.Sequential([keras.Input((5,)), layers.Dense(1, kernel_regularizer="l2")])
    model.compile(keras.optimizers.SGD(1e-3, momentum=0.9), keras.losses.MeanSquaredError(reduction="sum"), metrics=["mae"])
    x = _numbers()
    return model, x, x[:, :1] ** 2


def divided_by_weights():
    model = keras.Sequential([keras.Input((5,)), layers.Dense(1, kernel_regularizer="l2")])
    model.compile(keras.optimizers.SGD(1e-2, momentum=0.9), keras.losses.MeanSquaredError(reduction="mean_with_sample_weight"))
    x = _numbers()
    return model, x, x[:, :1] ** 2, np.linspace(0, 2, len(x), dtype="float32")


def own_compute_loss():
    return _classify(OwnLoss([keras.Input((5,)), layers.Dense(3)])), _numbers(), _classes()


def mixed_float16():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        return dense("sgd")
    finally:
        keras.config.set_dtype_policy(before)


def reduced_by_nothing():
    return dense(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None))


def root_of_a_mean():
    """Fresh, it predicts the same for every row, and then the root is put together like any mean."""
    def root(y, y_pred):
        return keras.ops.sqrt(keras.ops.mean(keras.losses.sparse_categorical_crossentropy(y, y_pred, from_logits=True)))

    model, x, y = dense(loss=root)
    for v in model.trainable_variables:
        v.assign(np.zeros(v.shape, "float32"))
    return model, x, y


def masked():
    body = [layers.Embedding(10, 3, mask_zero=True), layers.Dense(3)]
    words = np.random.default_rng(2).integers(0, 4, (N + N_JUDGED, 4)).astype("int32")
    return _classify(keras.Sequential([keras.Input((4,), dtype="int32"), *body])), words, words % 3


def adds_a_sum():
    return _classify(keras.Sequential([keras.Input((5,)), AddsSum(), layers.Dense(3)])), _numbers(), _classes()


def own_moving_mean():
    return _classify(keras.Sequential([keras.Input((5,)), MovingMean(), layers.Dense(3)])), _numbers(), _classes()


AS_FIT = {kind.__name__: kind for kind in (
    dense, cnn_batch_norm, dropout, embedding_lstm, two_inputs_two_outputs, own_train_step,
    own_logs_under_metrics_names, regularised_clipped_scheduled, accumulating, sample_weights, auc, metrics_that_reset_otherwise)}
FEW = {"cnn_batch_norm", "dropout", "embedding_lstm", "two_inputs_two_outputs", "own_train_step", "accumulating"}
JUDGED = {"dense", "cnn_batch_norm", "two_inputs_two_outputs", "own_train_step", "counting", "summed"}
SPLIT = {kind.__name__: kind for kind in (
    dense, embedding_lstm, two_inputs_two_outputs, regularised_clipped_scheduled, sample_weights, auc, summed,
    divided_by_weights, own_compute_loss, mixed_float16)}
WHOLE = {  # kind: why its batches cannot be split; the last four only show on rows
    cnn_batch_norm: "normalises over the rows it sees at once", own_train_step: "has its own `train_step`",
    accumulating: "adds up gradients itself", reduced_by_nothing: "reduces the rows of a batch by None",
    root_of_a_mean: "not put together from its rows", adds_a_sum: "not put together from its rows",
    masked: "are masked", own_moving_mean: "Training changes `.*mean` by the rows seen at once"}


class RowsSeen(keras.metrics.Metric):
    """The rows since it was made; a reset leaves a share of them."""

    def __init__(self, name, share=1.0):
        super().__init__(name=name)
        self.n, self.share = self.add_weight(shape=(), initializer="zeros", name="n"), share

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.n.assign_add(keras.ops.cast(keras.ops.shape(y_true)[0], "float32"))

    def result(self):
        return self.n + 0.0

    def reset_state(self):
        self.n.assign(self.n * self.share)


class OwnTrainStep(keras.Sequential):
    """Written for every back end: on JAX a step takes the state before the data."""

    def train_step(self, *arguments):
        *state, (x, y) = arguments
        found = super().train_step(*state, (x * 0.5, y))
        logs = (found[0] if state else found) | {"seen": keras.ops.sum(x)}
        return (logs, *found[1:]) if state else logs


class OwnLogs(keras.Sequential):
    def train_step(self, *arguments):
        found = super().train_step(*arguments)
        logs, *state = found if isinstance(found, tuple) else (found,)
        logs = {name: value - 1.0 for name, value in logs.items()}
        return (logs, *state) if state else logs


class OwnLoss(keras.Sequential):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, y, y_pred, sample_weight, training) + keras.ops.mean(y_pred**2) + (0.5 if training else 0.25)


class AddsSum(layers.Layer):
    def call(self, x):
        self.add_loss(keras.ops.sum(keras.ops.square(x)))
        return x


class MovingMean(layers.Layer):
    def build(self, shape):
        self.mean = self.add_weight(name="mean", shape=shape[1:], initializer="zeros", trainable=False)

    def call(self, x, training=False):
        if training:
            self.mean.assign(0.9 * self.mean + 0.1 * keras.ops.mean(x, axis=0))
        return x - self.mean


def _classify(model, optimizer="adam", *, loss=None, **compiled):
    model.compile(optimizer, loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"], **compiled)
    return model


def _numbers(*shape):
    return np.random.default_rng(0).normal(size=(N + N_JUDGED, *(shape or (5,)))).astype("float32")


def _classes():
    return np.random.default_rng(1).integers(0, 3, N + N_JUDGED).astype("int32")
