"""The record of what is trained: sizes, compiled parts, and a fingerprint of model and data."""

import hashlib
import json
import math
import re
import warnings

import keras
import numpy as np

from ...records import Task
from ..model.copying import layers
from ..rows import leaves
from .own_code import text_of


def task_of(twin, data):
    """The `Task` of a `Twin` and the `Data` it trains on."""
    model, kind = twin.model, data.kind or kind_of(twin.model, data.train.y)
    kept, compiled = list(twin.kept()), _compiled(twin.described)
    classes = class_counts(data.train.y) if kind in ("binary", "multiclass") else np.array([], int)
    fingerprint, parts = _fingerprint(_parts(twin, kept, compiled), data)
    decider = twin.decider
    return Task(
        name=data.name, kind=kind, n_train=data.train.n_rows, n_validation=data.half_a.n_rows + data.half_b.n_rows,
        n_test=data.test.n_rows if data.test is not None else 0, n_params=twin.n_params, n_classes=len(classes),
        rarest=int(classes.min()) if len(classes) else 0, loss=_loss_name(model.loss),
        optimizer=type(getattr(model.optimizer, "inner_optimizer", model.optimizer)).__name__, 
        metrics=tuple("loss" if decider and name == decider.name else name for name in twin.metric_names),
        decides=decider.name if decider else "loss", larger_is_better=bool(decider and decider.larger_is_better),
        weighted=data.train.weight is not None, normalises_over_batch=twin.normalises_over_batch(),
        fingerprint=fingerprint, parts=parts,
        constant_loss=_constant_loss(_loss_name(model.loss), kind, data) if not decider and _is_mean_over_rows(compiled) else None,
        notes=(*data.notes, *twin.notes, *_on_starts(kept)), columns=data.columns,
        target_mean=data.target_mean, target_scale=data.target_scale)


def kind_of(model, y):
    """`"binary"`, `"multiclass"`, `"regression"` or `"custom"`, from the compiled loss and the targets."""
    name = _loss_name(model.loss).replace("_", "").lower()
    if len(leaves(y)) != 1:
        return "custom"
    if "binary" in name:
        return "binary" if np.asarray(leaves(y)[0]).reshape(len(leaves(y)[0]), -1).shape[1] == 1 else "custom"
    if "categorical" in name:
        return "multiclass"
    return "regression" if any(word in name for word in ("mean", "mse", "mae", "huber", "logcosh")) else "custom"


def class_counts(y):
    """int[n_classes]: rows of each class that occurs, from codes, 0/1 columns or one-hot rows."""
    y = np.asarray(leaves(y)[0])
    codes = y.argmax(-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(-1)
    return np.unique(codes, return_counts=True)[1]


def classes_by_row(y):
    """int[n_rows]: the place of each row's class among those that occur; `None` where a row has no one class, as of tokens."""
    y = np.asarray(leaves(y)[0])
    if y.ndim == 2 and y.shape[1] > 1:
        if not (((y == 0) | (y == 1)).all() and (y.sum(1) == 1).all()):
            return None
        codes = y.argmax(1)
    elif y.size == len(y):
        codes = y.reshape(-1)
    else:
        return None
    return np.unique(codes, return_inverse=True)[1].reshape(-1)


def _fingerprint(parts, data):
    """16 hexadecimal digits for model and data, and 8 for each part of the model by its name."""
    whole, by_part = hashlib.sha256(), []
    for name, chunks in parts:
        own = hashlib.sha256()
        for chunk in chunks:
            whole.update(chunk)
            own.update(chunk)
        by_part.append((name, own.hexdigest()[:8]))
    for part in (data.train, *data.parts):
        for leaf in (leaf for tree in (part.x, part.y, part.weight) for leaf in leaves(tree)):
            whole.update(f"{leaf.dtype}{leaf.shape}".encode())
            whole.update(np.ascontiguousarray(leaf).data)
    return whole.hexdigest()[:16], tuple(by_part)


def _parts(twin, kept, compiled):
    """The parts of a model, `(name, bytes in pieces)`; plans and study folders of earlier versions hold a digest of these bytes."""
    yield "architecture", [_architecture(twin.described).encode()]
    yield "optimizer", [json.dumps(twin.optimizer_config, sort_keys=True, default=lambda thing: type(thing).__name__).encode()]
    yield "loss or metrics", [(_loss_name(twin.described.loss) + _without_names(compiled)).encode()]
    model = twin.model
    own = [model, *layers(model), *keras.tree.flatten(model.loss), *model.metrics, model.optimizer]
    yield "code of your own", [text_of(own).encode()]
    yield "values it starts from", (piece for _, place, value in kept for piece in
                                    (f"{place}{value.dtype}{value.shape}".encode(), np.ascontiguousarray(value).tobytes()))
    if twin.decider is not None:
        yield "what decides", [f"{twin.decider.name} {twin.decider.larger_is_better}".encode()]


def _architecture(model):
    """The configuration as text, with the names that Keras counts up (`dense`, `dense_1`, …) replaced by positions."""
    shapes = str([tuple(v.shape) for v in model.variables])
    with warnings.catch_warnings(action="ignore"):  # that a lambda is not safe to load again: it is not loaded
        try:
            return _without_names(model.get_config()) + shapes
        except NotImplementedError:  # a subclassed model need not have one; its shapes and its code then stand for it
            return type(model).__name__ + shapes


def _compiled(model):
    with warnings.catch_warnings(action="ignore"):
        try:
            config = model.get_compile_config() or {}
        except (TypeError, NotImplementedError):  # a part that does not say what it is made of: its name then stands for it
            config = {"loss": _loss_name(model.loss), "metrics": [metric.name for metric in model.metrics]}
    return {name: config.get(name) for name in ("loss", "loss_weights", "metrics", "weighted_metrics")}


def _loss_name(loss):
    names = [part if isinstance(part, str) else getattr(part, "name", None) or getattr(part, "__name__", type(part).__name__)
             for part in keras.tree.flatten(loss) if part is not None]
    return " + ".join(names) or "no compiled loss"


def _without_names(config):
    text = json.dumps(config, sort_keys=True, default=lambda thing: type(thing).__name__)
    for i, name in enumerate(dict.fromkeys(re.findall(r'"name": ("[^"]*")', text))):
        text = text.replace(name, f'"#{i}"')
    return text


def _on_starts(kept):
    """A sentence where weights that are trained start from the same values whatever the seed."""
    n = sum(value.size for trained, _, value in kept if trained and value.size > 1 and (value != value.flat[0]).any())
    if n:
        yield (f"Every seed starts from the same values of {n:,} trainable weights (loaded, or drawn with a seed of their own): "
               "intervals over seeds are about this one start.")


def _is_mean_over_rows(compiled):
    """Whether a compiled loss is what its name says: a mean over rows, nothing smoothed, left out or multiplied."""
    loss = compiled["loss"]
    settings = loss.get("config", {}) if isinstance(loss, dict) else {}
    if not isinstance(settings, dict):  # a function of one's own, by its name
        settings = {}
    return (not compiled["loss_weights"] and not settings.get("label_smoothing") and settings.get("ignore_class") is None
            and settings.get("reduction", "sum_over_batch_size") in ("sum_over_batch_size", "mean", "mean_with_sample_weight"))


def _constant_loss(loss, kind, data):
    """Validation loss of the constant answer that fits the training targets best; `None` for a loss not known here.

    Weights of the training rows have no part in it: what is judged is judged without them.
    """
    weighted = any(part.weight is not None for part in (data.half_a, data.half_b))
    if kind not in ("binary", "multiclass", "regression") or weighted or len(leaves(data.train.y)) != 1:
        return None
    train, judged = (_targets(parts, kind) for parts in ((data.train,), (data.half_a, data.half_b)))
    name = loss.replace("_", "").lower()
    if kind == "regression" and train.shape[1:] in ((), (1,)):
        if name in ("mse", "meansquarederror"):
            return float(np.mean((judged - train.mean()) ** 2))
        return float(np.mean(np.abs(judged - np.median(train)))) if name in ("mae", "meanabsoluteerror") else None
    if "crossentropy" not in name or "focal" in name:
        return None
    classes, counts = np.unique(train, return_counts=True)
    share = dict(zip(classes.tolist(), (counts / counts.sum()).tolist(), strict=True))
    return float(np.mean([-math.log(share.get(label, 1e-7)) for label in judged.tolist()]))


def _targets(parts, kind):
    """The targets of some parts as one array: values, or one label a row."""
    arrays = [np.asarray(leaves(part.y)[0]) for part in parts]
    y = np.concatenate([a.reshape(len(a), -1) for a in arrays])
    if kind == "regression":
        return y.astype(float)
    return y.argmax(-1) if y.shape[1] > 1 else y[:, 0]
