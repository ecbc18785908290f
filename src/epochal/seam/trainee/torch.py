"""The user's model in training on PyTorch: Keras' own step, one after the other, on rows that are on the device already."""

import keras
import numpy as np
import torch

from ..rows import over
from . import accumulate, protocol


def bind(model, micro_batch_size=None, trains=None, judges=None):
    """The `Trainee` of a compiled and built model on PyTorch; `trains` and `judges`: its `Head`, where that does.

    It trains in the model's own variables, equal to the last bit.
    """
    trains, judges = trains or model, judges or model
    if micro_batch_size is None:
        return _Trainee(model, trains, *_steps(model, trains, judges))
    accumulate.refuse(model, micro_batch_size)
    train, test = _accumulated(trains, micro_batch_size)[0], _accumulated(judges, micro_batch_size)[1]
    return _Trainee(model, trains, train, test, micro_batch_size)


def _steps(model, trains, judges):
    """The steps of training and validation. Keras' two functions compile them with torch.compile where the model asks for it."""
    model.make_train_function()
    model.make_test_function()

    def judged(batch):
        with torch.no_grad():
            return judges.test_step(batch)

    return (trains.train_step if trains is not model else lambda batch: model.train_function([batch]),
            judged if judges is not model else lambda batch: model.test_function([batch]))


class _Trainee:
    backend, modes, convolves_in_loops = "torch", ("stepwise",), False
    why_not = dict.fromkeys(("fused", "looped"), "PyTorch runs one operation after the other, not a program.")

    def __init__(self, model, trains, train, test, micro_batch_size=None):
        self._model, self._train, self._test, self._check = model, train, test, accumulate.Check(trains, micro_batch_size)
        self._on = keras.ops.convert_to_tensor(0.0).device
        self.device = self._on.type

    def put(self, batch, *, any_size=False):
        return tuple(over(self._put, tree) for tree in batch)

    def train(self, data, rows, mode):
        if self._check.is_due(rows):
            with torch.random.fork_rng(devices=[self._on] if self.device == "cuda" else []):
                self._check(data, rows)
        # Layers of PyTorch's own listen to this. Between calls it is as Keras leaves it after an epoch.
        self._model.train()
        try:
            return self._run(self._train, data, rows, mode)
        finally:
            self._model.eval()

    def test(self, data, rows, mode):
        self._model.eval()
        return self._run(self._test, data, rows, mode)

    def reset_metrics(self):
        self._model.reset_metrics()

    def load(self):
        """Nothing: it trains in the model's own variables."""

    store = load

    numbers = staticmethod(protocol.numbers)

    def wait(self):
        if self.device == "cuda":
            torch.cuda.synchronize(self._on)

    def _run(self, step, data, rows, mode):
        protocol.refuse_mode(self, mode)
        for row in torch.from_numpy(np.ascontiguousarray(rows, np.int64)).to(self._on):
            # Rows are copied, even where a slice would do: a layer that works in place would write into the user's data.
            logs = step(keras.utils.pack_x_y_sample_weight(*over(lambda a, row=row: a.index_select(0, row), data)))
        return logs

    def _put(self, array):
        if array.dtype.kind not in "bif" and array.dtype != np.uint8:
            return keras.ops.convert_to_tensor(array)  # PyTorch lacks the type; Keras knows which one it takes instead
        array = np.ascontiguousarray(array)
        array = array if array.flags.writeable else array.copy()  # PyTorch warns of memory that it must not write to
        return torch.from_numpy(array).to(self._on, non_blocking=True)


def _accumulated(model, micro_batch_size):
    def parts(packed):
        """Each micro-batch, and the batch that it is a part of."""
        batch, start = keras.utils.unpack_x_y_sample_weight(packed), 0
        of = accumulate.whole(model, batch)
        for size in accumulate.split(of.n_rows, micro_batch_size):
            yield over(lambda a, rows=slice(start, start + size): a[rows], batch), of
            start += size

    def train(packed):
        model.zero_grad()
        for batch, of in parts(packed):
            y_pred, part = accumulate.part(model, batch, of, training=True)
            model.optimizer.scale_loss(part).backward()  # adds to the gradient that is there
            logs = accumulate.record(model, batch, over(torch.Tensor.detach, y_pred), part.detach(), of)
        weights = model.trainable_variables
        with torch.no_grad():
            model.optimizer.apply([v.value.grad for v in weights], weights)
        return logs

    def test(packed):
        with torch.no_grad():
            for batch, of in parts(packed):
                y_pred, part = accumulate.part(model, batch, of, training=False)
                logs = accumulate.record(model, batch, y_pred, part, of)
        return logs

    return train, test
