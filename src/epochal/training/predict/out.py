"""Where predictions go: one array for all rows, made when the first block has come, or the user's own."""

import keras
import numpy as np

from ...base.errors import UsageError
from ...base.validate import require


class RowsDiffer(Exception):
    """The model gives no tensor with one row for each row it is given: only Keras' own `predict` knows what to make of that."""


class Whole:
    """Predictions of a known number of rows.

    Args:
        given: the user's array, or a nesting of arrays, or `None`.
        n_rows: of all predictions together.

    Attributes:
        done: so many rows are written, from the first on.
    """

    def __init__(self, given, n_rows):
        self._given, self._n_rows, self.done = given, n_rows, 0
        self._nesting, self._arrays = None, None

    def write(self, outputs, arrays, skip, last):
        """Rows up to `last`; those of the block before `skip`, and those that are done, are left out.

        Args:
            outputs: in the model's own nesting. arrays: its leaves as NumPy arrays.
            skip: how many rows of the block are done already.
        """
        first = self.done
        if self._arrays is None:
            self._nesting, self._arrays = _bare(outputs), self._room(outputs, arrays)
        for array, block in zip(self._arrays, arrays, strict=True):
            array[first:last] = block[skip:skip + last - first]
        self.done = last

    def at(self, rows):
        """What was written for these rows: an array for each output."""
        return [array[rows] for array in self._arrays]

    def result(self):
        if self._given is not None and self.done == self._n_rows:
            return self._given
        return keras.tree.pack_sequence_as(self._nesting, [array[:self.done] for array in self._arrays])

    def _room(self, outputs, arrays):
        wanted = [((self._n_rows, *array.shape[1:]), array.dtype) for array in arrays]
        if self._given is None:
            return [np.empty(shape, dtype) for shape, dtype in wanted]
        return _checked(self._given, outputs, wanted)


class Growing:
    """Predictions of batches that are counted only as they come; each output has as many rows as its batches gave it.

    Args:
        given: as for `Whole`; must have room for all. n_batches: if that is known.
    """

    def __init__(self, given, n_batches=None):
        self._given, self._n_batches = given, n_batches
        self._nesting, self._arrays, self._filled = None, None, None

    def write(self, outputs, arrays):
        if self._arrays is None:
            self._nesting, self._filled = _bare(outputs), [0] * len(arrays)
            self._arrays = self._room(outputs, arrays)
        for i, block in enumerate(arrays):
            first, last = self._filled[i], self._filled[i] + len(block)
            if block.shape[1:] != self._arrays[i].shape[1:]:
                raise UsageError(f"`model` must give outputs of one shape for all batches; got {block.shape[1:]} after "
                                 f"{self._arrays[i].shape[1:]}. Pad the batches to one length, or call model.predict.")
            if last > len(self._arrays[i]):
                require(self._given is None, "out", f"room for {len(self._arrays[i]):,} rows", "as long as the predictions",
                        "Pass a longer array.")
                # In place: a second array beside the first would hold every prediction twice.
                self._arrays[i].resize((max(last, len(self._arrays[i]) * 5 // 4), *block.shape[1:]), refcheck=False)
            self._arrays[i][first:last] = block
            self._filled[i] = last

    def result(self):
        if self._given is not None and all(len(a) == n for a, n in zip(self._arrays, self._filled, strict=True)):
            return self._given
        if self._given is not None:
            return keras.tree.pack_sequence_as(self._nesting, [a[:n] for a, n in zip(self._arrays, self._filled, strict=True)])
        for array, n in zip(self._arrays, self._filled, strict=True):
            array.resize((n, *array.shape[1:]), refcheck=False)
        return keras.tree.pack_sequence_as(self._nesting, self._arrays)

    def _room(self, outputs, arrays):
        if self._given is not None:
            return _checked(self._given, outputs, [((None, *array.shape[1:]), array.dtype) for array in arrays])
        return [np.empty((len(array) * (self._n_batches or 1), *array.shape[1:]), array.dtype) for array in arrays]


def fill(given, results):
    """Copy finished results into the user's arrays, after the same checks; returns what the user gets."""
    if given is None:
        return results
    arrays = keras.tree.flatten(results)
    for array, result in zip(_checked(given, results, [(a.shape, a.dtype) for a in arrays]), arrays, strict=True):
        array[...] = result
    return given


def as_rows(arrays, n_rows):
    """Raise `RowsDiffer` unless every one is an array with a row for each of `n_rows`, or with any if that is `None`."""
    for array in arrays:
        if not isinstance(array, np.ndarray) or array.ndim == 0 or (n_rows is not None and len(array) != n_rows):
            raise RowsDiffer(f"{n_rows or 'some'} rows give {_told(array)}")


def _checked(given, outputs, wanted):
    """The user's arrays in the order of the outputs."""
    try:
        keras.tree.assert_same_structure(outputs, given)
    except (ValueError, TypeError) as error:
        raise UsageError(f"`out` must be nested as the model's outputs are; got {type(given).__name__}. Pass "
                         f"{_nested(outputs, wanted)}.") from error
    arrays = keras.tree.flatten(given)
    for array, (shape, dtype) in zip(arrays, wanted, strict=True):
        fits = isinstance(array, np.ndarray) and array.dtype == dtype and array.ndim == len(shape) and all(
            n in (None, m) for n, m in zip(shape, array.shape, strict=True))
        require(fits, "out", _told(array), f"a NumPy array (or memmap) of shape {_shown(shape)} and dtype {dtype}",
                f"Pass numpy.empty({_shown(shape)}, {str(dtype)!r}).")
        require(array.flags.writeable, "out", "an array that is read-only", "writable", 'Open the file with mode="r+" or "w+".')
    return arrays


def _bare(outputs):
    """The nesting alone, so that the first block does not stay on the device."""
    return keras.tree.map_structure(lambda leaf: 0, outputs)


def _nested(outputs, wanted):
    return keras.tree.pack_sequence_as(outputs, [f"{_shown(shape)} {dtype}" for shape, dtype in wanted])


def _shown(shape):
    return "(" + ", ".join("n" if n is None else str(n) for n in shape) + ("," if len(shape) == 1 else "") + ")"


def _told(array):
    return f"{type(array).__name__} {array.shape} {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
