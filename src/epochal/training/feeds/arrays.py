"""Rows of arrays: an epoch is an order of them. Those that fit on the device are put there once."""

import numpy as np

from ...seam.feeding import feeding
from .feed import Chunk, Source


class Resident(Source):
    """A `Source` of rows that stay on the device.

    Args:
        rows: the `Rows`. orders: their `Orders`.
    """

    def __init__(self, rows, orders, *, batch_size):
        self.n_rows, self.batch_size, self.n_batches = rows.n_rows, batch_size, -(-rows.n_rows // batch_size)
        self.orders, self._rows = orders, rows.take(slice(None))
        self.sample = rows.take(slice(0, batch_size))
        self._trainee, self._data = None, None

    def on_device(self, trainee):
        """All rows, put there by the first call; again only for another trainee."""
        if self._trainee is not trainee:
            self._trainee, self._data = trainee, trainee.put(self._rows)
        return self._data

    def open(self):
        return ArrayPass(self)

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
    """A `Pass` over rows that can be read in any order, by the `chunks` of their source."""

    def __init__(self, source):
        self._source, self.drawn, self._reading = source, None, None
        feeding().draw_seed()

    def first(self):
        self._source.orders.draw_for_one_batch()

    def take(self, trainee, first, n):
        self.drawn = self._source.orders.draw() if self.drawn is None else self.drawn
        self._reading = self._source.chunks(trainee, self.drawn, first, first + n)
        yield from self._reading

    def close(self):
        if self._reading is not None:
            self._reading.close()
