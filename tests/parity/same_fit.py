"""What a training leaves behind, and how far two of them are apart, as shares of the larger numbers."""

import warnings
from dataclasses import dataclass

import keras
import numpy as np

import epochal

SEED = 11
LOGS, WEIGHTS, OPTIMIZER, METRICS, OWN = "losses and metrics", "weights", "optimizer", "metrics' variables", "the model's own state"
KERAS_PARAMS = ("verbose", "epochs", "steps")  # ours hold more


@dataclass(frozen=True, slots=True)
class Ending:
    """A training, after it: numbers alone, so that it outlives the model."""

    history: dict
    epoch: list
    params: dict
    arrays: dict  # quantity: the variables' values in the model's order


def keras_fit(model, **options):
    options.pop("engine", None)
    return model.fit(**options)


def epochal_fit(model, **options):
    """`ep.fit`, with its advice left unsaid: these tests train on purpose with what it advises against."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", epochal.Advice)
        return epochal.fit(model, **options)


def train(fit, make, *, seed=SEED, **options):
    """Make model and data from the seed and train; `make()` gives the model and what to pass to `fit`."""
    keras.utils.set_random_seed(seed)
    model, data = make()
    return ending(model, fit(model, **(data | {"verbose": 0} | options)))


def ending(model, history):
    assert type(history) is keras.callbacks.History
    assert model.history is history
    states = keras.tree.flatten([getattr(layer, "states", None) or [] for layer in model.layers])
    arrays = {WEIGHTS: model.weights, OPTIMIZER: model.optimizer.variables, METRICS: model.metrics_variables,
              OWN: [*states, *getattr(model, "own", list)()]}
    return Ending({name: list(values) for name, values in history.history.items()}, list(history.epoch), dict(history.params),
                  {quantity: [numpy(v) for v in variables] for quantity, variables in arrays.items()})


def differences(ours, theirs, *, least=0.0):
    """`{quantity: largest relative difference}`; an `AssertionError` where the two are not even alike in kind.

    A logged number is held against the largest of its curve, `least` at least, a variable against its own largest number or a
    thousandth of the largest of its kind: what is rounding noise beside everything else may differ.
    """
    assert list(ours.history) == list(theirs.history)
    assert ours.epoch == theirs.epoch
    assert {name: ours.params.get(name) for name in KERAS_PARAMS} == {name: theirs.params.get(name) for name in KERAS_PARAMS}
    found = {LOGS: max((relative(np.asarray(ours.history[name]), np.asarray(values), least)
                        for name, values in theirs.history.items()), default=0.0)}
    for quantity, arrays in theirs.arrays.items():
        assert [(a.shape, a.dtype) for a in ours.arrays[quantity]] == [(a.shape, a.dtype) for a in arrays], quantity
        floor = 1e-3 * max((size(a) for a in arrays if a.dtype.kind == "f"), default=0.0)
        found[quantity] = max((relative(mine, its, floor) for mine, its in zip(ours.arrays[quantity], arrays, strict=True)),
                              default=0.0)
    return found


def relative(ours, theirs, floor):
    """The largest difference as a share of the largest number; infinite where counts, or which numbers are finite, differ."""
    assert ours.shape == theirs.shape
    broken = theirs.dtype.kind == "f"
    finite = np.isfinite(theirs) if broken else np.zeros(theirs.shape, bool)  # whole numbers are equal or not
    if not np.array_equal(ours[~finite], theirs[~finite], equal_nan=broken) or not np.isfinite(ours[finite]).all():
        return np.inf
    gap = np.abs(ours[finite].astype("float64") - theirs[finite].astype("float64")).max(initial=0.0)
    return float(gap / max(size(theirs), floor)) if gap else 0.0


def size(array):
    return float(np.abs(array[np.isfinite(array)]).max(initial=0.0)) if array.dtype.kind == "f" else 0.0


def numpy(tensor):
    array = np.array(keras.ops.convert_to_numpy(tensor))
    return array.astype("float32") if array.dtype.kind == "V" or array.dtype.name == "bfloat16" else array
