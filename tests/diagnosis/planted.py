"""Trainings that were broken on purpose, each by one fault: real models of Keras, trained by its own `fit`."""

from typing import Any, NamedTuple

import keras
import numpy as np
from sklearn import datasets

from epochal.probes.critical_rate import critical_rate
from epochal.seam.rigs.keras_rig import open_rig
from epochal.services.source import ArraySource

layers = keras.layers


class Broken(NamedTuple):
    """A training with one fault.

    Attributes:
        history: what `fit` returned. model: the trained model. x, y: what it was trained on. arguments: of `fit` beside them.
        baseline: an earlier training, or `None`.
    """

    history: Any
    model: Any
    x: Any
    y: Any
    arguments: dict
    baseline: Any = None


def blobs(n=600, d=10, wrong=0.02, seed=0, classes=2, sep=1.0):
    x, y = datasets.make_classification(n, d, n_informative=6, n_redundant=0, n_classes=classes, flip_y=wrong, class_sep=sep,
                                        random_state=seed)
    return ((x - x.mean(0)) / x.std(0)).astype("float32"), y.astype("int32")


def numbers(n=800, seed=0):
    x, y = datasets.make_friedman1(n, noise=0.5, random_state=seed)
    return ((x - x.mean(0)) / x.std(0)).astype("float32"), ((y - y.mean()) / y.std()).astype("float32")


def network(d, *parts, outputs=1, loss="binary_crossentropy", optimizer="adam", metrics=("accuracy",)):
    keras.utils.set_random_seed(1)
    head = {"binary_crossentropy": "sigmoid", "mse": None}.get(loss, "softmax")
    model = keras.Sequential([keras.Input((d,)), *parts, layers.Dense(outputs, head)])
    model.compile(optimizer, loss, metrics=[] if loss == "mse" else list(metrics))
    return model


def trained(model, x, y, baseline=None, **arguments):
    arguments = {"batch_size": 32, "epochs": 40, "validation_split": 0.25} | arguments
    history = model.fit(x, y, verbose=0, **arguments)
    return Broken(history, model, x, y, arguments, baseline)


def label_noise_and_a_wide_net():
    x, y = blobs(wrong=0.4)  # of which half are turned by chance to what they were: 20 % wrong
    return trained(network(10, layers.Dense(256, "relu"), layers.Dense(256, "relu")), x, y, epochs=60)


def three_times_the_critical_rate():
    x, y = blobs(wrong=0.05)

    def model(rate):
        return network(10, layers.Dense(32, "relu"), layers.Dense(32, "relu"), optimizer=keras.optimizers.Adam(rate))

    rig = open_rig(*ArraySource(model(1e-3), x, y, validation_split=0.25).open(0), 32, None, start="fresh")
    return trained(model(3 * critical_rate(rig, batch=32).value), x, y)


def a_hundredth_of_the_rate():
    x, y = blobs()
    return trained(network(10, layers.Dense(32, "relu"), optimizer=keras.optimizers.Adam(3e-5)), x, y, epochs=30)


def sorted_rows():
    x, y = blobs(classes=4, n=800)
    order = np.argsort(y, kind="stable")
    return trained(network(10, layers.Dense(32, "relu"), outputs=4, loss="sparse_categorical_crossentropy"), x[order], y[order])


def a_reused_model():
    x, y = blobs(wrong=0.1)
    model = network(10, layers.Dense(32, "relu"))
    first = model.fit(x, y, batch_size=32, epochs=15, validation_split=0.25, verbose=0)
    return trained(model, x, y, baseline=first, epochs=15)


def batch_norm_with_80_updates():
    x, y = blobs(n=1600)
    return trained(network(10, layers.Dense(64), layers.BatchNormalization(), layers.ReLU(), layers.Dense(64),
                           layers.BatchNormalization(), layers.ReLU(), optimizer=keras.optimizers.Adam(3e-3)), x, y,
                   batch_size=150, epochs=10)


def class_weights():
    x, y = blobs(n=1200, wrong=0.1)
    return trained(network(10, layers.Dense(16, "relu")), x, y, class_weight={0: 4.0, 1: 4.0}, epochs=20)


def a_leaked_target():
    x, y = blobs(wrong=0.2)
    x = np.concatenate([x, (4 * y - 2)[:, None].astype("float32")], 1)
    return trained(network(11, layers.Dense(32, "relu")), x, y, epochs=30)


def a_diverged_training():
    x, y = numbers()
    return trained(network(10, layers.Dense(32), layers.Dense(32), loss="mse", optimizer=keras.optimizers.SGD(2.0)), x, y,
                   epochs=12)


def stopped_too_early():
    x, y = numbers()
    return trained(network(10, layers.Dense(32, "relu"), loss="mse"), x, y, epochs=15)


def patience_far_too_long():
    x, y = blobs(wrong=0.2)
    stopping = keras.callbacks.EarlyStopping(patience=80, restore_best_weights=True)
    return trained(network(10, layers.Dense(64, "relu"), optimizer=keras.optimizers.Adam(3e-3)), x, y, epochs=300,
                   callbacks=[stopping])


def few_validation_rows():
    x, y = blobs(wrong=0.1)
    return trained(network(10, layers.Dense(32, "relu")), x, y, validation_split=0.025, epochs=25)


def too_few_updates():
    x, y = blobs(n=1600)
    return trained(network(10, layers.Dense(32, "relu")), x, y, batch_size=1200, epochs=20)


def dropout_gap():
    x, y = blobs(wrong=0.05)
    return trained(network(10, layers.Dense(64, "relu"), layers.Dropout(0.6), layers.Dense(64, "relu"), layers.Dropout(0.6)), x, y)


def a_tiny_model():
    x, y = numbers(1500)
    return trained(network(10, layers.Dense(1, "relu"), loss="mse", optimizer=keras.optimizers.Adam(1e-2)), x, y, epochs=60)


def a_rare_class_and_a_large_batch():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 10)).astype("float32")
    y = (x[:, 0] + x[:, 1] + 0.5 * rng.normal(size=3000) > 3.2).astype("int32")
    return trained(network(10, layers.Dense(16, "relu"), metrics=("accuracy", keras.metrics.Recall(name="recall"))), x, y,
                   batch_size=1024, epochs=40)


def dead_units():
    x, y = blobs()
    return trained(network(10, layers.Dense(16, "relu", bias_initializer=keras.initializers.Constant(-100.0))), x, y, epochs=15)


def labels_of_other_rows():
    x, y = blobs()
    lost, shuffled = (np.random.default_rng(seed).permutation(y) for seed in (0, 1))
    first = network(10, layers.Dense(16, "relu")).fit(x, shuffled, batch_size=32, epochs=15, validation_split=0.25, verbose=0)
    return trained(network(10, layers.Dense(16, "relu")), x, lost, baseline=first, epochs=15)


def the_same_rows_in_both_parts():
    x, y = blobs(n=300, wrong=0.2)
    x, y = np.concatenate([x, x[:100]]), np.concatenate([y, y[:100]])
    return trained(network(10, layers.Dense(64, "relu")), x, y, epochs=20)
