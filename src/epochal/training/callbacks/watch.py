"""`WatchNoise` and `WatchBatchNorm`: what gradients and moving statistics are like along a training. They change nothing."""

import math

import keras
import numpy as np

from ...base.validate import require, whole_number
from ...rules.moving_statistics import weight_left
from ..fit.arguments import without_scaling
from ..fit.batch_norm import reestimate_batch_norm, training_batch_norms
from .noise import n_wanted, noise_of
from .steering import Steering, as_rows, assign, copies

_ROWS = 2048


class WatchNoise(Steering):
    """Log the simple noise scale after every epoch: the batch size at which the gradient stands out of its noise.

    An order of magnitude, never the batch size to use. It takes the gradients of up to 16 chunks of 64 rows.

    Args:
        rows: `(x, y)`, needed where the training rows cannot be seen: under `model.fit`, and where x cuts its own batches.
        batch_size: of the training, where it cannot be seen; it matters where the model normalises over the batch.
        every: epochs from one look to the next. seed: draws the rows.

    Logs `noise_scale`, `noise_scale_low` and `noise_scale_high` (a 95 % interval); not a number where it was not measured.
    """

    def __init__(self, rows=None, *, batch_size=32, every=1, seed=0):
        super().__init__()
        whole_number("every", every, cure="Pass 1.")
        whole_number("batch_size", batch_size, cure="Pass 32.")
        self._rows, self._size, self._epochs, self._seed = as_rows(rows), batch_size, every, seed

    def on_train_begin(self, logs=None):
        self.rows_for(self._rows, 1, np.random.default_rng(0))  # refused now, and not after an epoch

    def on_epoch_end(self, epoch, logs=None):
        found = (math.nan,) * 3
        if (epoch + 1) % self._epochs == 0:
            n = self._rows.n_rows if self._rows is not None else self.held.n_rows
            size = self.held.batch_size if self.held is not None else None
            chunk, n_chunks = n_wanted(self.model, size or self._size, n)
            if n_chunks > 0:
                batch = self.rows_for(self._rows, chunk * n_chunks, np.random.default_rng((self._seed, epoch)))
                noise = noise_of(self.looking, batch, n_chunks)
                found = noise.scale, noise.low, noise.high
        if logs is not None:
            logs |= dict(zip(("noise_scale", "noise_scale_low", "noise_scale_high"), found, strict=True))


class WatchBatchNorm(Steering):
    """Log how much the moving statistics of batch-norm cost, and how much of what they began with is left in them.

    Logs `batch_norm_gap`: the loss with moving statistics less that with statistics of the present weights, on the same rows;
    positive where the moving ones lag. And `batch_norm_initial_weight`: momentum^updates.

    Args:
        rows: `(x, y)`, needed where the training rows cannot be seen: under `model.fit`, and where x cuts its own batches.
        every: epochs from one look to the next.
    """

    def __init__(self, rows=None, *, every=1):
        super().__init__()
        whole_number("every", every, cure="Pass 1.")
        self._rows, self._epochs = as_rows(rows), every

    def on_train_begin(self, logs=None):
        require(training_batch_norms(self.model), "model", self.model.name, "a model with a batch-norm layer that trains",
                "There is nothing to watch: leave WatchBatchNorm out.")
        self.rows_for(self._rows, 1, np.random.default_rng(0))

    def on_epoch_end(self, epoch, logs=None):
        if logs is None:
            return
        found = training_batch_norms(self.model)
        n_updates = int(keras.ops.convert_to_numpy(without_scaling(self.model.optimizer).iterations))
        logs["batch_norm_gap"] = self._gap(found) if (epoch + 1) % self._epochs == 0 else math.nan
        logs["batch_norm_initial_weight"] = weight_left(max(layer.momentum for layer in found), n_updates)

    def _gap(self, found):
        batch = self.rows_for(self._rows, _ROWS, np.random.default_rng(1))
        moving = [v for layer in found for v in (layer.moving_mean, layer.moving_variance)]
        before, held = float(self.looking.losses([batch])[0]), copies(moving)
        size = self.held.batch_size if self.held is not None else None
        reestimate_batch_norm(self.model, batch[0], batch_size=size or 32, n_batches=16)
        after = float(self.looking.losses([batch])[0])
        assign(moving, held)
        return before - after
