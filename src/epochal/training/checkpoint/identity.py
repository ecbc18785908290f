"""What makes a training this one and no other, as plain values by name: they stand in its checkpoint, and are compared there."""

import enum
import hashlib
import inspect
import json
import os
import re
import weakref
import zlib

import keras
import numpy as np

from ...seam.identity.fingerprint import settings_of
from ...seam.model.copying import metrics_of
from ...seam.rows import leaves
from ..fit.arguments import n_rows_of

_PARTS = (keras.layers.Layer, keras.Operation, keras.optimizers.Optimizer, keras.optimizers.schedules.LearningRateSchedule,
          keras.metrics.Metric, keras.losses.Loss, keras.regularizers.Regularizer, keras.constraints.Constraint)
# Counted up or drawn, or told by other means:
_NOT_TOLD = {"name", "seed", "layers", "inputs", "outputs", "trainable", "dtype", "output_names"}
_KNOWN = weakref.WeakKeyDictionary()  # a model or optimizer: {checkpoint file: its settings when it was first trained there}


def identity_of(model, feed, callbacks, told, file):
    """What a training is, for `Checkpoint`.

    Two runs of the same code agree in it, whatever Keras counted up or drew. What cannot be told without running the user's code or
    writing Keras' configurations, which takes seconds, is left out: the inside of functions, how the layers of a graph are wired.

    Args:
        model: compiled and built. feed: the `Feed` of the training rows. callbacks: the user's.
        told: plain values by name that were asked for beside model and rows. file: where the checkpoint is written.
    """
    shapes, judging = ([list(v.shape) for v in variables] for variables in (model.variables, model.metrics_variables))
    digest = zlib.crc32(b"".join(np.ascontiguousarray(leaf).tobytes() for tree in feed.sample for leaf in leaves(tree)))
    metrics = [metric for metric in metrics_of(model) if not getattr(metric, "metrics", None)]  # not those that hold others
    return {"model": f"{type(model).__name__} with variables {shapes}", "optimizer": type(model.optimizer).__name__,
            "loss": settings_of(model.loss), "set of metrics": f"variables {judging}", **told,
            "list of callbacks": [type(callback).__name__ for callback in callbacks],
            "number of rows": feed.n_rows, "first batch": digest,
            "architecture": _as_first_trained(model, file, lambda: _short(settings_as_text(model))),
            "set of optimizer's settings": _as_first_trained(model.optimizer, file, lambda: settings_as_text(model.optimizer)),
            "list of metrics": json.dumps([[_without_count(metric.name), _told(metric, set())] for metric in metrics])}


def digest_of(rows):
    """A checksum over a thousand rows or so of x, y and weights, from the first to the last; `None` where they are no rows.

    Args:
        rows: arrays, or the path of a Parquet file and the names of its columns.
    """
    if isinstance(rows[0], str | os.PathLike):
        from ...tables.parquet.file import digest_of_file  # pyarrow comes with it

        return [digest_of_file(rows[0]), *(None if name is None else str(name) for name in rows[1:])]
    n = n_rows_of(rows[0])
    if not n:
        return None
    step, digest = -(-n // 1024), 0
    for leaf in (leaf for tree in rows for leaf in leaves(tree)):
        if not hasattr(leaf, "shape"):  # a number of a list
            digest = zlib.crc32(repr(leaf).encode(), digest)
            continue
        few = (leaf.iloc if hasattr(leaf, "iloc") else leaf)[::step]
        few = keras.ops.convert_to_numpy(few) if keras.ops.is_tensor(few) else np.asarray(few)
        digest = zlib.crc32(repr(few.tolist()).encode() if few.dtype == object else np.ascontiguousarray(few).tobytes(), digest)
    return digest


def settings_as_text(part):
    """A model, layer, optimizer or the like as JSON: its class and what it was made with, and so for all that is inside it."""
    return json.dumps(_told(part, set()))


def _as_first_trained(part, file, describe):
    """The settings of a part before its first training into this file, in this process: callbacks may turn them meanwhile."""
    known, place = _KNOWN.setdefault(part, {}), os.path.abspath(file)
    if place not in known or not os.path.exists(place):
        known[place] = describe()
    return known[place]


def _told(value, seen):
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, np.generic | np.ndarray):
        return value.item() if value.ndim == 0 else [str(value.dtype), list(value.shape), zlib.crc32(repr(value.tolist()).encode())]
    if isinstance(value, list | tuple):
        return [_told(branch, seen) for branch in value]
    if isinstance(value, dict):
        return sorted([str(key), _told(branch, seen)] for key, branch in value.items())
    if inspect.isroutine(value) or isinstance(value, type):
        return value.__name__
    if not isinstance(value, _PARTS) or id(value) in seen:
        return type(value).__name__
    seen.add(id(value))
    settings = [[name, _told(inside, seen)] for name, inside in _settings_of(value)]
    if not isinstance(value, keras.Operation):
        return [type(value).__name__, settings]
    variables = [[list(v.shape), str(v.dtype)] for v in getattr(value, "weights", ())]
    return [type(value).__name__, getattr(value, "compute_dtype", None), getattr(value, "trainable", None), variables, settings,
            [_told(layer, seen) for layer in _inside(value)]]


def _settings_of(part):
    """What a part was made with, by name, as far as it keeps that: no code of a property is run for it."""
    made_by = [made for base in type(part).__mro__ if inspect.isfunction(made := vars(base).get("__init__"))]
    names = {name for made in made_by for name in inspect.signature(made).parameters}
    for name in sorted(names - _NOT_TOLD):
        for attribute in (name, f"_{name}"):
            if attribute in vars(part):
                yield name, vars(part)[attribute]
                break


def _inside(layer):
    """The layers and operations that a layer holds, in the order in which it was given them."""
    if isinstance(layer, keras.Model) and hasattr(layer, "operations"):
        return layer.operations
    held = [part for value in vars(layer).values() for part in
            (value if isinstance(value, list | tuple) else value.values() if isinstance(value, dict) else [value])]
    return [part for part in held if isinstance(part, keras.layers.Layer)]


def _short(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _without_count(name):
    """A metric's name as it was before Keras counted, also that of the output which it judges: `dense_7_loss`."""
    return re.sub(r"_\d+(?=_|$)", "", name)
