"""What all our callbacks share: the training that they are part of, its rows, its rate, and when they look within an epoch."""

import keras
import numpy as np

from ...base.errors import UsageError
from ...seam.looking import Looking
from ...seam.rows import leaves, over
from ..feeds.cast import rows_of
from ..fit.arguments import without_scaling


class Steering(keras.callbacks.Callback):
    """A callback that `ep.fit` tells of blocks of batches, so that it goes on at its own speed.

    Attributes:
        in_blocks: no hook at every batch is needed. every: updates of an epoch between two looks; `None` for none within it.
        hold: the training under `ep.fit` that it was attached to last.
    """

    in_blocks, every, hold = True, None, None

    def __init__(self):
        super().__init__()
        self._done, self._looking = 0, None

    def attach(self, hold):
        """Called by `ep.fit` before the training begins."""
        self.hold = hold

    def resumed(self):
        """Called by `ep.fit` when a checkpoint has put back what the callback remembers."""

    @property
    def held(self):
        """The training under `ep.fit` that runs now; `None` under `model.fit`."""
        return self.hold if self.hold is not None and self.hold.active and self.hold.model is self.model else None

    @property
    def looking(self):
        if self._looking is None or self._looking.model is not self.model:
            self._looking = Looking(self.model)
        return self._looking

    def on_epoch_begin(self, epoch, logs=None):
        self._done = 0

    def is_due(self, batch):
        """Whether a multiple of `every` was reached since the last call in this epoch."""
        before, self._done = self._done, batch + 1
        return bool(self.every) and self._done // self.every > before // self.every

    @property
    def rate(self):
        return float(keras.ops.convert_to_numpy(without_scaling(self.model.optimizer).learning_rate))

    @rate.setter
    def rate(self, value):
        without_scaling(self.model.optimizer).learning_rate = float(value)

    def refuse_schedule(self):
        """Raise `UsageError` where the learning rate is no number that could be set."""
        if isinstance(without_scaling(self.model.optimizer).get_config().get("learning_rate"), dict):
            raise UsageError(f"`optimizer` must be compiled with a number as learning rate for {type(self).__name__}, which sets "
                             "it; got a schedule. Compile with a number.")

    def rows_for(self, given, n, rng):
        """A `Batch` of `n` training rows: of those that were `given`, else of those of `ep.fit`."""
        if given is not None:
            return given.take(rng.permutation(given.n_rows)[:n])
        found = self.held and self.held.rows(n, rng)
        if not found:
            raise UsageError(f"`rows` must be some training rows for {type(self).__name__} here, where it cannot see those of the "
                             f"training; got None. Pass {type(self).__name__}(rows=(x, y)), or train arrays with ep.fit.")
        return found


def as_rows(given):
    """`Rows` of `(x, y)` or `(x, y, sample_weight)`; `None` stays."""
    if given is None:
        return None
    return rows_of(*keras.utils.unpack_x_y_sample_weight(given))


def in_blocks(batch, n_blocks):
    """A `Batch` cut into `n_blocks` of equally many rows; what is left over is left out."""
    size = len(leaves(batch[0])[0]) // n_blocks
    return [tuple(over(lambda a, i=i: a[i * size : (i + 1) * size], tree) for tree in batch) for i in range(n_blocks)]


def rest_of(batch, n_blocks):
    """What `in_blocks` leaves out, as a `Batch`."""
    n = n_rows_in(batch)
    return tuple(over(lambda a: a[n - n % n_blocks :], tree) for tree in batch)


def n_rows_in(batch):
    return len(leaves(batch[0])[0])


def copies(variables):
    """NumPy copies of what variables hold: a program may be given their memory."""
    return [np.array(keras.ops.convert_to_numpy(v)) for v in variables]


def assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
