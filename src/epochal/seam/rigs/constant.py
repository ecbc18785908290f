"""What a network that has learnt nothing but one constant answer is worth, in the model's own loss and metrics."""

import keras
import numpy as np

from ..model.copying import has_own_step
from ..rows import leaves, over

_NEVER = 1e-7  # the share of a class that no training row has


def constant_figures(twin, data, kind):
    """Loss and metrics of the constant answers that fit the training targets best, the mean over both validation halves.

    Returns:
        float[n_answers, 1 + n_metrics]: of the mean and of the median for a regression, of the classes' shares for classes, as
        probabilities or logits, whichever the loss prefers. `None` where there is more than one output, or where its shape does
        not go with the targets, or where the model has its own way to its loss or metrics, which may look at the inputs.
    """
    model = twin.compiled(0)
    if has_own_step(model, "compute_loss") or has_own_step(model, "compute_metrics"):
        return None
    twin.build(model)
    few = model(over(keras.ops.convert_to_tensor, data.train.take(slice(0, 2)).x), training=False)
    answers = _answers(few, data.train.y, kind)
    if answers is None:
        return None
    found = np.array([np.mean([_judged(model, part, np.asarray(answer, "float32"), twin.metric_names)
                               for part in (data.half_a, data.half_b)], 0) for answer in answers])
    return found if kind == "regression" else found[[found[:, 0].argmin()]]


def _answers(few, y, kind):
    if keras.tree.is_nested(few) or len(leaves(y)) != 1 or len(few.shape) > 2 or kind == "custom":
        return None
    like, units = tuple(few.shape[1:]), int(np.prod(few.shape[1:]))
    y = np.asarray(leaves(y)[0])
    rows = y.reshape(len(y), -1)
    if kind == "regression" or (kind == "binary" and units == 1):
        if units != rows.shape[1]:
            return None
        if kind == "regression":
            return [np.reshape(middle(rows, 0), like) for middle in (np.mean, np.median)]
        share = np.clip(np.mean(rows), _NEVER, 1 - _NEVER)
        return [np.full(like, share), np.full(like, np.log(share / (1 - share)))]
    codes = rows.argmax(-1) if rows.shape[1] > 1 else rows[:, 0].astype(int)
    if kind != "multiclass" or codes.max() >= units or codes.min() < 0:
        return None
    shares = np.maximum(np.bincount(codes, minlength=units) / len(codes), _NEVER)
    return [shares, np.log(shares)]


def _judged(model, part, answer, names):
    y_pred = keras.ops.convert_to_tensor(np.broadcast_to(answer, (part.n_rows, *answer.shape)).copy())
    y, weight = (over(keras.ops.convert_to_tensor, tree) for tree in (part.y, part.weight))
    model.reset_metrics()
    fixed = sum(map(_number, model.losses))  # of the weights, which have no part in a constant answer
    loss = _number(model.compute_loss(y=y, y_pred=y_pred, sample_weight=weight)) - fixed
    model.compute_metrics(x=None, y=y, y_pred=y_pred, sample_weight=weight)
    results = model.get_metrics_result()
    return [loss, *(_number(results[name]) for name in names)]


def _number(tensor):
    return float(keras.ops.convert_to_numpy(tensor))
