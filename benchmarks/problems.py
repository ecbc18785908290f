"""The problems that `benchmarks/anytime.py` plans and trains: models and data, from a fraction of a second to many minutes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np

layers = keras.layers
Rows = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Problem:
    """A model with the rows to train on, to validate, and to test: of the last no method sees one.

    Attributes:
        rate: the learning rate that the model is compiled with; Keras' batch size is 32.
        n_seeds: paired final trainings of a setting. most_epochs: of one, unless early stopping ends it.
        scheduled: `(size, rate) -> optimizer` where the rate is the highest of a schedule, which runs over the same examples.
    """

    name: str
    build: Callable[[], keras.Model]
    train: Rows
    validation: Rows
    test: Rows
    rate: float = 0.001
    n_seeds: int = 5
    most_epochs: int = 200
    scheduled: Callable[[int, float], keras.optimizers.Optimizer] | None = None


def _cut(x, y, n_validation, n_test):
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order], y[order]
    return ((x[n_validation + n_test:], y[n_validation + n_test:]), (x[:n_validation], y[:n_validation]),
            (x[n_validation:n_validation + n_test], y[n_validation:n_validation + n_test]))


def _network(shape, outputs, loss, *, widths=(64, 32), optimizer="adam"):
    def build():
        head = {1: "sigmoid" if loss == "binary_crossentropy" else None}.get(outputs, "softmax")
        flat = [layers.Flatten()] if len(shape) > 1 else []
        model = keras.Sequential([keras.Input(shape), *flat, *(layers.Dense(width, "relu") for width in widths),
                                  layers.Dense(outputs, head)])
        model.compile(optimizer() if callable(optimizer) else optimizer, loss)
        return model

    return build


def _of_scikit(load, outputs, loss, **network):
    x, y = load(return_X_y=True)
    x = ((x - x.mean(0)) / (x.std(0) + 1e-9)).astype("float32")
    y = ((y - y.mean()) / y.std()).astype("float32") if loss == "mse" else y.astype("int32")
    return {"build": _network(x.shape[1:], outputs, loss, **network), "cut": _cut(x, y, len(x) // 5, len(x) // 5)}


def _payments(n, n_held):
    """Rows of 34 columns, 6 % positives, as of payments."""
    rng = np.random.default_rng(0)
    x, pull = rng.normal(size=(n + 2 * n_held, 34)).astype("float32"), rng.normal(size=34)
    z = x @ pull * 0.4 + 2 * np.sin(x[:, 0] * x[:, 1]) - 4.5
    y = (rng.random(len(x)) < 1 / (1 + np.exp(-z))).astype("float32")
    return {"build": _network((34,), 1, "binary_crossentropy"), "cut": _cut(x, y, n_held, n_held)}


def _images(mnist, n, build):
    with np.load(mnist) as held:
        x, y = ((np.concatenate([held["x_train"], held["x_test"]]) / 255.0).astype("float32")[..., None],
                np.concatenate([held["y_train"], held["y_test"]]).astype("int32"))
    return {"build": build, "cut": _cut(x[:n + 10_000], y[:n + 10_000], 5000, 5000)}


def _cnn(*, batch_norm=False):
    norm = (layers.BatchNormalization,) if batch_norm else ()
    parts = [layers.Conv2D(32, 3, activation="relu"), *(kind() for kind in norm), layers.MaxPooling2D(),
             layers.Conv2D(64, 3, activation="relu"), *(kind() for kind in norm), layers.MaxPooling2D()]
    model = keras.Sequential([keras.Input((28, 28, 1)), *parts, layers.Flatten(), layers.Dropout(0.5), layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def _grammar(n, body):
    """Texts of 120 words, good if more words are good than bad, a "not" turning the next one."""
    rng = np.random.default_rng(0)
    x = rng.integers(10, 2000, (n, 120)).astype("int32")
    kinds = rng.random((n, 120))
    x = np.where(kinds < 0.06, rng.integers(1, 4, x.shape), x)
    x = np.where((kinds >= 0.06) & (kinds < 0.12), rng.integers(4, 7, x.shape), x)
    x = np.where((kinds >= 0.12) & (kinds < 0.16), 7, x).astype("int32")
    worth = np.where(x <= 3, 1, np.where(x <= 6, -1, 0))
    turned = np.pad(x, ((0, 0), (1, 0)))[:, :-1] == 7
    y = (np.where(turned, -worth, worth).sum(1) + rng.normal(0, 0.5, n) > 0).astype("float32")

    def build():
        inputs = keras.Input((120,), dtype="int32")
        outputs = layers.Dense(1, "sigmoid")(body(layers.Embedding(2000, 32)(inputs)))
        model = keras.Model(inputs, outputs)
        model.compile("adam", "binary_crossentropy")
        return model

    return {"build": build, "cut": _cut(x, y, 1000, 1000)}


def _attention(x):
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 16)(x, x))
    return layers.GlobalAveragePooling1D()(layers.Dense(64, "relu")(x))


def _scikit(name):
    import sklearn.datasets

    return getattr(sklearn.datasets, f"load_{name}")


def _decaying(size=32, rate=0.001):
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, max(1, round(1500 * 32 / size))))


# name: (what it makes, with the path of mnist.npz where it needs it; what else a `Problem` is told)
_MADE = {
    "digits": (lambda _: _of_scikit(_scikit("digits"), 10, "sparse_categorical_crossentropy"), {}),
    "breast_cancer": (lambda _: _of_scikit(_scikit("breast_cancer"), 1, "binary_crossentropy"), {}),
    "diabetes": (lambda _: _of_scikit(_scikit("diabetes"), 1, "mse"), {}),
    "rare": (lambda _: _payments(24_000, 8_000), {}),
    "sgd": (lambda _: _of_scikit(_scikit("digits"), 10, "sparse_categorical_crossentropy", optimizer="sgd"), {"rate": 0.01}),
    "cosine": (lambda _: _of_scikit(_scikit("digits"), 10, "sparse_categorical_crossentropy", optimizer=_decaying),
               {"scheduled": _decaying}),
    "wide": (lambda mnist: _images(mnist, 10_000, _network((28, 28, 1), 10, "sparse_categorical_crossentropy",
                                                           widths=(1024, 1024))), {"n_seeds": 3}),
    "images_10k": (lambda mnist: _images(mnist, 10_000, _cnn), {"n_seeds": 3}),
    "images_norm": (lambda mnist: _images(mnist, 10_000, partial(_cnn, batch_norm=True)), {"n_seeds": 3}),
    "attention": (lambda _: _grammar(10_000, _attention), {"n_seeds": 3}),
    "texts": (lambda _: _grammar(10_000, layers.Bidirectional(layers.LSTM(32))), {"n_seeds": 3}),
    "images_60k": (lambda mnist: _images(mnist, 60_000, _cnn), {"n_seeds": 3}),
    "table": (lambda _: _payments(640_000, 20_000), {"n_seeds": 3}),
}
PROBLEMS = tuple(_MADE)


def problem(name, mnist=None):
    """The `Problem` of that name; some need the path of `mnist.npz`."""
    make, more = _MADE[name]
    made = make(mnist)
    return Problem(name, made["build"], *made["cut"], **more)
