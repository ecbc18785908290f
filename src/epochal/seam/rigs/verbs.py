"""What a back end brings to the bench, as functions, and what all back ends share: judging, and copies on the device."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np

from ...records import Machine
from ..model.metrics import chosen_elsewhere
from ..rows import leaves, over

EVALUATION_BLOCK = 2048  # rows judged at once, so that judging needs no more memory than training


class State(NamedTuple):
    """All that training changes, as tensors of the back end. On JAX a pytree, so that lanes of it can be stacked."""

    weights: list
    fixed: list   # what the optimizer does not touch: batch-norm moments, dropout streams
    slots: list   # optimizer variables; the learning rate is one of them


class Pure(NamedTuple):
    """Functions that a larger compiled program may contain, and the data they are passed.

    Attributes:
        data: the training part and the judged parts, on the device.
        step: `(data, state, rows, learning_rate) -> (state, loss)`.
        evaluate: `(data, state) -> float32[n_parts, 1 + n_metrics]`.
    """

    data: Any
    step: Callable
    evaluate: Callable


@dataclass(frozen=True, slots=True)
class Verbs:
    """What one back end can do with a twin; every tensor is its own. `None` where it cannot."""

    machine: Machine
    put: Callable         # (NumPy array) -> tensor, a copy
    step: Callable        # (state, rows, learning_rate) -> (state, loss)
    evaluate: Callable    # (state) -> float32[n_parts, 1 + n_metrics]
    judge: Callable       # (state, half, rows) -> float
    loss: Callable        # (state, rows) -> float
    gradient: Callable    # (state, rows) -> list of arrays, like the weights
    wait: Callable
    out_of_memory: Callable   # (exception) -> whether it says that memory ran out
    peak_bytes: Callable = lambda state, batch_size: None
    pure: Pure | None = None
    refused: Callable = lambda error: False  # (exception) -> whether it says that the model cannot be compiled in that way
    aside: Callable = nullcontext   # () -> a context whose draws from a random stream of the whole process are taken back


def groups(model):
    """The variables of a compiled model in the order of a `State`."""
    return model.trainable_variables, model.non_trainable_variables, model.optimizer.variables


def on_device(array):
    """A copy of the data as a tensor, its floating numbers in Keras' own float type, as `fit` passes them."""
    floating = np.issubdtype(array.dtype, np.floating)
    return keras.ops.convert_to_tensor(np.array(array), dtype=keras.config.floatx() if floating else None)


def judged_in_blocks(part, metrics, judge):
    """The mean loss of a part `(x, y, weight)`, and the values of the metrics' variables after all its rows.

    `metrics` are their values before; `judge` is `(metrics, x, y, weight) -> (loss, metrics)` of a block.
    """
    n, total = len(leaves(part[0])[0]), np.float32(0)
    for start in range(0, n, EVALUATION_BLOCK):
        rows = slice(start, min(start + EVALUATION_BLOCK, n))
        loss, metrics = judge(metrics, *(over(lambda a, rows=rows: a[rows], tree) for tree in part))
        total += np.float32(rows.stop - rows.start) * np.float32(float(loss))
    return total / np.float32(n), metrics


def evaluation(twin, judged):
    """float32[n_parts, 1 + n_metrics]: loss and metrics of each part, as Keras' `evaluate` would print them.

    `judged` gives for each part its loss, and the values of the metrics' variables after all its rows.
    """
    losses, counted = zip(*judged, strict=True)
    found = []
    for loss, values in zip(losses, chosen_elsewhere(twin.model, counted), strict=True):
        for variable, value in zip(twin.model.metrics_variables, values, strict=True):
            variable.assign(value)
        results = twin.model.get_metrics_result()
        found.append([float(loss), *(float(results[name]) for name in twin.metric_names)])
    return np.array(found, np.float32)
