"""Rows that keep arriving: each is answered by the model as it is then, and only after that learned from."""

import keras
import numpy as np

from ...base.errors import Unsupported
from ..model.copying import compile_like, copy_of, refuse_uncompiled
from ..rows import over
from .open import build_for_training, only_keras

_ROWS = 1024  # that a program takes at once


def open_online(model, sample, batch_size, replays):
    """What answers and learns batch after batch: a learner with `learn`, `store`, `n_rows` (the most for one call) and `model`.

    On JAX batches run in one compiled loop; elsewhere, and where the model asks to be run otherwise, one after the other by Keras'
    own `predict_on_batch` and `train_on_batch`.

    Args:
        sample: (x, y) of a few rows. replays: whether every batch is followed by one of rows seen before.
    """
    build_for_training(model, (*sample, None))
    judge = judge_of(model)
    if keras.backend.backend() == "jax" and only_keras(model) is None:
        from .online_jax import Looped

        return Looped(model, judge, batch_size, max(1, _ROWS // batch_size), replays)
    return Stepped(model, judge, batch_size, max(1, _ROWS // batch_size), replays)


def same_again(model, sample):
    """A copy of a compiled model, in the same state: weights, and what the optimizer remembers; `sample`: (x, y) of a few rows."""
    build_for_training(model, (*sample, None))
    other = copy_of(model)
    compile_like(other, model, type(model.optimizer).from_config(model.optimizer.get_config()))
    build_for_training(other, (*sample, None))
    for name, group in variables_of(model).items():
        for ours, theirs in zip(variables_of(other)[name], group, strict=True):
            ours.assign(theirs)
    return other


def judge_of(model):
    """A function (y, outputs) -> (loss of each row, error of each), whose `metric` is the name of what the errors make.

    The loss is the one that the model is compiled with, without what layers add. The error is 1 for a wrong class and 0 for a right
    one; for numbers, the absolute error.

    Raises:
        Unsupported: the model has several outputs or losses.
    """
    refuse_uncompiled(model, "model")
    given = model.loss
    if given is None or isinstance(given, dict | list | tuple) or len(model.outputs if model.built else [0]) != 1:
        raise Unsupported(f"The model `{model.name}` has several outputs, or no loss: a stream is judged by one. Compile it with "
                          "one loss on one output.")
    loss = keras.losses.get(given)
    call = loss.call if isinstance(loss, keras.losses.Loss) else loss
    name = (type(loss).__name__ if isinstance(loss, keras.losses.Loss) else getattr(loss, "__name__", "")).lower().replace("_", "")
    logits = bool(getattr(loss, "from_logits", False))
    kind = next((k for k in ("sparsecategorical", "categorical", "binary") if k in name), "numbers")
    ops = keras.ops

    def judge(y, outputs):
        if kind != "sparsecategorical" and len(y.shape) == len(outputs.shape) - 1:
            y = ops.expand_dims(y, -1)
        if kind == "sparsecategorical" and len(y.shape) == len(outputs.shape):
            y = ops.squeeze(y, -1)
        if kind != "sparsecategorical":
            y = ops.cast(y, outputs.dtype)
        losses = call(y, outputs)
        if kind == "binary":
            errors = ops.cast((outputs > (0.0 if logits else 0.5)) != (y > 0.5), "float32")
        elif kind == "numbers":
            errors = ops.abs(ops.cast(y, "float32") - ops.cast(outputs, "float32"))
        else:
            right = y if kind == "sparsecategorical" else ops.argmax(y, -1)
            errors = ops.cast(ops.argmax(outputs, -1) != ops.cast(right, "int32"), "float32")
        return _each(losses), _each(errors)

    judge.metric = "mean_absolute_error" if kind == "numbers" else "accuracy"
    return judge


def _each(values):
    """One number a row."""
    values = keras.ops.cast(values, "float32")
    return keras.ops.mean(keras.ops.reshape(values, (values.shape[0], -1)), axis=-1) if len(values.shape) > 1 else values


class Stepped:
    """Answers and learns by Keras' own two functions, a batch at a time."""

    def __init__(self, model, judge, batch_size, n_batches, replays):
        self.model, self.batch_size, self.n_rows, self.metric = model, batch_size, batch_size * n_batches, judge.metric
        self._judge, self._replays = judge, replays

    def learn(self, x, y, again=None):
        """(losses, errors) of the rows, float32[n] each; n is a multiple of the batch size, `n_rows` at most, or less than a batch.

        Args:
            again: (x, y) of as many rows, which are learned from once more after each batch; needed where it `replays`.
        """
        found, size = [], self.batch_size
        for start in range(0, len(y), size):
            part = slice(start, start + size)
            bx, by = over(lambda a, part=part: a[part], x), y[part]
            outputs = keras.ops.convert_to_tensor(self.model.predict_on_batch(bx))
            found.append([np.asarray(keras.ops.convert_to_numpy(v)) for v in self._judge(keras.ops.convert_to_tensor(by), outputs)])
            self.model.train_on_batch(bx, by)
            if self._replays:
                self.model.train_on_batch(over(lambda a, part=part: a[part], again[0]), again[1][part])
        return tuple(np.concatenate(one) for one in zip(*found, strict=True))

    def store(self):
        """Nothing: it trains in the model's own variables."""

    load = store


def variables_of(model):
    """All that training changes, in groups by name; the numbers of Keras' own metrics are not looked at."""
    return {"weights": model.trainable_variables, "fixed": model.non_trainable_variables, "slots": model.optimizer.variables}
