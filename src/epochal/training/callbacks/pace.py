"""`Progress` and `WatchInput`: how fast a training is, how long it will take, and how much of the time it waits for data."""

import math
from time import perf_counter

from ...base.text import quantity
from ...base.validate import require
from ...rules.steering.pace import pace
from .steering import Steering


class Progress(Steering):
    """Log `updates_per_second`, `examples_per_second` and `seconds_left` of every epoch.

    Keras' own line of progress shows them.

    Args:
        n_rows: of an epoch, where it cannot be seen: under `model.fit`.
        tell: called with a sentence after every epoch, as `print`; nobody if left out.
    """

    def __init__(self, n_rows=None, *, tell=None):
        super().__init__()
        require(tell is None or callable(tell), "tell", tell, "a function of a sentence", "Pass tell=print.")
        self._n_rows, self._tell, self._seconds, self._since, self._last = n_rows, tell, [], None, 0

    def on_train_begin(self, logs=None):
        self._seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        self._since, self._last = perf_counter(), 0

    def on_train_batch_end(self, batch, logs=None):
        self._last = batch + 1

    def on_epoch_end(self, epoch, logs=None):
        self._seconds.append(perf_counter() - self._since)
        n_rows = self._n_rows or (self.held.n_rows if self.held is not None else None) or math.nan
        now = pace(self._seconds, self._last, n_rows, self.params.get("epochs", epoch + 1) - epoch - 1)
        if logs is not None:
            logs |= now._asdict()
        if self._tell is not None:
            self._tell(f"Epoch {epoch + 1} of {self.params.get('epochs')}: {now.updates_per_second:.3g} updates a second, "
                       f"{quantity('s', now.seconds_left)} left.")


class WatchInput(Steering):
    """Log `input_share`: the share of an epoch's time that training waited for batches.

    Under `model.fit` it is the time between the end of a batch and the beginning of the next one, which counts what other callbacks
    do there.
    """

    def __init__(self):
        super().__init__()
        self._since, self._ended, self._waited, self._before = None, None, 0.0, 0.0

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        self._since = self._ended = perf_counter()
        self._waited, self._before = 0.0, self.held.seconds_reading if self.held is not None else 0.0

    def on_train_batch_begin(self, batch, logs=None):
        if self._ended is not None:
            self._waited += perf_counter() - self._ended
            self._ended = None

    def on_train_batch_end(self, batch, logs=None):
        self._ended = perf_counter()
        self._spent = self._ended - self._since

    def on_epoch_end(self, epoch, logs=None):
        waited = self._waited if self.held is None else self.held.seconds_reading - self._before
        if logs is not None:
            logs["input_share"] = min(1.0, waited / max(self._spent, 1e-9))
