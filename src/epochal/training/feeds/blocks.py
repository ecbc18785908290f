"""Data larger than memory: blocks of many batches, read in a thread and put on the device while the block before them trains."""

import mmap
from contextlib import closing

import numpy as np

from .arrays import ArrayPass
from .cast import cast, over, resolved_weights
from .feed import Chunk, Source
from .prefetch import ahead

BLOCK_BYTES = 64 * 2**20     # of data in a block: two blocks or three are alive at a time, whatever the size of the file
_STRETCH_BYTES = 32 * 2**20  # of a mapped file, from which rows are taken before its pages are let go


class ArrayBlocks(Source):
    """A `Source` of `Rows` in memory-mapped files, or in arrays too large for the device; `rows` are those that were given.

    Each block is read in the order of the file and put into the order of training by its `rows`, so the batches are those of
    arrays that fit. What has been read of a mapped file does not stay in the memory of the process.
    """

    def __init__(self, rows, orders, *, batch_size, block_bytes=BLOCK_BYTES):
        self.n_rows, self.batch_size, self.n_batches = rows.n_rows, batch_size, -(-rows.n_rows // batch_size)
        self.orders, self.rows, self._block_bytes = orders, rows, block_bytes
        self.per_block = batches_per_block(self.n_rows // batch_size, rows.n_bytes / rows.n_rows * batch_size, block_bytes)
        self.sample = self.read(slice(0, min(batch_size, self.n_rows)))

    def read(self, places):
        """A `Batch` of the rows at `places` (a slice, or int[n] in ascending order)."""
        return tuple(over(lambda leaf: self._piece(leaf, places), tree) for tree in self.rows[1:])

    def _piece(self, leaf, places):
        if not isinstance(leaf, np.memmap):
            return cast(leaf[places])
        n = places.stop - places.start if isinstance(places, slice) else len(places)
        piece = np.empty((n, *leaf.shape[1:]), cast(leaf[:0]).dtype)
        for here, there in _stretches(places, max(1, _STRETCH_BYTES * len(leaf) // leaf.nbytes)):
            piece[here] = leaf[there]
            _let_go(leaf)
        return piece

    def open(self):
        return ArrayPass(self)

    def recut(self, batch_size):
        self.batch_size, self.n_batches = batch_size, -(-self.n_rows // batch_size)
        self.per_block = batches_per_block(self.n_rows // batch_size, self.rows.n_bytes / self.n_rows * batch_size,
                                           self._block_bytes)
        self.orders.recut(batch_size)

    def chunks(self, trainee, order, first, last):
        """A chunk of each block; no block is held longer than its user needs it."""
        with closing(ahead(self._blocks(order, first, last))) as reading:
            for batch, rows in reading:
                chunk = Chunk(trainee.put(batch), rows)
                del batch
                yield chunk
                del chunk

    def _blocks(self, order, first, last):
        size = self.batch_size
        last_full = min(last, self.n_rows // size)
        for at in range(first, last_full, self.per_block):
            yield self._block(order[at * size : min(at + self.per_block, last_full) * size], size)
        if last > last_full:
            yield self._block(order[last_full * size :], self.n_rows - last_full * size)

    def _block(self, drawn, size):
        rows = np.asarray(drawn)
        by_place = np.argsort(rows, kind="stable")
        places, order = rows[by_place], np.empty(len(rows), np.int32)
        order[by_place] = np.arange(len(rows), dtype=np.int32)
        neighbours = places[-1] - places[0] == len(places) - 1 and (np.diff(places) == 1).all()
        batch = self.read(slice(int(places[0]), int(places[-1]) + 1) if neighbours else places)
        return batch, order.reshape(-1, size)


class ParquetBlocks(Source):
    """A `Source` of the rows of a Parquet file.

    Shuffling has two levels, since a Parquet file is read in stretches: the row groups come in random order, some of them side by
    side, and the rows of a block (64 MB of several row groups) are mixed among each other. That is close to a full shuffle
    unless neighbouring row groups are alike and a block holds few of them: a sorted file in one row group stays nearly sorted.
    Write such a file in many row groups, or shuffled.
    """

    def __init__(self, rows, *, batch_size, shuffle, class_weight=None, block_bytes=BLOCK_BYTES):
        self.rows, self.n_rows, self.batch_size, self.n_batches = rows, rows.n_rows, batch_size, -(-rows.n_rows // batch_size)
        self.shuffle, self._class_weight, self._block_bytes = shuffle, class_weight, block_bytes
        self.per_block = batches_per_block(rows.n_rows // batch_size, rows.row_bytes * batch_size, block_bytes)
        self.sample = self.weighted(*rows.head(batch_size))

    def some(self, n):
        """`n` rows as (x, y, weight), of several row groups where there are, the same in every call."""
        with closing(self.rows.pieces(n, np.random.default_rng(0))) as pieces:
            return self.weighted(*next(pieces))

    def weighted(self, x, y, weight):
        return x, y, resolved_weights(y, weight, self._class_weight)

    def open(self):
        return _ParquetPass(self)

    def recut(self, batch_size):
        self.batch_size, self.n_batches = batch_size, -(-self.n_rows // batch_size)
        self.per_block = batches_per_block(self.n_rows // batch_size, self.rows.row_bytes * batch_size, self._block_bytes)

    def close(self):
        """Nothing stays open between passes."""


class _ParquetPass:
    def __init__(self, source):
        self._source, self.drawn, self._at = source, None, 0
        self._reading, self._left = None, None  # blocks to come, and what an epoch has left of one

    def first(self):
        if self.drawn is None and self._source.shuffle:
            self.drawn = int(np.random.randint(2**31))

    def take(self, trainee, first, n):
        self.first()
        self._reading = self._reading or ahead(self._blocks())
        last = first + n
        while self._at < last:
            batch, rows = self._left or next(self._reading)
            start, stop = (min(len(rows), max(0, place - self._at)) for place in (first, last))
            self._left = (batch, rows[stop:]) if stop < len(rows) else None
            self._at += stop
            chunk = Chunk(trainee.put(batch), rows[start:stop]) if start < stop else None
            del batch
            if chunk is not None:
                yield chunk
            del chunk

    def close(self):
        if self._reading is not None:
            self._reading.close()
        self._left = None

    def _blocks(self):
        source, size, rng = self._source, self._source.batch_size, None
        if source.shuffle:
            rng = np.random.default_rng(self.drawn)
        for part in source.rows.pieces(source.per_block * size, rng if source.shuffle != "batch" else None):
            full = len(part[0]) // size * size
            for start, stop, width in ((0, full, size), (full, len(part[0]), len(part[0]) - full)):
                if start < stop:
                    batch = source.weighted(*(None if array is None else array[start:stop] for array in part))
                    yield batch, _mixed(stop - start, width, source.shuffle, rng)


def batches_per_block(n_batches, batch_bytes, block_bytes):
    """How many batches make a block: such that all blocks are of one size, where the number of batches allows it.

    >>> batches_per_block(1000, 1, 64), batches_per_block(1009, 1, 64), batches_per_block(10, 1, 64), batches_per_block(10, 99, 64)
    (50, 64, 10, 1)
    """
    most = max(1, int(block_bytes // batch_bytes))
    if n_batches <= most:
        return max(1, n_batches)
    return next((n for n in range(most, most // 2, -1) if n_batches % n == 0), most)  # an odd block is one more compilation


def _mixed(n, size, shuffle, rng):
    rows = rng.permutation(n) if shuffle and shuffle != "batch" else np.arange(n)
    rows = rows.astype(np.int32).reshape(-1, size)
    return rng.permuted(rows, axis=1) if shuffle == "batch" else rows


def _stretches(places, n):
    """Cut ascending places where they cross a multiple of `n` rows: pairs of a slice of them, and the places in it."""
    if isinstance(places, slice):
        for start in range(places.start, places.stop, n):
            stop = min(start + n, places.stop)
            yield slice(start - places.start, stop - places.start), slice(start, stop)
        return
    cuts = np.flatnonzero(np.diff(places // n)) + 1
    for start, stop in zip([0, *cuts], [*cuts, len(places)], strict=True):
        yield slice(start, stop), places[start:stop]


def _let_go(leaf):
    """Take the pages that were read out of the process; they stay in the system's cache as long as there is room."""
    if leaf.mode == "c":  # changes live in the pages alone
        return
    base = leaf
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)
