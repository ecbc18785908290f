"""What training is fed with: chunks of batches, in epochs, as the iterator inside Keras' own `fit` cuts them from any source."""

import warnings
from time import perf_counter
from typing import Any, NamedTuple, Protocol

import numpy as np

from ...base.errors import UsageError
from ...base.validate import require
from ...seam.feeding import feeding
from ...seam.model.copying import random_state


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
        sample: a small `Batch` of NumPy arrays (a few rows), from which the model's lazy parts are built; `None` where a batch
            would have to be read for it that Keras does not read.
        starts_anew: whether each pass begins again at the first batch, as all but a Python generator do.
        n_ended: how often `end()` was called: Keras' order of rows may depend on it.
    """

    n_batches: int | None
    n_rows: int | None
    batch_size: int | None
    sample: Any
    starts_anew: bool = True
    n_ended: int = 0

    def look(self): ...         # read what Keras reads before anything else, to see what batches are like
    def begin(self): ...        # an epoch begins
    def end(self): ...          # an epoch ends; also called once before the first, as Keras does
    def open(self): ...
    def close(self): ...

    def recut(self, batch_size):
        """Cut the rows into batches of another size, from the next pass on; for arrays and Parquet files."""
        raise UsageError(f"`batch_size` must stay as it is for a {type(self).__name__}, which cuts its own batches; got "
                         f"{batch_size}. Pass arrays, or epochal.callbacks.growing(x, y).")


class Feed:
    """Rows for training or validation: epochs from passes over a source.

    Without `steps_per_epoch` each epoch is a pass. With it, an epoch goes on where the last one stopped; a pass that ends within an
    epoch ends the epoch, with Keras' warning, and the next epoch begins a new pass.

    `rehearsed` and `reset` are for whoever mirrors `fit`. Keras draws a first batch to build a model, loss or metrics that are not
    built yet: `rehearsed()` (on TensorFlow Keras does without, and this does nothing). In any case it resets its iterator before
    the first epoch and before every validation: `reset()`. Both move the random numbers and the hooks of a `PyDataset` on, and
    `reset()` takes validation back to the first batch.

    Attributes:
        at_once: so many batches Keras trains in one execution; an epoch of `steps_per_epoch` holds whole ones, so it may be longer.
        n_batches, n_rows: of an epoch; `None` where it is not known, before the first one ends.
        batch_size: as in `Source`.
        began_at: the random streams and the `state()` before the coming epoch, where its first batch was read already.
        seconds: so long the epochs so far were waited for batches; what is read while others train counts only as it is waited for.
    """

    def __init__(self, source, steps_per_epoch=None):
        require(steps_per_epoch is None or (int(steps_per_epoch) == steps_per_epoch and steps_per_epoch > 0), "steps_per_epoch",
                steps_per_epoch, "a number of batches", "Leave it out for one pass over the data in each epoch.")
        self.source, self._steps = source, steps_per_epoch and int(steps_per_epoch)
        self.batch_size, self.began_at, self._sample, self.seconds = source.batch_size, None, None, 0.0
        self._n, self._found, self._pass, self._seen, self.at_once = source.n_batches, None, None, 0, 1
        require(self._n != 0, "x", "no batch", "a source of at least one batch")

    @property
    def n_batches(self):
        return self._steps or self._n or self._found

    @property
    def n_rows(self):
        return None if self._steps else self.source.n_rows

    @property
    def takes_all(self):
        """Whether every epoch is a pass over the whole source."""
        return self._steps is None

    @property
    def sample(self):
        """As in `Source`; where there is none, the first batch of the epoch to come, which is read now, and not again then."""
        if self._sample is None:
            self._sample = self.described or self._first_batch()
        return self._sample

    @property
    def described(self):
        """The `sample`, or `None` where a batch would have to be read for it."""
        return self._sample or self.source.sample

    def epoch(self, trainee, skip=0):
        """Chunks of one epoch, its first `skip` batches left out."""
        self._begin()
        self.began_at = None
        wanted = -(-self._steps // self.at_once) * self.at_once if self._steps else self._n
        n = wanted if wanted is None or self._n is None else min(wanted, self._n - self._seen)
        first, taken = self._seen, skip
        since = perf_counter()
        for chunk in self._pass.take(trainee, first + skip, None if n is None else n - skip):
            self.seconds += perf_counter() - since
            taken += len(chunk.rows)
            self._seen = first + taken
            yield chunk
            since = perf_counter()
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
        self._end()

    def rehearsed(self):
        """The `sample`, after what Keras draws and reads to build a model from the first batch; follow it by `reset()`."""
        if self.began_at is None and "fit" in feeding().rehearses:
            self._sample = self._first_batch() or self._sample
        return self.sample

    def reset(self):
        """Begin anew, as Keras does before training and before every validation."""
        self.source.look()
        if self.began_at is None or "fit" in feeding().rehearses:  # else the first batch of the training has been read, for us
            self._leave()
            self.began_at = None
        self._n = self.source.n_batches
        self._end()

    def take_from(self, source):
        """Go on with another source of the same rows in the same order."""
        source.n_ended, self.source, self._sample = self.source.n_ended, source, None
        if self.batch_size != source.batch_size:  # it was cut anew meanwhile
            source.recut(self.batch_size)
        if self._pass is not None:
            self._pass.source = source

    def recut(self, batch_size, n_batches=None):
        """Go on with batches of another size from the next epoch on, in which each row comes once as before.

        Args:
            n_batches: of the next epoch, where what cuts its own batches has been told already.
        """
        require(self.takes_all, "steps_per_epoch", self._steps, "left out where the batch size changes: an epoch is one pass over "
                "the rows then", "Leave it out.")
        if n_batches is None:
            self.source.recut(batch_size)
            self.batch_size, n_batches = batch_size, self.source.n_batches
        self._n = n_batches

    def state(self):
        """Where the pass stands between two epochs, for a checkpoint: a dict of numbers, and perhaps an array."""
        goes_on = self._steps is not None and self._pass is not None
        return {"ended": self.source.n_ended} | ({"seen": self._seen, "drawn": self._pass.drawn} if goes_on else {})

    def restore(self, state):
        """Go on where `state()` was taken, with another feed of the same data."""
        state = state or {}  # files of the first version hold `None` where the next epoch begins a pass
        self._leave()
        self.began_at, self.source.n_ended = None, state.get("ended", self.source.n_ended)
        if "seen" in state:
            self._open()
            self._pass.drawn, self._seen = state["drawn"], state["seen"]

    def close(self):
        self._leave()
        self.source.close()

    def _begin(self):
        if self.began_at is None:
            self.source.begin()
            if self._pass is None or self._steps is None:
                self._open()

    def _first_batch(self):
        began_at = random_state(), self.state()
        self._begin()
        self.began_at = began_at
        return self._pass.first()

    def _end(self):
        self.source.n_ended += 1
        self.source.end()

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
