"""Arrays that fit on the device: put there once, and every epoch is an order of their rows."""

import numpy as np

from .feed import Chunk


class Resident:
    """A `Source` of rows that stay on the device.

    Args:
        rows: the `Rows`. orders: their `Orders`.
    """

    starts_anew = True

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
        return _Pass(self)

    def begin(self):
        pass

    def end(self):
        pass

    def close(self):
        self._trainee, self._data = None, None


class _Pass:
    def __init__(self, source):
        self._source, self.drawn = source, None
        source.orders.open()

    def first(self):
        self._source.orders.draw_for_one_batch()

    def take(self, trainee, first, n):
        """A chunk of all full batches, and one of a last batch that is smaller."""
        self.drawn = self._source.orders.draw() if self.drawn is None else self.drawn
        data, size, end = self._source.on_device(trainee), self._source.batch_size, first + n
        n_full = min(end, self._source.n_rows // size)
        if first < n_full:
            yield Chunk(data, self.drawn[first * size : n_full * size].reshape(-1, size))
        if n_full < end and first < end:
            yield Chunk(data, np.ascontiguousarray(self.drawn[n_full * size :])[None])

    def close(self):
        pass
