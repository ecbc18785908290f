"""The user's model in training on TensorFlow: Keras' own step as a graph, called one by one or by a loop that is a graph too."""

import keras
import numpy as np
import tensorflow as tf

from ...base.errors import Unsupported
from ..model.copying import layers
from ..rows import over
from . import accumulate, shared
from .tensorflow_accumulate import accumulated
from .tensorflow_step import Step


def bind(model, micro_batch_size=None):
    """The `Trainee` of a compiled and built model on TensorFlow. It trains in the model's own variables.

    `"looped"` and `"stepwise"` run the graph of a step that `fit` runs: equal to the last bit. `"fused"` hands the loop to XLA,
    which rounds otherwise where `fit` would not have compiled the step with XLA (`model.jit_compile`).

    Args:
        model: its optimizer and metrics built too.
        micro_batch_size: rows of which the gradient is taken at once; the whole batch when `None`.

    Raises:
        Unsupported: the model is spread over devices by a strategy, or cannot be trained in micro-batches. `train` and `test`
            raise it, before anything has changed, for `"fused"` where XLA cannot compile the step or would draw other numbers.
    """
    if tf.distribute.has_strategy() or model.distribute_strategy is not tf.distribute.get_strategy():
        raise Unsupported(f"The model `{model.name}` was made under a tf.distribute strategy, which cuts the batches for its "
                          "devices. Train it with Keras' own fit, or make it outside the strategy.")
    if micro_batch_size is None:
        return _Trainee(model, {"train": Step(model, model.train_step), "test": Step(model, model.test_step)})
    accumulate.refuse(model, micro_batch_size)
    train, test = accumulated(model, micro_batch_size)
    return _Trainee(model, {"train": Step(model, train, static=True), "test": Step(model, test, static=True)},
                    accumulate.Check(model, micro_batch_size))


class _Trainee:
    backend = "tensorflow"

    def __init__(self, model, steps, check=None):
        self._model, self._steps, self._check = model, steps, check
        self.device = "gpu" if tf.config.list_physical_devices("GPU") else "cpu"
        uncompiled = [layer.name for layer in layers(model) if not layer.supports_jit]
        self.why_not = {"fused": f"The layer `{uncompiled[0]}` cannot be compiled by XLA."} if uncompiled else {}
        self.modes = tuple(mode for mode in ("fused", "looped", "stepwise") if mode not in self.why_not)

    def put(self, batch):
        return tuple(over(tf.convert_to_tensor, keras.tree.lists_to_tuples(tree)) for tree in batch)  # as Keras' own data set does

    def train(self, data, rows, mode):
        if self._check is not None:
            self._check(data, rows)
        return self._run("train", data, rows, mode)

    def test(self, data, rows, mode):
        return self._run("test", data, rows, mode)

    def reset_metrics(self):
        self._model.reset_metrics()
        for step in self._steps.values():
            step.begin_epoch()

    def load(self):
        pass

    def store(self):
        pass

    def kept(self):
        return shared.kept(self._model)

    def numbers(self, logs):
        return shared.numbers(logs, _fetch)

    def wait(self):
        tf.test.experimental.sync_devices()

    def _run(self, what, data, rows, mode):
        shared.refuse_mode(self, mode)
        return getattr(self._steps[what], mode)(data, np.ascontiguousarray(rows, np.int32))


def _fetch(values):
    """NumPy arrays of tensors, in one transfer."""
    if tf.config.list_physical_devices("GPU") and all(tf.convert_to_tensor(value).shape == () for value in values):
        return list(tf.stack([tf.cast(value, tf.float64) for value in values]).numpy())
    return [np.asarray(value) for value in values]
