"""Features of rows that come in batches: computed when a row is met for the first time, and found again by what it holds."""

import hashlib
from time import perf_counter

import keras
import numpy as np

from ...base.system.memory import memory_here
from ..forward import forward_of
from ..model.build import outline
from ..rows import leaves, over
from .features import LEAST, MOST, Rows, StepAside, features_of_block, first_block, seconds_to_fetch

_OVER = 2     # times that room: names alone may take as much again
_SHARE = 4    # features take no more than so small a part of the free memory; rows beyond are computed anew
_A_ROW, _A_NAME = 500, 150  # bytes that a row takes beside its features, and one of which only the name is kept
_KNOWN = 0.5  # of the rows of a second pass must be found again, or they are others in every epoch


class Met:
    """The features of a frozen base for rows in batches, in whatever order these come from epoch to epoch.

    Attributes:
        aside: why nothing is kept any more, as a part of a sentence; `None` while rows are found again. Then the features of a
            batch are computed from that batch alone, so that they are right also where a row's depend on its neighbours.
        n_rows: that are kept. seconds: that computing them took, compiling included. row_seconds: that one row took of it.
    """

    def __init__(self, base, sample):
        """Raises `StepAside` where it is seen from the shapes of a sample that features cannot be kept by row."""
        if base.unknown:
            raise StepAside(f"the frozen layer {base.unknown[0]} may compute something else while the model trains")
        self._shapes = _shapes_of_rows(base, sample)
        self._base, self._forward, self._size, self._kept, self._n_bytes = base, forward_of(base, lambda: sample), None, {}, 0
        self._room = memory_here().free / _SHARE
        self.aside, self.n_rows, self.seconds, self.row_seconds = None, 0, 0.0, 0.0

    def blank(self, n_rows):
        """Features of so many rows, of the right shapes and types, and of no meaning."""
        return [np.zeros((n_rows, *shape), dtype) for shape, dtype in self._shapes]

    def features(self, x, rows, *, again, store):
        """The features of some batches.

        Args:
            x: their inputs, one after the other. rows: int[n_batches, batch_size], which rows make each.
            again: whether all rows have come once before. store: called before anything is computed: a training that is under way
                has the model's weights with itself.
        """
        if not rows.size:
            return self.blank(0)
        if self._size is None:
            store()
            self._begin(x, rows)
        if self.aside is None:
            names = _names(x)
            if not again or sum(name in self._kept for name in names) >= _KNOWN * len(names):
                new = {name: i for i, name in enumerate(names) if self._kept.get(name) is None}
                if new:
                    store()
                return self._by_name(x, names, new)
            self._leave("its rows are others in every epoch")
        store()
        parts = [features_of_block(self._forward, _rows(x), batch) for batch in rows]
        return [np.concatenate(leaf) for leaf in zip(*parts, strict=True)] if len(parts) > 1 else parts[0]

    def _begin(self, x, rows):
        """See in the first batches whether rows depend on their neighbours, and whether finding them again saves anything."""
        self._size = min(max(LEAST, min(MOST, rows.shape[1])), max(rows.size, LEAST))
        try:
            found, self.row_seconds = first_block(self._base, self._forward, _rows(x), self._size)
        except StepAside as error:
            self._leave(str(error))
            return
        start = perf_counter()
        names = _names(x)
        to_find = (perf_counter() - start) / len(names) + seconds_to_fetch(sum(leaf.nbytes // len(leaf) for leaf in found))
        if self.row_seconds < to_find:
            self._leave("what the frozen layers compute takes no longer than to find it again")

    def _by_name(self, x, names, new):
        start, which, every, beyond = perf_counter(), np.fromiter(new.values(), int), list(new), {}
        for at in range(0, len(which), self._size):
            taken = np.arange(at, at + self._size) % len(which)  # always as many: another number is another program
            found = features_of_block(self._forward, _rows(x), which[taken])
            computed = dict(zip(every[at : at + self._size], zip(*found, strict=True), strict=False))
            if self._n_bytes < self._room:
                self._kept |= computed
                self._n_bytes += sum(_A_ROW + sum(leaf.nbytes for leaf in row) for row in computed.values())
                self.n_rows += len(computed)
            else:
                beyond |= computed
                self._kept |= dict.fromkeys(computed)  # known, though not kept
                self._n_bytes += _A_NAME * len(computed)
        if new:
            self.seconds += perf_counter() - start
        found = [beyond.get(name) or self._kept[name] for name in names]
        if self._n_bytes > _OVER * self._room:
            self._leave("too few of its rows fit into memory")
        return [np.stack(leaf) for leaf in zip(*found, strict=True)]

    def _leave(self, why):
        self.aside, self._kept, self._n_bytes, self.n_rows = why, {}, 0, 0


def _rows(x):
    return Rows(len(leaves(x)[0]), lambda which: over(lambda leaf: leaf[which], x))


def _names(x):
    """What each row is known by: 32 bytes, which two different rows do not have in common."""
    parts, form = [np.ascontiguousarray(leaf) for leaf in leaves(x)], hashlib.sha256()
    for leaf in parts:
        form.update(f"{leaf.shape[1:]} {leaf.dtype} ".encode())
    found = []
    for rows in zip(*(leaf.reshape(len(leaf), -1).view(np.uint8) for leaf in parts), strict=True):
        name = form.copy()
        for row in rows:  # as long as the form says
            name.update(row)
        found.append(name.digest())
    return found


def _shapes_of_rows(base, sample):
    """The shape and type of each feature of a row, without computing anything."""
    changed = {}

    def run(x):
        with keras.StatelessScope() as scope:
            outputs = base.call(x, training=False)
        changed.update(scope.state_mapping)
        return outputs

    two, three = ([*outline(run, over(lambda leaf: np.zeros((n, *leaf.shape[1:]), leaf.dtype), sample))] for n in (2, 3))  # noqa: B023
    if changed:
        raise StepAside("computing the frozen part changes the model")
    if not all(a.shape and b.shape and (a.shape[0], b.shape[0]) == (2, 3) for a, b in zip(two, three, strict=True)):
        raise StepAside("what the frozen layers compute is not one row for each row")
    return [(leaf.shape[1:], keras.backend.standardize_dtype(leaf.dtype)) for leaf in two]
