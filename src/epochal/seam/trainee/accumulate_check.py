"""What forbids micro-batches and only shows on rows: a model's loss and layers are tried on a few of them."""

import keras
import numpy as np

from ...base.errors import Unsupported
from ..rows import leaves, over
from .accumulate import part, part_of_loss, takes_training, whole
from .shared import kept

_AGREE = {"float16": 2e-2, "bfloat16": 2e-2}  # of the loss, by the type it is computed in; else:
_AGREE_ELSE = 1e-4


def check(model, batch):
    """Raise `Unsupported` unless the loss of these rows is the sum of the parts of it, and training leaves no other traces.

    For what a model's own functions may do and its configuration does not tell: a loss over pairs of rows, the root of a mean, a
    mask, `add_loss` of a sum, moving statistics in a layer of one's own. Everything is as it was afterwards.

    Args:
        batch: at least two rows, on the device; the model's variables must be valid.
    """
    n = len(leaves(batch[0])[0])
    cut = n - max(1, n // 3)
    pieces = [slice(0, cut), slice(cut, n)]
    with kept(model):
        of = whole(model, batch)
        for stir in (False, True):
            expected, *parts = (_loss(model, batch, of, rows, stir) for rows in (slice(0, n), *pieces))
            _refuse_another_loss(model, expected, sum(parts), n)
        moved = _moved(model, over(lambda a: a[pieces[0]], batch), of)
    if moved:
        raise Unsupported(f"Training changes `{moved[0]}` by the rows seen at once, so micro-batches would change it otherwise "
                          "than the whole batch. Leave out micro_batch_size.")


class Check:
    """`check`, once, with the first batch that will be split."""

    def __init__(self, model, micro_batch_size):
        self._model, self._micro_batch_size, self._done = model, micro_batch_size, False

    def __call__(self, data, rows):
        if not self._done and len(rows[0]) > self._micro_batch_size:
            first = rows[0][: max(2, self._micro_batch_size)]
            check(self._model, over(lambda a: keras.ops.take(a, first, axis=0), data))
            self._done = True


def _loss(model, batch, of, rows, stir):
    """The part of the loss that some rows make; stirred, each with a prediction far from the others', as a fresh model has none."""
    batch = over(lambda a: a[rows], batch)
    y_pred = model(batch[0], **({"training": False} if takes_training(model.call) else {}))
    if any(getattr(p, "_keras_mask", None) is not None for p in leaves(y_pred)):  # there is no public way to ask for it
        raise Unsupported(f"The predictions of the model `{model.name}` are masked, and their loss is a mean over places that are "
                          "not, of which each micro-batch has another number. Leave out micro_batch_size.")
    if stir:
        y_pred = over(lambda p: p + keras.ops.cast(_waves(rows, p.shape[1:]), p.dtype), y_pred)
    return float(keras.ops.convert_to_numpy(part_of_loss(model, batch, y_pred, of, training=False)))


def _waves(rows, shape):
    """float32[n_rows, *shape]: numbers up to 4, no two rows alike, and the first rows smaller."""
    places, at = np.arange(np.prod(shape, dtype=int)) * 2.1, np.arange(rows.start, rows.stop)[:, None]
    return (np.minimum(at + 1, 4) * np.abs(np.sin(1 + 0.7 * at + places))).reshape(-1, *shape).astype("float32")


def _refuse_another_loss(model, expected, sum_of_parts, n):
    tolerance = _AGREE.get(keras.backend.standardize_dtype(model.compute_dtype), _AGREE_ELSE)
    if not abs(expected - sum_of_parts) <= tolerance * max(abs(expected), 1e-3):
        raise Unsupported(f"The loss of the model `{model.name}` on a batch is not put together from its rows ({expected:.6g} on "
                          f"{n} rows, {sum_of_parts:.6g} from two parts of them), so micro-batches would train another loss. Let "
                          "the loss return one number for each row, or leave out micro_batch_size.")


def _moved(model, batch, of):
    """Names of the variables that a step forward in training changes, random streams apart."""
    fixed = [v for v in model.non_trainable_variables if "seed" not in v.name]
    before = [np.array(keras.ops.convert_to_numpy(v)) for v in fixed]
    part(model, batch, of, training=True)
    return [v.path for v, old in zip(fixed, before, strict=True) if (keras.ops.convert_to_numpy(v) != old).any()]
