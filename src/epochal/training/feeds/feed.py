"""What training is fed with: chunks of batches, in epochs, as the iterator inside Keras' own `fit` cuts them from any source."""

import warnings
from typing import Any, NamedTuple, Protocol

import numpy as np

from ...base.validate import require
from ...seam.feeding import feeding


class Chunk(NamedTuple):
    """Some batches of one size: a `Batch` on the device, and int32[n_batches, batch_size], the rows of it that make each."""

    data: Any
    rows: np.ndarray


class Source(Protocol):
    """Where batches come from. What a source has no use for of `begin`, `end` and `close` it inherits: they do nothing.

    `open()` draws what Keras draws as it opens its iterator, and returns a pass over the data: `first()` draws and reads what Keras
    does for a first batch, to build a model from it; `take(trainee, first, n)` yields the `Chunk`s of `n` batches from the one
    numbered `first`, all if n is `None`; `drawn` is what chance has decided, for a checkpoint; `close()` ends it.

    Attributes:
        n_batches: of a pass, as it is now; `None` where it is not known.
        n_rows: of a pass; `None` where it is not known. batch_size: rows of a batch; `None` where the source cuts its own.
        sample: a small `Batch` of NumPy arrays (a few rows), from which the model's lazy parts are built.
        starts_anew: whether each pass begins again at the first batch, as all but a Python generator do.
    """

    n_batches: int | None
    n_rows: int | None
    batch_size: int | None
    sample: Any
    starts_anew: bool = True

    def begin(self): ...        # an epoch begins
    def end(self): ...          # an epoch ends; also called once before the first, as Keras does
    def open(self): ...
    def close(self): ...


class Feed:
    """Rows for training or validation: epochs from passes over a source.

    Without `steps_per_epoch` each epoch is a pass. With it, an epoch goes on where the last one stopped; a pass that ends within an
    epoch ends the epoch, with Keras' warning, and the next epoch begins a new pass.

    `rehearse` and `reset` are for whoever mirrors `fit`. Keras draws a first batch to build a model, loss or metrics that are not
    built yet: `rehearse()` (on TensorFlow Keras does without, and this does nothing). In any case it resets its iterator before
    the first epoch and before every validation: `reset()`. Both move the random numbers and the hooks of a `PyDataset` on, and
    `reset()` takes validation back to the first batch.

    Attributes:
        n_batches, n_rows: of an epoch; `None` where it is not known, before the first one ends.
        batch_size, sample: as in `Source`.
    """

    def __init__(self, source, steps_per_epoch=None):
        require(steps_per_epoch is None or (int(steps_per_epoch) == steps_per_epoch and steps_per_epoch > 0), "steps_per_epoch",
                steps_per_epoch, "a number of batches", "Leave it out for one pass over the data in each epoch.")
        self.source, self._steps = source, steps_per_epoch and int(steps_per_epoch)
        self.batch_size, self.sample = source.batch_size, source.sample
        self._n, self._found, self._pass, self._seen = source.n_batches, None, None, 0
        require(self._n != 0, "x", "no batch", "a source of at least one batch")

    @property
    def n_batches(self):
        return self._steps or self._n or self._found

    @property
    def n_rows(self):
        return None if self._steps else self.source.n_rows

    def epoch(self, trainee, skip=0):
        """Chunks of one epoch, its first `skip` batches left out."""
        self.source.begin()
        if self._pass is None or self._steps is None:
            self._open()
        wanted = self._steps or self._n
        n = wanted if wanted is None or self._n is None else min(wanted, self._n - self._seen)
        first, taken = self._seen, skip
        for chunk in self._pass.take(trainee, first + skip, None if n is None else n - skip):
            taken += len(chunk.rows)
            self._seen = first + taken
            yield chunk
        if n is None:
            self._found = taken
        if n is None or taken < n:  # the source itself has ended
            if self._steps or self._n or not self.source.starts_anew:
                _warn_of_the_end()
            self._leave()
        elif n < wanted:
            _warn_of_the_end()
        if self._n is not None and self._seen >= self._n:
            self._open()
        self.source.end()

    def rehearse(self):
        """Draw and read what Keras draws and reads to build a model from the first batch; follow it by `reset()`."""
        if feeding().rehearses:
            self.source.begin()
            self._open()
            self._pass.first()

    def reset(self):
        """Begin anew, as Keras does before training and before every validation."""
        self._leave()
        self._n = self.source.n_batches
        self.source.end()

    def state(self):
        """Where the pass stands between two epochs, for a checkpoint: `None`, or a dict of a number and an array (or a number)."""
        return None if self._steps is None or self._pass is None else {"seen": self._seen, "drawn": self._pass.drawn}

    def restore(self, state):
        """Go on where `state()` was taken, with another feed of the same data."""
        if state is not None:
            self._open()
            self._pass.drawn, self._seen = state["drawn"], state["seen"]

    def close(self):
        self._leave()
        self.source.close()

    def _open(self):
        self._leave()
        self._pass = self.source.open()

    def _leave(self):
        if self._pass is not None:
            self._pass.close()
        self._pass, self._seen = None, 0


def _warn_of_the_end():
    warnings.warn("Your input ran out of data before the epoch's steps were done; the epoch ends here. Make sure that it yields "
                  "`steps_per_epoch * epochs` batches, by `.repeat()` for instance.", stacklevel=3)
