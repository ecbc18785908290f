"""One small training, under `model.fit` and under `ep.fit`, with everything it leaves behind held against the other."""

import keras
import numpy as np
from keras import layers
from parity.same_fit import differences, epochal_fit, keras_fit, numpy, relative, train

from epochal.training.fit import fit as the_fit
from epochal.training.fit.arguments import FitRequest

if keras.backend.backend() == "jax":
    from epochal.seam.machine import keep_programs

    keep_programs()  # the same small network is compiled over and over

N, N_VALIDATION, BATCH_SIZE = 53, 21, 8
N_BATCHES, N_VALIDATION_BATCHES = 7, 3
TOLERANCE = 1e-5  # of the largest number compared; declared beforehand, as for plain float32 in the zoo


def fit(*arguments, **options):
    """The training below the faces, with the arguments of `FitRequest`."""
    return the_fit.fit(FitRequest(*arguments, **options))


def network(optimizer=None, **compiled):
    """A model that soon learns its rows by heart, so that its loss on other rows, whose targets are chance, soon rises."""
    model = keras.Sequential([keras.Input((5,)), layers.Dense(16, activation="tanh"), layers.Dense(1)])
    model.compile(optimizer or keras.optimizers.SGD(0.2, momentum=0.5), "mse", metrics=["mae"], **compiled)
    return model, rows()


def rows():
    rng = np.random.default_rng(0)
    x, x_validation = (rng.normal(size=(n, 5)).astype("float32") for n in (N, N_VALIDATION))
    y = np.tanh(x[:, :1] + x[:, 1:2]) + 0.3 * rng.normal(size=(N, 1)).astype("float32")
    return {"x": x, "y": y, "validation_data": (x_validation, np.tanh(x_validation[:, :1]) + 0.1)}


def both(callbacks=lambda: [], make=network, **options):
    """Train twice from the same start, each time with callbacks of its own; they must leave the same behind.

    `callbacks()` makes the callbacks of one run. Returns ours, Keras', our callbacks, and Keras' callbacks.
    """
    endings, used = [], []
    for fit in (epochal_fit, keras_fit):
        used.append(callbacks())
        endings.append(train(fit, make, callbacks=used[-1], **{"batch_size": BATCH_SIZE, "epochs": 3, "shuffle": False} | options))
    assert_same(*endings)
    return *endings, *used


def assert_same(ours, theirs, tolerance=TOLERANCE):
    found = differences(ours, theirs)
    assert all(difference <= tolerance for difference in found.values()), f"{found}; {tolerance} is allowed"


def run_each(wrap, callbacks, **options):
    """Ours and Keras' endings of a training that `wrap(fit)` does, with callbacks of its own each time."""
    options = {"batch_size": BATCH_SIZE, "epochs": 3, "shuffle": False} | options
    return [train(wrap(fit), network, callbacks=callbacks(), **options) for fit in (epochal_fit, keras_fit)]


def assert_same_arrays(mine, its):
    for moment, (ours, theirs) in enumerate(zip(mine, its, strict=True)):
        assert max(relative(a, b, 1e-3) for a, b in zip(ours, theirs, strict=True)) <= TOLERANCE, f"moment {moment}"


class Interrupted(RuntimeError):
    pass


class WeightsAtEnds(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append([numpy(v) for v in self.model.variables + self.model.optimizer.variables])


class Spy(keras.callbacks.Callback):
    """Writes down every call: `(hook, index, names in the logs)`, and the logged numbers beside them."""

    def __init__(self):
        super().__init__()
        self.calls, self.numbers = [], []

    def _note(self, hook, index, logs):
        self.calls.append((hook, index, tuple(logs or ())))
        self.numbers.append([float(value) for value in (logs or {}).values()])


def _hook(name, takes_index):
    if takes_index:
        return lambda self, index, logs=None: self._note(name, index, logs)
    return lambda self, logs=None: self._note(name, None, logs)


WHOLE = [f"on_{phase}_{end}" for phase in ("train", "test", "predict") for end in ("begin", "end")]
EPOCHS = ["on_epoch_begin", "on_epoch_end"]
BATCHES = [f"on_{phase}_batch_{end}" for phase in ("train", "test", "predict") for end in ("begin", "end")]
SpyOnEpochs = type("SpyOnEpochs", (Spy,), {name: _hook(name, name in EPOCHS) for name in WHOLE + EPOCHS})
SpyOnBatches = type("SpyOnBatches", (SpyOnEpochs,), {name: _hook(name, True) for name in BATCHES})
SpyOnTraining = type("SpyOnTraining", (Spy,), {name: _hook(name, True) for name in BATCHES if "train" in name})
