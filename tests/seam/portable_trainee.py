"""Training through public Keras alone, batch by batch: the yardstick of the contract that every trainee keeps."""

from contextlib import contextmanager

import keras
import numpy as np

from epochal.base.errors import Unsupported
from epochal.seam.rows import over
from epochal.seam.trainee.protocol import numbers, refuse_mode


def bind(model, micro_batch_size=None):
    """The trainee of Keras itself, batch by batch with `train_on_batch`.

    Args:
        model: compiled and built; it trains in its own variables.

    Raises:
        Unsupported: `micro_batch_size` is given; Keras alone hands out no gradients.
    """
    if micro_batch_size is not None:
        raise Unsupported(f"Micro-batches need gradients, which Keras does not give on the back end {keras.backend.backend()!r}. "
                          "Run Keras on JAX, TensorFlow or PyTorch.")
    return _Trainee(model)


class _Trainee:
    """See `Trainee`."""

    modes = ("stepwise",)

    def __init__(self, model):
        self.backend = keras.backend.backend()
        self.why_not = dict.fromkeys(("fused", "looped"), "Keras alone takes one step at a time")
        self._model = model

    def put(self, batch, *, any_size=False):
        return tuple(over(np.asarray, tree) for tree in batch)

    def train(self, data, rows, mode):
        return self._run(self._model.train_on_batch, data, rows, mode)

    def test(self, data, rows, mode):
        return self._run(self._model.test_on_batch, data, rows, mode)

    def reset_metrics(self):
        self._model.reset_metrics()

    def load(self):
        pass

    def store(self):
        pass

    def numbers(self, logs):
        return numbers(logs)

    def wait(self):
        pass  # `train_on_batch` returns numbers, so nothing is left running

    def _run(self, on_batch, data, rows, mode):
        refuse_mode(self, mode)
        logs = {}
        with _metrics_running_on(self._model):
            for row in np.asarray(rows):
                x, y, weight = (over(lambda a, row=row: a[row], tree) for tree in data)
                logs = on_batch(x, y, sample_weight=weight, return_dict=True)
        return logs


@contextmanager
def _metrics_running_on(model):
    """`train_on_batch` forgets the metrics before every batch; inside an epoch it must not."""
    vars(model)["reset_metrics"] = lambda: None
    try:
        yield
    finally:
        del vars(model)["reset_metrics"]
