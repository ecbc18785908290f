"""What a user passes as x where rows come in batches (a `PyDataset`, `tf.data`, a `DataLoader`), read again and again."""

import itertools
from collections import deque
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool
from typing import Any

import keras

_MOST_COUNTED = 100_000  # batches: of a source that does not tell how many it has


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """A source that cuts its own batches, as Keras' `fit` takes it.

    Attributes:
        x: the source. steps: batches of an epoch where the user says so (`steps_per_epoch`); needed where it has no end.
    """

    x: Any
    steps: int | None = None

    @property
    def n_batches(self):
        """Batches of an epoch; `None` where they can be read once only (a generator), or have no end that is known."""
        if hasattr(self.x, "__next__"):
            return None
        if self.steps is not None:
            return self.steps
        if isinstance(self.x, keras.utils.PyDataset):
            return self.x.num_batches
        if hasattr(self.x, "cardinality"):  # tf.data: -1 is endless, -2 unknown
            told = int(self.x.cardinality())
            return None if told == -1 else told if told >= 0 else self._counted()
        return len(self.x) if hasattr(self.x, "__len__") else self._counted()

    def read(self, n_batches):
        """Read so many batches and throw them away, pass after pass; those of a `PyDataset` in as many threads as it asks for."""
        while n_batches > 0:
            read = sum(1 for _ in itertools.islice(self._a_pass(n_batches), n_batches))
            if not read:
                return
            n_batches -= read

    def _a_pass(self, n_batches):
        if not isinstance(self.x, keras.utils.PyDataset):
            yield from self.x
            return
        in_all = self.x.num_batches
        numbers = range(n_batches if in_all is None else min(in_all, n_batches))
        if self.x.workers <= 1:
            yield from map(self.x.__getitem__, numbers)
            return
        with ThreadPool(self.x.workers) as pool:
            waiting = deque()
            for number in numbers:
                waiting.append(pool.apply_async(self.x.__getitem__, (number,)))
                if len(waiting) >= max(1, self.x.max_queue_size):
                    yield waiting.popleft().get()
            while waiting:
                yield waiting.popleft().get()

    def _counted(self):
        n = sum(1 for _ in itertools.islice(iter(self.x), _MOST_COUNTED + 1))
        return n if n <= _MOST_COUNTED else None
