"""Rows of arrays: an epoch is an order of them, drawn as Keras' own `fit` draws it, so that one seed gives one result."""

import functools

import numpy as np

from ...base.errors import advise
from ...base.validate import require
from ...seam.feeding import feeding
from ...seam.row_orders import way
from .cast import leaves
from .feed import Chunk, Source

FEW_ENOUGH = 10_000_000  # rows of which one permutation is drawn; beyond, and not on the device, they are mixed in two levels
_STRETCHES = 1_000_000   # neighbouring rows that then stay together until they meet others within a group
_GROUP = 1_000_000       # rows
_FEW_ROWS, _FEW_BYTES = 256, 2**20  # of which it is looked whether they change


class Resident(Source):
    """A `Source` of `Rows` that stay on the device, where they are put once; `rows` are those that were given."""

    def __init__(self, rows, orders, *, batch_size):
        self.n_rows, self.batch_size, self.n_batches = rows.n_rows, batch_size, -(-rows.n_rows // batch_size)
        self.orders, self.rows, self._rows = orders, rows, rows.take(slice(None))
        self.sample = rows.take(slice(0, batch_size))
        self._few, self._trainee, self._data = None, None, None

    def on_device(self, trainee):
        """All rows, put there by the first call; again only for another trainee."""
        if self._trainee is not trainee:
            self._trainee, self._data = trainee, trainee.put(self._rows)
        return self._data

    def open(self):
        return ArrayPass(self)

    def recut(self, batch_size):
        self.batch_size, self.n_batches = batch_size, -(-self.n_rows // batch_size)
        self.orders.recut(batch_size)

    def end(self):
        """See in some rows whether they were changed in place since they were put on the device."""
        few = max(1, min(_FEW_ROWS, _FEW_BYTES * self.n_rows // self.rows.n_bytes))
        now = [leaf.tobytes() for leaf in leaves(self.rows.take(slice(None, None, -(-self.n_rows // few))))]
        if now != self._few and self._few is not None:
            advise("Rows of x, y or sample_weight were changed in place; the training goes on with those that are on the device. "
                   'Pass a keras.utils.PyDataset, which is read anew in every epoch, or engine="keras".')
        self._few = now

    def close(self):
        self._trainee, self._data = None, None

    def chunks(self, trainee, order, first, last):
        """A chunk of all full batches, and one of a last batch that is smaller."""
        data, size = self.on_device(trainee), self.batch_size
        n_full = min(last, self.n_rows // size)
        if first < n_full:
            yield Chunk(data, order[first * size : n_full * size].reshape(-1, size))
        if n_full < last and first < last:
            yield Chunk(data, np.ascontiguousarray(order[n_full * size :])[None])


class ArrayPass:
    """A pass over rows that can be read in any order, by the `chunks` of their source."""

    def __init__(self, source):
        self.source, self.drawn, self._reading = source, None, None
        feeding().draw_seed()

    def first(self):
        self.source.orders.draw_for_one_batch(self.source.n_ended)

    def take(self, trainee, first, n):
        self.drawn = self.source.orders.draw(self.source.n_ended) if self.drawn is None else self.drawn
        self._reading = self.source.chunks(trainee, self.drawn, first, first + n)
        yield from self._reading

    def close(self):
        if self._reading is not None:
            self._reading.close()


class Orders:
    """Draws an order of `n_rows` rows for each pass over them.

    With `keras.utils.set_random_seed` the orders are those of `fit`, which draws them differently on each back end and in each
    version: see `seam.row_orders`. On TensorFlow that means one order for all epochs once a seed is set.

    Args:
        shuffle, order: see `Batching`.
        mixed: draw one permutation of `FEW_ENOUGH` rows at most, and mix more rows in two levels: groups of neighbouring rows
            in random order, and the rows of some groups among each other.
    """

    def __init__(self, n_rows, batch_size, shuffle, *, order=None, mixed=False):
        self._n, self._size, self._shuffle, self._order = n_rows, batch_size, shuffle, order
        self._mixed = mixed and n_rows > FEW_ENOUGH and bool(shuffle) and order is None
        self._repeated = None

    def recut(self, batch_size):
        """Draw for batches of another size."""
        self._size = batch_size
        if self._shuffle == "batch":
            self._repeated = None

    def draw_for_one_batch(self, n_ended):
        """What Keras draws until it has a first batch, if it asks for no other."""
        if self._shuffle == "batch" and self._order is None and not feeding().draws_whole_order:
            Orders(min(self._n, self._size), self._size, "batch").draw(n_ended)
        else:
            self.draw(n_ended)

    def draw(self, n_ended):
        """Something that, cut by a slice, gives int[…] rows: an array, or its like where that would be too large.

        `n_ended`: see `feed.Source`.
        """
        if self._mixed:
            return _Mixed(self._n, int(np.random.randint(2**31)))
        if self._repeated is None:
            rows, again = self._rows(n_ended)
            rows = rows.astype(np.int32 if self._n < 2**31 else np.int64, copy=False)
            self._repeated = rows if again else None
            return rows
        return self._repeated

    def _rows(self, n_ended):
        """int[n], and whether the next pass repeats it."""
        if self._order is not None:
            rows = np.asarray(self._order(self._n))
            require(rows.shape == (self._n,) and rows.dtype.kind in "iu", "order", f"{rows.dtype}{list(rows.shape)}",
                    f"a function that returns {self._n} row numbers")
            return rows, False
        return way().rows(self._n, self._size, self._shuffle, n_ended) if self._shuffle else (np.arange(self._n), True)


class _Mixed:
    """Too many rows to permute: stretches in random order, the rows of a group of stretches in random order."""

    def __init__(self, n, seed):
        self._n, self._seed = n, seed
        self._stretch = -(-n // _STRETCHES)
        self._stretches = np.random.default_rng(seed).permutation(-(-n // self._stretch))
        lengths = np.full(len(self._stretches), self._stretch)
        lengths[self._stretches == len(self._stretches) - 1] = n - self._stretch * (len(self._stretches) - 1)
        per_group = max(1, _GROUP // self._stretch)
        self._firsts = np.arange(0, len(self._stretches), per_group)       # stretch with which each group begins
        self._starts = np.append(0, np.cumsum(np.add.reduceat(lengths, self._firsts)))  # place at which each group begins
        self._group = functools.lru_cache(maxsize=2)(self._rows_of)

    def __len__(self):
        return self._n

    def __getitem__(self, places):
        first, last, _ = places.indices(self._n)
        groups = range(int(np.searchsorted(self._starts, first, "right")) - 1, int(np.searchsorted(self._starts, last)))
        parts = [self._group(g)[max(0, first - self._starts[g]) : last - self._starts[g]] for g in groups]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def _rows_of(self, group):
        first = self._firsts[group]
        last = self._firsts[group + 1] if group + 1 < len(self._firsts) else len(self._stretches)
        rows = (self._stretches[first:last, None] * self._stretch + np.arange(self._stretch)).reshape(-1)
        return np.random.default_rng([self._seed, group]).permutation(rows[rows < self._n])
