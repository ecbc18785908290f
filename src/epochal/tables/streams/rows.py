"""Rows from whatever gives them, one after the other or many at a time, as chunks of arrays."""

import threading
from collections.abc import Mapping
from contextlib import ExitStack

import numpy as np

from ...base.errors import UsageError
from ...base.text import Wording
from ...base.validate import require
from .chunk import Chunk, numbered
from .encoded import encoded, from_kept, learned, plain

WARM_UP = 500  # rows, of which it is learned how columns are encoded
_TARGET = "(target)"  # of rows that come as (cells, target)
_MOST = 1024          # rows that are read ahead of being encoded


class Tabular:
    """Chunks of rows that come as cells by name.

    Attributes:
        encoding, notes: how rows become inputs, and sentences on it; from the first chunk on.

    Args:
        batches: gives lists of `(cells, why)`, or `(cells, why, mark)`, as they arrive. target, classes, task, options: as for
            `encoded.learned`. first: the place of the first row that is given. skip: rows that are passed over.
        kept: what `state` was in an earlier run.
    """

    def __init__(self, batches, about, *, first=0, skip=0, kept=None):
        self._batches, self._about, self._place, self._skip = batches, about, first, skip
        self.encoding = None if kept is None else from_kept(kept)
        self.notes = ()

    def state(self):
        """Plain values and arrays: how rows are encoded."""
        return plain(self.encoding)

    def chunks(self):
        waiting = []
        for rows in self._batches:
            self._place, rows = self._place + len(rows), [(self._place + i, *row) for i, row in enumerate(rows)]
            skipped, self._skip = min(self._skip, len(rows)), max(0, self._skip - len(rows))
            waiting += rows[skipped:]
            if self.encoding is None and sum(cells is not None for _, cells, *_ in waiting) >= WARM_UP:
                self._learn(waiting)
            if self.encoding is not None and waiting:
                yield self._chunk(waiting)
                waiting = []
        if waiting:
            self._learn(waiting)
            yield self._chunk(waiting)

    def _learn(self, rows):
        about = self._about
        first = [row[1] for row in rows if row[1] is not None][:WARM_UP]
        self.encoding, self.notes = learned(first, about["target"], about["classes"], about["options"], about["task"])

    def _chunk(self, rows):
        """The rows that can be used, and sentences on the others."""
        whole = [row for row in rows if row[1] is not None]
        left_out = [(row[0], row[2]) for row in rows if row[1] is None]
        places = np.array([row[0] for row in whole], int)
        if not whole:
            x = np.zeros((0, *self.encoding.shape), np.float32)
            return Chunk(x, np.zeros((0,), np.float32), places, tuple(left_out))
        x, y, kept, why = encoded([row[1] for row in whole], self.encoding)
        left_out += [(int(place), one) for place, one in zip(places, why, strict=True) if one is not None]
        marks = np.array([row[3] for row in whole], int)[kept] if len(whole[0]) > 3 else None
        return Chunk(x, y, places[kept], tuple(sorted(left_out)), marks)


def named_rows(source, target):
    """Lists of `(cells, why)` from an iterator of dicts with a target in them, or of (dict, target) as river gives them."""
    for items in collected(source):
        yield [_cells(item, target) for item in items]


def target_of(target):
    """The name of the target column of `named_rows`."""
    return target or _TARGET


def collected(source):
    """Lists of what an iterator gives, as it comes: many at once where they come fast, and none kept back where it pauses.

    The iterator is read in a thread of its own, which never keeps the interpreter from ending; what it raises is raised here.
    """
    ready, condition, failed, state = [], threading.Condition(), [], {"ended": False}

    def end(_kind, error, _trace):
        with condition:
            failed.extend([error] if error is not None else [])
            state["ended"] = True
            condition.notify_all()
        return True

    def read():
        with ExitStack() as stack:
            stack.push(end)
            for item in source:
                with condition:
                    while len(ready) >= _MOST and not state["ended"]:
                        condition.wait()
                    if state["ended"]:
                        return
                    ready.append(item)
                    condition.notify_all()

    threading.Thread(target=read, name="epochal-rows", daemon=True).start()
    with ExitStack() as stack:
        stack.push(lambda *_: end(None, None, None) and False)
        while True:
            with condition:
                while not ready and not state["ended"]:
                    condition.wait()
                items, ended = ready[:], state["ended"]
                ready.clear()
                condition.notify_all()
            if items:
                yield items
            elif ended:
                break
    if failed:
        raise failed[0]


def _cells(item, target):
    if isinstance(item, Mapping):
        return {str(name): value for name, value in item.items()}, None
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], Mapping):
        return {**{str(name): value for name, value in item[0].items()}, target or _TARGET: item[1]}, None
    return None, f"it is a {type(item).__name__}, not a dict, as the first one is"


class Arrays:
    """Chunks of rows that come as (x, y): arrays of one row, or of a batch.

    Args:
        rank: axes of an input of a batch; `None` where the model is not known yet: then y tells, which is a number for a row.
    """

    encoding, notes = None, ()

    def __init__(self, source, rank, *, first=0, skip=0):
        self._source, self._rank, self._place, self._skip, self._shape = source, rank, first, skip, None

    def state(self):
        return {}

    def chunks(self):
        for items in collected(self._source):
            found, left_out = [], []
            for item in items:
                x, y, why = self._batch(item)
                if why is not None:
                    left_out.append((self._place, why))
                    self._place += 1
                    continue
                skipped, self._skip = min(self._skip, len(y)), max(0, self._skip - len(y))
                places = numbered(self._place, len(y))[skipped:]
                self._place += len(y)
                sound = np.isfinite(x.reshape(len(x), -1).astype(float)).all(axis=1)[skipped:]
                left_out += [(int(place), "a number in it is not finite") for place in places[~sound]]
                found.append((x[skipped:][sound], y[skipped:][sound], places[sound]))
            if found or left_out:
                x, y, places = (np.concatenate(one) for one in zip(*found, strict=True)) if found else ([], [], np.zeros(0, int))
                yield Chunk(x, y, places, tuple(left_out))

    def _batch(self, item):
        if not (isinstance(item, tuple | list) and len(item) == 2):
            return None, None, f"it is a {type(item).__name__}, and no (x, y)"
        x, y = (np.asarray(part) for part in item)
        if x.dtype.kind not in "biuf" or y.dtype.kind not in "biuf":
            return None, None, "its x or y holds no numbers"
        if (self._rank is None and y.ndim == 0) or (self._rank is not None and x.ndim == self._rank - 1):
            x, y = x[None], y[None]
        x = x.astype(np.float32) if x.dtype == np.float64 else x
        y = y.astype(np.float32) if y.dtype.kind == "f" else y.astype(np.int32)
        if x.ndim < 1 or y.ndim < 1 or len(x) != len(y):
            return None, None, f"its x has the shape {x.shape} and its y {y.shape}"
        self._shape = self._shape or (x.shape[1:], y.shape[1:])
        if self._shape != (x.shape[1:], y.shape[1:]):
            return None, None, f"its x has the shape {x.shape[1:]} a row, and the first one had {self._shape[0]}"
        return x, y, None


def opened(source, rank, target, make_about, first_skip_kept):
    """The `Tabular` or `Arrays` of an iterator, by its first item.

    Raises:
        UsageError: it gives nothing, or neither rows by name nor arrays.
    """
    first, skip, kept = first_skip_kept
    try:
        steps = iter(source)
    except TypeError as error:
        raise UsageError(f"`source` must be an iterator of rows or batches, or the name of a file; got a {type(source).__name__}. "
                         "Pass for example zip(x, y), or what river.datasets give.") from error
    begun = next(steps, None)
    require(begun is not None, "source", Wording("nothing"), "an iterator that gives rows or batches", "Pass rows.")
    again = _with_first(begun, steps)
    if isinstance(begun, Mapping) or (isinstance(begun, tuple) and begun and isinstance(begun[0], Mapping)):
        require(target is not None or not isinstance(begun, Mapping), "target", None, "the name to predict, where rows are dicts",
                "Pass target='…', or give (row, target).")
        return Tabular(named_rows(again, target), make_about(target_of(target)), first=first, skip=skip, kept=kept or None)
    return Arrays(again, rank, first=first, skip=skip)


def _with_first(item, rest):
    yield item
    yield from rest
