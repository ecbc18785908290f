"""What a back end brings to the bench, as functions, and the copies of the data on the device."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np

from ...records import Machine
from ..rows import over

TWICE = "{title} cannot differentiate a layer of this model twice: {error} Run with another Keras back end."


class State(NamedTuple):
    """All that training changes, as tensors of the back end. On JAX a pytree, so that lanes of it can be stacked."""

    weights: list
    fixed: list   # what the optimizer does not touch: batch-norm moments, dropout streams
    slots: list   # optimizer variables; the learning rate is one of them


class Pure(NamedTuple):
    """Functions that a larger compiled program may contain, and the data they are passed.

    Attributes:
        data: the training part (of all folds) and the judged parts, on the device.
        step: `(data, state, rows, learning_rate) -> (state, loss)`.
        judged: `(data, state, held_out) -> (float32[n_parts, 1 + n_metrics], float32[2, n_blocks])`; held out are the rows of both
            halves, of all that are trained on in any fold, or `None` for the halves themselves.
        convolves_in_loops: whether the model convolves on a processor, which `step` and `judged` do by matrix products: as fast in
            a loop as elsewhere, and mostly faster than a single step of the rig.
        options: for the compiler of such a program; `None` for its own.
    """

    data: Any
    step: Callable
    judged: Callable
    convolves_in_loops: bool = False
    options: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Verbs:
    """What one back end can do with a twin; every tensor is its own. `None` where it cannot."""

    machine: Machine
    put: Callable         # (NumPy array) -> tensor, a copy
    step: Callable        # (state, rows, learning_rate) -> (state, loss)
    judged: Callable      # (state, fold=0) -> (float32[n_parts, 1 + n_metrics], float32[2, n_blocks])
    judge: Callable       # (state, half, blocks of rows) -> `Judged`
    results: Callable     # (values of the metrics' variables) -> metrics
    loss: Callable        # (state, rows) -> float
    gradient: Callable    # (state, rows) -> list of arrays, like the weights
    predict: Callable     # (state, rows) -> list of tensors, one an output: one batch of training rows, in inference mode
    slope: Callable       # (state, rows) -> list of arrays, like the weights: of what `loss` tells
    curvature: Callable   # (state, rows, list of arrays v) -> list of arrays: H v of what `loss` tells; or raises `Unsupported`
    wait: Callable
    out_of_memory: Callable   # (exception) -> whether it says that memory ran out
    peak_bytes: Callable = lambda state, batch_size, whole: None  # whole: with a frozen base in the step
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


class Device(NamedTuple):
    """The data of a rig as tensors: each part is `[x, y, weight]`.

    Attributes:
        train: the training rows, or those of all folds, which begin with them.
        judged: half a, half b, and the test rows, if any.
        weight: the weights of the rows of all folds in judging, or `None`.
    """

    train: Any
    judged: Any
    weight: Any


def on_bench(data, put):
    """The `Data` as a `Device`, of which `put` makes tensors."""
    def part(rows):
        return [over(put, tree) for tree in (rows.x, rows.y, rows.weight)]

    folds = data.folds
    return Device(part(data.train if folds is None else folds.rows), [part(rows) for rows in data.parts],
                  None if folds is None else over(put, folds.weight))


def held_out(data, fold):
    """The rows of both halves of a fold; `None` for the first, whose halves are parts of their own."""
    return None if fold == 0 else (data.folds.all[fold].half_a, data.folds.all[fold].half_b)


def parts_of(device, rows, take):
    """The judged parts, the halves as the given rows; `take(part, rows)`."""
    if rows is None:
        return device.judged
    judging = [*device.train[:2], device.weight]
    return [*(take(judging, half) for half in rows), *device.judged[2:]]
