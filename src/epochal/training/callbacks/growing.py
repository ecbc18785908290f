"""Rows for `model.fit` whose batches may grow: a `PyDataset` that cuts arrays anew in every epoch."""

import keras
import numpy as np

from ...base.validate import whole_number
from ..feeds.cast import rows_of


def growing(x, y=None, sample_weight=None, *, batch_size=32, shuffle=True, seed=None):
    """Arrays as a `keras.utils.PyDataset` whose batch size `GrowBatch(data=…)` changes between epochs; each row comes once in each.

    `model.fit` fixes the number of batches of arrays when it begins. This one may give fewer, so batches may grow, and shrink again
    down to the size at which `fit` began; for smaller ones there is `ep.fit`.

    Args:
        x, y, sample_weight: as in `fit`: arrays, or dicts, lists and tuples of them.
        shuffle: draw another order of rows in every epoch. seed: of those orders; drawn from NumPy's stream if left out, which
            `keras.utils.set_random_seed` decides.

    Returns:
        What is passed as `x` to `fit`, and as `data` to `GrowBatch`.
    """
    whole_number("batch_size", batch_size, cure="Pass 32.")
    return Growing(rows_of(x, y, sample_weight), batch_size, shuffle, int(np.random.randint(2**31)) if seed is None else seed)


class Growing(keras.utils.PyDataset):
    """See `growing`. Attributes: `rows`, `batch_size`, `n_rows`."""

    def __init__(self, rows, batch_size, shuffle, seed):
        super().__init__()
        self.rows, self.n_rows, self.batch_size = rows, rows.n_rows, batch_size
        self._rng, self._order = np.random.default_rng(seed) if shuffle else None, np.arange(rows.n_rows)

    @property
    def num_batches(self):
        return -(-self.n_rows // self.batch_size)

    def __getitem__(self, number):
        x, y, weight = self.rows.take(self._order[number * self.batch_size : (number + 1) * self.batch_size])
        return (x,) if y is None else (x, y) if weight is None else (x, y, weight)

    def on_epoch_begin(self):
        if self._rng is not None:
            self._order = self._rng.permutation(self.n_rows)

    def recut(self, batch_size):
        """Cut batches of another size from now on; to be called between two epochs."""
        self.batch_size = batch_size
