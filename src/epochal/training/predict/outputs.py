"""Where predictions go: arrays that are made when the first block has come, or the user's own."""

from typing import Any

import keras
import numpy as np

from ...base.errors import UsageError
from ...base.validate import require
from ...seam.feeding import feeding


class RowsDiffer(Exception):
    """The model gives no tensor with one row for each row it is given: only Keras' own `predict` knows what to make of that."""


class Outputs:
    """The predictions so far, in the order of the rows, in the nesting of the model's outputs.

    Args:
        out: the user's array or nesting of arrays to write to, or `None`.
        n_rows: of all predictions together; `None` where batches are counted only as they come. Then each output gets as many rows
            as its batches give it, and `n_batches`, if it is known, is how many there will be.
    """

    def __init__(self, out: Any, n_rows: int | None, n_batches: int | None = None) -> None:
        self._out, self._n_rows, self._n_batches = out, n_rows, n_batches
        self._nesting, self._arrays, self._filled = None, [], [0]

    @property
    def done(self) -> int:
        """So many rows are written, from the first on."""
        return self._filled[0]

    @property
    def left(self) -> int:
        """How many rows are still to come, where that is known."""
        return self._n_rows - self.done

    def write(self, outputs: Any, arrays: list[np.ndarray]) -> None:
        """Append rows: `arrays` are the leaves of `outputs`."""
        if self._nesting is None:
            places = {id(leaf): i for i, leaf in enumerate(keras.tree.flatten(outputs))}  # by sorted key, which is not their order
            self._nesting = keras.tree.map_structure(lambda leaf: places[id(leaf)], outputs)
            self._arrays, self._filled = self._room(arrays), [0] * len(arrays)
        for i, block in enumerate(arrays):
            array, first, last = self._arrays[i], self._filled[i], self._filled[i] + len(block)
            if block.shape[1:] != array.shape[1:]:
                if feeding().joins_ragged:
                    raise RowsDiffer(f"batches give outputs of shapes {block.shape} and {array.shape}")
                raise UsageError(f"`model` must give outputs of one shape for all batches; got {block.shape[1:]} after "
                                 f"{array.shape[1:]}. Pad the batches to one length.")
            if last > len(array):
                require(self._out is None, "out", f"room for {len(array):,} rows", "as long as the predictions",
                        "Pass a longer array.")
                # In place: a second array beside the first would hold every prediction twice.
                array.resize((max(last, len(array) * 5 // 4), *block.shape[1:]), refcheck=False)
            array[first:last] = block
            self._filled[i] = last

    def at(self, rows: np.ndarray) -> list[np.ndarray]:
        """What was written for these rows: an array for each output."""
        return [array[rows] for array in self._arrays]

    def result(self) -> Any:
        """What the user gets."""
        if self._out is not None and [len(array) for array in self._arrays] == self._filled:
            return self._out
        for i, n in enumerate(self._filled):
            if self._out is not None:
                self._arrays[i] = self._arrays[i][:n]
            else:
                self._arrays[i].resize((n, *self._arrays[i].shape[1:]), refcheck=False)
        return keras.tree.map_structure(lambda i: self._arrays[i], self._nesting)

    def _room(self, arrays):
        if self._out is not None:
            return _checked(self._out, self._nesting, [((self._n_rows, *array.shape[1:]), array.dtype) for array in arrays])
        return [np.empty((self._n_rows or len(array) * (self._n_batches or 1), *array.shape[1:]), array.dtype) for array in arrays]


def fill(out: Any, results: Any) -> Any:
    """Copy finished results into the user's arrays, after the same checks; returns what the user gets."""
    if out is None:
        return results
    arrays = keras.tree.flatten(results)
    for array, result in zip(_checked(out, results, [(a.shape, a.dtype) for a in arrays]), arrays, strict=True):
        array[...] = result
    return out


def _checked(out, nesting, wanted):
    """The user's arrays in the order of the outputs; `wanted` are their shapes and types."""
    shown = [str(shape).replace("None", "n") for shape, _ in wanted]
    try:
        keras.tree.assert_same_structure(nesting, out)
    except (ValueError, TypeError) as error:
        nested = keras.tree.pack_sequence_as(nesting, [f"{shape} {dtype}" for shape, (_, dtype) in zip(shown, wanted, strict=True)])
        raise UsageError(f"`out` must be nested as the model's outputs are; got {type(out).__name__}. Pass {nested}.") from error
    arrays = keras.tree.flatten(out)
    for array, (shape, dtype), text in zip(arrays, wanted, shown, strict=True):
        fits = isinstance(array, np.ndarray) and array.dtype == dtype and array.ndim == len(shape) and all(
            n in (None, m) for n, m in zip(shape, array.shape, strict=True))
        got = f"{type(array).__name__} {array.shape} {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
        require(fits, "out", got, f"a NumPy array (or memmap) of shape {text} and dtype {dtype}",
                f"Pass numpy.empty({text}, {str(dtype)!r}).")
        require(array.flags.writeable, "out", "an array that is read-only", "writable", 'Open the file with mode="r+" or "w+".')
    return arrays
