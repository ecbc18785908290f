"""Blocks of rows through the device, callbacks told of each; and whether a row's predictions depend on the rows beside it."""

from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

import keras
import numpy as np

from ...seam.forward import COMPARED, Forward, alike, closeness, in_other_company
from ...seam.model.copying import layers
from ..feeds.cast import Rows
from .outputs import Outputs, RowsDiffer
from .request import PredictRequest

_HOOKS = ("set_params", "on_predict_begin", "on_predict_batch_begin", "on_predict_batch_end", "on_predict_end")
# In place of Keras' list of callbacks where there are none: that one starts a thread for each call.
_NOBODY = SimpleNamespace(callbacks=(), **dict.fromkeys(_HOOKS, lambda *told: None))


class DependsOnBatch(Exception):
    """The predictions for a row depend on the rows beside it, or on the calls before; the message says how that was seen."""


class Block(NamedTuple):
    """Rows as Keras' steps take them: how many, if that is known, of which the first `n_filled` do not count."""

    data: tuple
    n_rows: int | None = None
    n_filled: int = 0


class Run:
    """One pass over the rows of a request; with `any_size` the batch size is our own choice: then predicting must change nothing.

    Attributes:
        stopped: whether a callback stopped it. n_blocks: how many were done.
    """

    def __init__(self, request: PredictRequest, forward: Forward, outputs: Outputs, steps: int | None, *,
                 any_size: bool = False) -> None:
        self.forward, self.outputs, self._model, self._any_size = forward, outputs, request.model, any_size
        self.n_blocks, self.stopped, self._tell = 0, False, bool(request.callbacks)
        self._params = {"verbose": request.verbose, "epochs": 1, "steps": steps}
        if not self._tell and request.verbose == 0:
            self._callbacks = _NOBODY
        elif isinstance(request.callbacks, keras.callbacks.CallbackList):
            self._callbacks = request.callbacks
        else:
            self._callbacks = keras.callbacks.CallbackList(keras.tree.flatten(request.callbacks) if self._tell else [],
                                                           add_progbar=request.verbose != 0, model=self._model, **self._params)

    def __enter__(self) -> "Run":
        self.forward.independent = self.forward.begin() and self.forward.independent
        self._model.stop_predicting = False
        self._callbacks.on_predict_begin()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None:
            self._callbacks.on_predict_end()

    def expect(self, steps: int, batch_size: int) -> None:
        """Tell callbacks of what has become known."""
        self._params |= {"steps": steps, "batch_size": batch_size}
        self._callbacks.set_params(self._params)
        for callback in self._callbacks.callbacks:
            if isinstance(callback, keras.callbacks.ProgbarLogger) and callback.progbar is not None:
                callback.progbar.target = steps

    def send(self, blocks: Iterable[Block]) -> None:
        """Do blocks until a callback stops it; each is started before the one before it is waited for."""
        waiting = None
        for block in blocks:
            self._callbacks.on_predict_batch_begin(self.n_blocks)
            outputs = self._start(block.data)
            if waiting is not None:
                self._write(*waiting)
            waiting = block, outputs
            self._callbacks.on_predict_batch_end(self.n_blocks, self._logs(block, outputs))
            self.n_blocks += 1
            if self._model.stop_predicting:
                self.stopped = True
                break
        if waiting is not None:
            self._write(*waiting)

    def compare(self, data: tuple) -> None:
        """Do the first rows again, as the last ones of `data` and backwards.

        Raises:
            DependsOnBatch: their predictions differ by more than rounding.
        """
        close = closeness({layer.compute_dtype for layer in (self._model, *layers(self._model))})
        again = [self.forward.fetch(leaf)[-COMPARED:] for leaf in keras.tree.flatten(self.forward.run(data))]
        if not all(alike(a, b, close) for a, b in zip(again, self.outputs.at(np.arange(COMPARED)[::-1]), strict=True)):
            raise DependsOnBatch("the same row among other rows gives other predictions")

    def _start(self, data):
        if not self.forward.changes:
            outputs = self.forward.run(data)
            if not self.forward.changes:
                return outputs
        if self._any_size:
            raise DependsOnBatch(f"predicting changes {self.forward.changes[0]}")
        return self._model.predict_on_batch(keras.utils.unpack_x_y_sample_weight(data)[0])

    def _logs(self, block, outputs):
        if not self._tell:
            return None
        return {"outputs": keras.tree.map_structure(lambda leaf: leaf[block.n_filled:], outputs) if block.n_filled else outputs}

    def _write(self, block, outputs):
        arrays = [self.forward.fetch(leaf) for leaf in keras.tree.flatten(outputs)]
        for array in arrays:
            if not isinstance(array, np.ndarray) or array.ndim == 0 or block.n_rows not in (None, len(array)):
                got = f"an array of shape {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
                raise RowsDiffer(f"{block.n_rows or 'some'} rows give {got}")
        self.outputs.write(outputs, [array[block.n_filled:] for array in arrays])


def taken(rows: Rows, which: slice | np.ndarray) -> tuple:
    """Some rows as Keras' steps take them."""
    return keras.utils.pack_x_y_sample_weight(rows.take(which)[0])


def cut(rows: Rows, first: int, size: int, *, filled: bool = False) -> Iterator[Block]:
    """Cut the rows from `first` on into blocks of `size`; the last is `filled` up in front, so that nothing is compiled for it."""
    for start in range(first, rows.n_rows, size):
        last = min(start + size, rows.n_rows)
        before = last - size if filled else start
        which = slice(before, last) if before >= 0 else np.arange(before, last) % rows.n_rows
        yield Block(taken(rows, which), last - before, start - before)


def mixed(n_rows: int, size: int) -> np.ndarray:
    """Rows for a block to `compare`."""
    return in_other_company(n_rows, max(size, 2 * COMPARED), COMPARED)
