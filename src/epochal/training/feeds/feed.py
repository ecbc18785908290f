"""What training is fed with: chunks of batches, whatever the data come from."""

from typing import Any, NamedTuple, Protocol

import numpy as np


class Chunk(NamedTuple):
    """Some batches of one size.

    Attributes:
        data: a `Batch` (x, y, sample weight) on the device, put there by `trainee.put`.
        rows: int32[n_batches, batch_size]: the rows of `data` that make each batch, in the order of training.
    """

    data: Any
    rows: np.ndarray


class Feed(Protocol):
    """Rows for training or validation, cut into batches.

    Attributes:
        n_batches: of an epoch; `None` where it is not known before the first epoch ends (a generator).
        n_rows: of an epoch; `None` where it is not known.
        batch_size: rows of a batch; `None` where the source cuts its own.
        sample: a small `Batch` of NumPy arrays (a few rows), from which the model's lazy parts are built.
    """

    n_batches: int | None
    n_rows: int | None
    batch_size: int | None
    sample: Any

    def epoch(self, trainee, skip=0): ...   # -> iterator of `Chunk`s, a short last batch by itself; draws the order of the rows
                                            # first, then leaves out the first `skip` batches
    def rehearse(self): ...                 # draws and reads what Keras does to build a model from the first batch
    def reset(self): ...                    # begins anew, as Keras does before training and before every validation
    def state(self): ...                    # where it stands between two epochs, for a checkpoint: plain, or `None`
    def restore(self, state): ...           # goes on there, with another feed of the same data
    def close(self): ...                    # ends threads and files
