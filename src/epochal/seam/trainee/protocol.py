"""What training asks of the user's own model, Keras' own steps, many at a time; and what is the same on all back ends."""

from contextlib import contextmanager
from typing import Any, Protocol

import keras
import numpy as np

from ...base.validate import require
from ..model.copying import has_own_step
from ..rows import over

_MOST, _LONGEST = 2**19, 256  # row numbers handed to a fused loop in one call, and batches
Batch = tuple[Any, Any, Any]  # x, y, sample weight: arrays in the model's own nesting, or `None`


class Trainee(Protocol):
    """The user's own compiled model, in training. Each step is `model.train_step`, as under `fit`; only the loop is ours.

    `data` is a `Batch` on the device that holds some rows; `rows` int32[n_steps, batch_size] says which of them make each batch.
    So a whole epoch, a block of a file larger than memory, and a single batch are one call.

    A back end may keep weights, optimizer slots and metrics to itself between `load` and `store`: the model's variables are
    valid again after `store`, which may be called at any time and loses nothing. Where the model trains in its own variables
    both do nothing.

    Attributes:
        compiled: what the model was compiled as, set by `open_trainee`.
        backend: Keras' name of the back end that runs the steps. device: `"cpu"`, or another kind.
        modes: what can be tried, of `"fused"` (a loop in one compiled program), `"looped"` (a loop on the device around a compiled
            step), `"unrolled"` (some steps in one program, without a loop) and `"stepwise"` (one program a step). `"stepwise"` is
            always among them. why_not: `{mode: sentence}` for what is not among them.
        convolves_in_loops: whether the model convolves on a processor, and a `"fused"` loop computes that by matrix products, which
            are as fast in a loop as elsewhere.
    """

    compiled: Any
    backend: str
    device: str
    modes: tuple[str, ...]
    convolves_in_loops: bool

    def put(self, batch, *, any_size=False): ...  # Batch of NumPy arrays -> Batch on the device; need not wait for the copy
    def train(self, data, rows, mode): ...      # n_steps updates -> logs of the last: {name: scalar on the device}
    def test(self, data, rows, mode): ...       # the same with `model.test_step`, which changes metrics alone
    def reset_metrics(self): ...                # as `model.reset_metrics()`, wherever the metrics are
    def load(self): ...                         # go on from what the model's variables hold now
    def store(self): ...                        # let the model's variables hold what training has made of them
    def numbers(self, logs): ...                # logs -> {name: float}, waiting for them; nested logs keep their nesting
    def wait(self): ...                         # block until the device is idle


@contextmanager
def kept(model):
    """A context after which the variables of model, optimizer and metrics are what they were."""
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    held = [keras.ops.copy(v) for v in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, held, strict=True):
            variable.assign(value)


def epoch_logs(model, logs):
    """What Keras writes into the history: the metrics, unless the model's own step returned something else by name.

    Keras asks for them after the last batch and its callbacks, and so they are read from the model's variables.
    """
    return logs if are_own(logs, results := model.get_metrics_result()) else results


def logs_of_its_own(model, what):
    """Whether the steps of `"train"` or `"test"` may log something else than Keras' own steps, which log the metrics."""
    return any(has_own_step(model, name) for name in (f"{what}_step", "compute_metrics"))


def are_own(logs, results):
    """Whether a step of the user's own returned something else than the metrics, whose `results` these are."""
    return not isinstance(logs, dict) or set(logs) != set(results)


def numbers(logs):
    """Logs in their own nesting, with a float for every scalar and a NumPy array for anything else."""
    return over(lambda value: plain(keras.ops.convert_to_numpy(value)), logs)


def of_one_shape(rows):
    """The batches of a fused loop as `(rows, how many of them count)`, filled up to one shape, which is compiled once."""
    most = max(1, min(_LONGEST, _MOST // rows.shape[1]))
    for start in range(0, len(rows), most):
        part = rows[start : start + most]
        padded = np.zeros((most, rows.shape[1]), np.int32)
        padded[: len(part)] = part
        yield padded, len(part)


def refuse_mode(trainee, mode):
    """Raise `UsageError` for a mode that the trainee does not offer."""
    require(mode in trainee.modes, "mode", mode, f"one of {', '.join(trainee.modes)}", trainee.why_not.get(mode, ""))


def plain(array):
    """A float for an array that holds one number; else the array."""
    return float(array) if np.ndim(array) == 0 else array
