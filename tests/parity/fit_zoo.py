"""Models and data of every kind a user may train, each with the tolerance within which `ep.fit` must equal `model.fit`.

Every kind trains in a moment: 53 rows in batches of 8, so that the last batch is short, and 24 rows to validate on. The tolerances
were declared before anything was measured; `parity.same_fit` says relative to what.
"""

from dataclasses import dataclass

import keras
import numpy as np
from keras import layers
from parity.fit_parts import (
    N_VALIDATION,
    AddsLoss,
    N,
    OwnLogs,
    OwnLoss,
    OwnTrainStep,
    Reach,
    Rebuild,
    Subclassed,
    WithoutTraining,
    classes,
    draw,
    far_off,
    fourth_power,
    numbers,
    policy,
    split,
    three_classes,
    words,
)

BATCH_SIZE, EPOCHS = 8, 3
LIKE_MULTIPLICATION, LIKE_FLOAT32, ROUGH = 1e-6, 1e-5, 1e-4
HALVES = "bfloat16 keeps 8 bits: a sum in another order moves the last of them, and with it the class of a row in doubt"
CASES = {}


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of model: `make()` gives the compiled model and what to pass to `fit`.

    Attributes:
        name: how the tables call it.
        make: takes nothing; the same seed before it gives the same model and data.
        tolerance: the largest relative difference that counts as the same.
        because: why the tolerance is larger than that of plain float32, where it is.
        not_on: `{back end: reason}` where Keras itself cannot train it, or not twice alike.
    """

    name: str
    make: object
    tolerance: float
    because: str
    not_on: dict


def case(tolerance, because="", **not_on):
    def enter(make):
        CASES[make.__name__] = Case(make.__name__, make, tolerance, because, not_on)
        return make
    return enter


# The tutorials' network, and optimizers.

@case(LIKE_FLOAT32)
def tutorial_mlp():
    body = [layers.Dense(64, activation="relu"), layers.Dense(32, activation="relu"), layers.Dense(1, activation="sigmoid")]
    model = keras.Sequential([keras.Input((10,)), *body])
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model, split(x=numbers(10), y=lambda x: (x[:, :3].sum(1) > 0).astype("float32")[:, None])


@case(LIKE_MULTIPLICATION)
def sgd_momentum():
    return dense(keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)), three_classes()


@case(LIKE_FLOAT32)
def sgd_clipped_schedule():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([5, 12], [0.1, 0.05, 0.01])
    return dense(keras.optimizers.SGD(schedule, clipvalue=0.01)), three_classes()


@case(LIKE_FLOAT32)
def rmsprop_clipped():
    return dense(keras.optimizers.RMSprop(1e-3, clipnorm=0.05)), three_classes()


@case(LIKE_FLOAT32)
def adamw_clipped_schedule():
    optimizer = keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(0.02, 15), weight_decay=0.05, global_clipnorm=0.05)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return dense(optimizer), three_classes()


@case(LIKE_FLOAT32)
def moving_average():
    """Keras puts the average in the weights' place when `fit` ends."""
    return dense(keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.9)), three_classes()


@case(LIKE_FLOAT32)
def moving_average_overwriting():
    return dense(keras.optimizers.Adam(1e-2, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=4)), three_classes()


@case(LIKE_FLOAT32)
def accumulating():
    """Three steps an update and seven an epoch: what is left over goes into the next epoch."""
    return dense(keras.optimizers.Adam(1e-2, gradient_accumulation_steps=3)), three_classes()


# Layers.

@case(ROUGH, "convolution and batch-norm sum over rows and places, in an order the compiler chooses")
def cnn_batch_norm():
    body = [layers.Conv2D(4, 3, use_bias=False), layers.BatchNormalization(momentum=0.9), layers.Activation("relu"),
            layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(3)]
    return classify(keras.Sequential([keras.Input((8, 8, 1)), *body])), split(x=numbers(8, 8, 1), y=classes)


@case(LIKE_FLOAT32)
def dropout():
    """With a seed of its own, and without one."""
    body = [layers.GaussianNoise(0.1), layers.Dense(16, activation="tanh"), layers.Dropout(0.4, seed=7),
            layers.Dense(16, activation="tanh"), layers.Dropout(0.2), layers.Dense(3)]
    return classify(keras.Sequential([keras.Input((5,)), *body])), three_classes()


@case(LIKE_FLOAT32)
def embedding_lstm():
    body = [layers.Embedding(10, 4), layers.LSTM(5), layers.Dense(3)]
    return classify(keras.Sequential([keras.Input((6,), dtype="int32"), *body])), split(x=words, y=classes)


@case(LIKE_FLOAT32)
def embedding_gru_masked():
    body = [layers.Embedding(10, 4, mask_zero=True), layers.GRU(3), layers.Dense(3)]
    return classify(keras.Sequential([keras.Input((6,), dtype="int32"), *body])), split(x=words, y=classes)


@case(ROUGH, "the softmax of attention divides by sums over places, in an order the compiler chooses")
def attention():
    x = keras.Input((6, 4))
    seen = layers.MultiHeadAttention(2, 3)(x, x)
    pooled = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x + seen))
    model = classify(keras.Model(x, layers.Dense(3)(pooled)), keras.optimizers.SGD(0.05, momentum=0.9))
    return model, split(x=numbers(6, 4), y=classes)


@case(LIKE_FLOAT32)
def two_inputs_two_outputs():
    left, right = keras.Input((3,), name="left"), keras.Input((2,), name="right")
    body = layers.Dense(6, activation="tanh")(layers.Concatenate()([left, right]))
    model = keras.Model({"left": left, "right": right},
                        {"kind": layers.Dense(3, name="kind")(body), "size": layers.Dense(1, name="size")(body)})
    model.compile("adam", {"kind": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "size": "mse"},
                  loss_weights={"kind": 1.0, "size": 0.25}, metrics={"kind": ["accuracy"], "size": ["mae"]})
    return model, split(x=lambda rng, n: {"left": draw(rng, n, 3), "right": draw(rng, n, 2)},
                        y=lambda x: {"kind": classes(x["left"]), "size": x["right"][:, :1] ** 2})


@case(LIKE_FLOAT32)
def no_targets():
    """A tuple of inputs, and a loss that comes from `add_loss` alone."""
    left, right = keras.Input((3,)), keras.Input((2,))
    body = layers.Dense(3, activation="tanh")(layers.Concatenate()([left, right]))
    model = keras.Model((left, right), Rebuild(3)(body))
    model.compile("adam")
    return model, split(x=lambda rng, n: (draw(rng, n, 3), draw(rng, n, 2)))


@case(LIKE_FLOAT32)
def frozen_layer():
    body = [layers.Dense(8, activation="tanh"), layers.BatchNormalization(), layers.Dense(3)]
    model = keras.Sequential([keras.Input((5,)), *body])
    model.layers[0].trainable = model.layers[1].trainable = False
    return classify(model), three_classes()


@case(LIKE_FLOAT32)
def regularised():
    rule = keras.regularizers.L1L2(1e-3, 1e-2)
    body = [layers.Dense(6, activation="tanh", kernel_regularizer=rule, activity_regularizer="l2"), AddsLoss(),
            layers.Dense(3, bias_regularizer="l2")]
    return classify(keras.Sequential([keras.Input((5,)), *body])), three_classes()


# What a user writes.

@case(LIKE_FLOAT32)
def subclassed():
    """Not built before its first batch."""
    return classify(Subclassed()), three_classes()


@case(LIKE_FLOAT32)
def without_training():
    """Its `call` takes no `training`, so Keras trains it without dropout."""
    return classify(WithoutTraining()), three_classes()


@case(LIKE_FLOAT32)
def own_loss_and_metrics():
    model = keras.Sequential([keras.Input((5,)), layers.Dense(6, activation="tanh"), layers.Dense(1)])
    model.compile("adam", loss=fourth_power, metrics=[far_off, Reach()])
    return model, split(x=numbers(5), y=lambda x: x[:, :1] ** 2)


@case(LIKE_FLOAT32)
def own_train_step():
    """It changes the batch before Keras' own step, and a row's weight."""
    return classify(OwnTrainStep([keras.Input((5,)), layers.Dense(3)])), three_classes()


@case(LIKE_FLOAT32)
def own_logs():
    """Its steps log a number that no metric of the model has, so that `fit` reports what the last batch logged."""
    return classify(OwnLogs([keras.Input((5,)), layers.Dense(3)])), three_classes()


@case(LIKE_FLOAT32)
def own_compute_loss():
    return classify(OwnLoss([keras.Input((5,)), layers.Dense(3)])), three_classes()


# Targets, weights, figures.

@case(ROUGH, "AUC and precision count rows beyond thresholds, and the logits' last bits may carry one across")
def threshold_metrics():
    model = keras.Sequential([keras.Input((5,)), layers.Dense(6, activation="tanh"), layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=[
        keras.metrics.AUC(name="auc"), keras.metrics.Precision(name="precision"), keras.metrics.Recall(name="recall")])
    return model, split(x=numbers(5), y=lambda x: (x[:, :1] > 0).astype("int32"))


@case(LIKE_FLOAT32)
def regression():
    model = keras.Sequential([keras.Input((5,)), layers.Dense(6, activation="tanh"), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "mse",
                  metrics=["mae", keras.metrics.RootMeanSquaredError(name="rmse"), keras.metrics.R2Score(name="r2")])
    return model, split(x=numbers(5), y=lambda x: x[:, :1] * x[:, 1:2])


@case(LIKE_FLOAT32)
def sample_weights():
    model = dense("adam")
    weighed = keras.metrics.SparseCategoricalAccuracy(name="weighed")
    model.compile("adam", model.loss, metrics=["accuracy"], weighted_metrics=[weighed])
    data = three_classes()
    weights = [np.linspace(0.1, 2, n, dtype="float32") for n in (N, N_VALIDATION)]
    return model, data | {"sample_weight": weights[0], "validation_data": (*data["validation_data"], weights[1])}


@case(LIKE_FLOAT32)
def class_weights():
    return dense("adam"), three_classes() | {"class_weight": {0: 1.0, 1: 3.0, 2: 0.5}}


# Half precision.

@case(3e-2, HALVES)
def mixed_bfloat16():
    with policy("mixed_bfloat16"):
        return dense("adam"), three_classes()


@case(1e-2, "float16 keeps 11 bits: a sum in another order moves the last of them")
def mixed_float16():
    """Keras scales the loss; the scale doubles after every three steps, until the gradient overflows and a step is left out."""
    with policy("mixed_float16"):
        model = dense("sgd")
    model.optimizer.dynamic_growth_steps = 3
    return model, three_classes()


def dense(optimizer):
    return classify(keras.Sequential([keras.Input((5,)), layers.Dense(8, activation="tanh"), layers.Dense(3)]), optimizer)


def classify(model, optimizer="adam"):
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model
