"""What a callback of ours may ask of a training under `ep.fit`: rows, and batches of another size from the next epoch on."""

import keras
import numpy as np

from ...base.errors import UsageError


class Hold:
    """A running training, as `epochal.callbacks` see it.

    Attributes:
        model: the user's. active: whether the training still runs.
    """

    def __init__(self, request, feed, validation):
        self.model, self.active, self._work = request.model, True, None
        self._feed = feed
        self._source, self._validation = feed.source, validation and validation.source  # the rows as they were given
        self._fixed = None if request.batches == "shuffled" else f"batches={request.batches!r} orders rows for one batch size"

    def follow(self, work):
        """From here on there is a `Work`."""
        self._work = work

    @property
    def batch_size(self):
        """Rows; `None` where x cuts its own batches."""
        return self._feed.batch_size

    @property
    def n_rows(self):
        return self._feed.n_rows

    @property
    def n_batches(self):
        return self._feed.n_batches

    @property
    def seconds_reading(self):
        """So long the training has waited for batches."""
        return self._feed.seconds

    def recut(self, batch_size, n_batches=None):
        """Batches of another size from the next epoch on; `n_batches` where x itself was told already."""
        if self._fixed:
            raise UsageError(f"`batches` must be left out where the batch size changes: {self._fixed}. Leave it out.")
        self._feed.recut(batch_size, n_batches)
        self._work.modes.close()  # times of another size compare with none
        callbacks = self._work.callbacks
        callbacks.params["steps"] = self._feed.n_batches
        for callback in callbacks.callbacks:
            if isinstance(callback, keras.callbacks.ProgbarLogger):
                callback.target = self._feed.n_batches

    def rows(self, n, rng):
        """A `Batch` of `n` training rows in random order, all if there are no more; `None` where x cuts its own batches."""
        return _some(self._source, n, rng)

    def validation_rows(self, n):
        """A `Batch` of at most `n` validation rows, the same in every call; `None` where there are none, or not as rows."""
        return None if self._validation is None else _some(self._validation, n, np.random.default_rng(0))


def _some(source, n, rng):
    if hasattr(source, "some"):
        return source.some(n)
    rows = getattr(source, "rows", None)
    if rows is None:
        return None
    places = rng.permutation(rows.n_rows)[:n]
    return rows.take(np.sort(places)) if len(places) == rows.n_rows else rows.take(places)
