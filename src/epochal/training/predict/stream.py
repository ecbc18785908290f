"""Blocks of rows through the device: the next one goes in while the last one comes out, and rows done twice are compared."""

from time import perf_counter
from typing import NamedTuple

import keras
import numpy as np

from .out import as_rows

COMPARED = 16          # rows that are done twice, in the company of different rows
_MOST_COMPARED = 64
_CLOSE = 1e-5          # of the largest prediction: more than that is no rounding
_HALF_CLOSE = 8        # roundings of the model's own arithmetic, where that is half precision


class Coupled(Exception):
    """The predictions for a row depend on the rows beside it, or on the calls before; the message says how that was seen."""


class Block(NamedTuple):
    """Rows `first` to `last`, of which some may be done already; and behind them rows `again`, which are done already."""

    first: int
    last: int
    again: np.ndarray


class Stream:
    """The rows of one call on their way through a `Forward`, from the first to the last.

    Args:
        forward: has begun. rows: a `Rows`. out: a `Whole`. hooks: told of every block.
        keep: whether what predicting changes in the model lasts, as in Keras.
        alone: whether to insist that predicting changes nothing. Rows that are done twice are compared in any case.
    """

    def __init__(self, forward, rows, out, hooks, *, close, keep, alone):
        self.forward, self.out, self.n_rows = forward, out, rows.n_rows
        self._rows, self._hooks, self._close, self._keep, self._alone = rows, hooks, close, keep, alone
        self.n_sent, self.checked, self.stopped = 0, False, False

    @property
    def left(self):
        return self.n_rows - self.out.done

    def data(self, block):
        """A block as Keras' steps take it."""
        rows = slice(block.first, block.last)
        if len(block.again):
            rows = np.concatenate([np.arange(block.first, block.last), block.again])
        return keras.utils.pack_x_y_sample_weight(self._rows.take(rows)[0])

    def send(self, blocks):
        """Do some blocks, or as many as a callback allows."""
        waiting = None
        for block in blocks:
            outputs = self._start(block)
            if waiting is not None:
                self._settle(*waiting)
            waiting = block, outputs
            if self._hooks.after(self.n_sent - 1, outputs, block, self.out.done):
                self.stopped = True
                break
        if waiting is not None:
            self._settle(*waiting)

    def time(self, block):
        """Do one block, waiting for it; returns the seconds it took."""
        start = perf_counter()
        self.send([block])
        return perf_counter() - start

    def compare(self, rows):
        """Do rows once more that are done already, for nothing but to compare them; the last `COMPARED` of them count."""
        outputs = self.forward.run(self.data(Block(0, 0, rows)), keep=False)
        arrays = [self.forward.fetch(leaf) for leaf in keras.tree.flatten(outputs)]
        self._same([array[-COMPARED:] for array in arrays], rows[-COMPARED:])

    def _start(self, block):
        self._hooks.before(self.n_sent)
        self.n_sent += 1
        return self.forward.run(self.data(block), self._keep)

    def _settle(self, block, outputs):
        arrays = [self.forward.fetch(leaf) for leaf in keras.tree.flatten(outputs)]
        as_rows(arrays, block.last - block.first + len(block.again))
        if self._alone and self.forward.changes:
            raise Coupled(f"predicting changes {self.forward.changes[0]}")
        done = self.out.done - block.first
        again = block.again[block.again < self.out.done][:_MOST_COMPARED]  # others fill the block up, in their own company
        self.out.write(outputs, arrays, done, block.last)
        if done > 0:
            n = min(done, _MOST_COMPARED)
            self._same([array[:n] for array in arrays], np.arange(block.first, block.first + n))
        if len(again):
            fresh = block.last - block.first
            self._same([array[fresh:fresh + len(again)] for array in arrays], again)

    def _same(self, arrays, rows):
        for new, old in zip(arrays, self.out.at(rows), strict=True):
            apart = difference(new, old)
            if not apart <= self._close:
                raise Coupled(f"the same row among other rows gives predictions that differ by {apart:.2g} of the largest")
        self.checked = True


def blocks(done, n_rows, size, *, whole, again=()):
    """Cut the rows after `done` into blocks of `size`.

    Args:
        whole: asked when a block is not full: whether it is filled up with rows that are done, or else with its own. Then nothing
            new is compiled for it.
        again: rows to do again in the first block that is not the first of all; fewer than `size`.
    """
    first, again = done, np.asarray(again, int)
    while first < n_rows:
        extra = again if first else again[:0]
        again = again[:0] if first else again
        last = min(first + size - len(extra), n_rows)
        lacking = size - (last - first) - len(extra)
        if lacking and whole():
            before = min(first, lacking)
            yield Block(first - before, last, np.concatenate([extra, np.resize(np.arange(first, last), lacking - before)]))
        else:
            yield Block(first, last, extra)
        first = last


def mixed(n_rows, size):
    """Rows for a block of other company: the first `COMPARED` rows, backwards, behind rows of the second half alone."""
    return np.concatenate([np.resize(np.arange(n_rows // 2, n_rows), size - COMPARED), np.arange(COMPARED)[::-1]])


def difference(a, b):
    """The largest difference of two arrays, as a share of the largest finite number in them; infinite where only one is finite.

    >>> difference(np.array([1.0, 2.0]), np.array([1.0, 2.5]))
    0.2
    """
    if a.dtype.kind not in "fcV":  # V: bfloat16
        return 0.0 if np.array_equal(a, b) else np.inf
    a, b = (array.astype(complex if array.dtype.kind == "c" else float) for array in (a, b))
    finite = np.isfinite(a) & np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return np.inf
    a, b = a[finite], b[finite]
    scale = max(np.abs(a).max(initial=0), np.abs(b).max(initial=0))
    return float(np.abs(a - b).max() / scale) if scale else 0.0


def closeness(dtypes):
    """How close predictions must be to count as the same, given the types that a model computes in."""
    half = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
    return max([_CLOSE, *(_HALF_CLOSE * half[dtype] for dtype in dtypes if dtype in half)])
