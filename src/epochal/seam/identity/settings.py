"""A compiled model by its parts, as short texts by name: two models agree in a part where its texts are equal.

The texts are read off the Python objects. Keras' own configurations say more, how the layers of a graph are wired for example, but
to write one Keras imports TensorFlow, which takes seconds; `task.py` does that once for a plan or a study.
"""

import enum
import functools
import hashlib
import inspect
import json
import re
import zlib
from dataclasses import astuple

import keras
import numpy as np

from ..model.copying import metrics_of

_PARTS = (keras.layers.Layer, keras.Operation, keras.optimizers.Optimizer, keras.optimizers.schedules.LearningRateSchedule,
          keras.metrics.Metric, keras.losses.Loss, keras.regularizers.Regularizer, keras.constraints.Constraint)
# Counted up or drawn, or described by other means:
_LEFT_OUT = {"name", "seed", "layers", "inputs", "outputs", "trainable", "dtype", "output_names"}


def parts_of(model):
    """The parts of a compiled and built model, as text by name, alike for models built by the same code, whatever Keras drew.

    The names and texts stand in checkpoints: a change of either makes the checkpoints of earlier versions those of another model.
    """
    shapes, judging = ([list(v.shape) for v in variables] for variables in (model.variables, model.metrics_variables))
    metrics = [metric for metric in metrics_of(model) if not getattr(metric, "metrics", None)]  # not those that hold others
    return {
        "model": f"{type(model).__name__} with variables {shapes}",
        "architecture": hashlib.sha256(settings_as_text(model).encode()).hexdigest()[:16],
        "optimizer": type(model.optimizer).__name__,
        "set of optimizer's settings": settings_as_text(model.optimizer),
        "loss": json.dumps([_loss(part) for part in keras.tree.flatten(model.loss)], default=str),
        "set of metrics": f"variables {judging}",
        # Named as before Keras counted, also the output that is judged, as in `dense_7_loss`:
        "list of metrics": json.dumps([[re.sub(r"_\d+(?=_|$)", "", m.name), _described(m, set())] for m in metrics]),
    }


def settings_as_text(part):
    """A model, layer, optimizer or the like as JSON: its class and what it was made with, and so for all that is inside it."""
    return json.dumps(_described(part, set()))


def speed_key(model, step, machine, *more):
    """32 hexadecimal digits for how fast a built model runs: of other weights the same, of another architecture or machine others.

    `step` is the method that runs it; `more` are plain values that matter too.
    """
    text = json.dumps([_named(getattr(step, "__func__", step)), _named(type(model)), settings_as_text(model), keras.config.floatx(),
                       model.run_eagerly, model.jit_compile, astuple(machine), more])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def shapes_of(tree):
    """The types and shapes of the arrays of a nested input, without their number of rows."""
    return tuple((str(leaf.dtype), tuple(map(int, leaf.shape[1:]))) for leaf in keras.tree.flatten(tree) if leaf is not None)


def _described(value, seen):
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, np.generic | np.ndarray):
        return value.item() if value.ndim == 0 else [str(value.dtype), list(value.shape), zlib.crc32(repr(value.tolist()).encode())]
    if isinstance(value, list | tuple):
        return [_described(branch, seen) for branch in value]
    if isinstance(value, dict):
        return sorted([str(key), _described(branch, seen)] for key, branch in value.items())
    if inspect.isroutine(value) or isinstance(value, type):
        return value.__name__
    if not isinstance(value, _PARTS) or id(value) in seen:
        return type(value).__name__
    seen.add(id(value))
    settings = [[name, _described(inside, seen)] for name, inside in _settings_of(value)]
    if not isinstance(value, keras.Operation):
        return [type(value).__name__, settings]
    variables = [[list(v.shape), str(v.dtype)] for v in getattr(value, "weights", ())]
    return [type(value).__name__, getattr(value, "compute_dtype", None), getattr(value, "trainable", None), variables, settings,
            [_described(layer, seen) for layer in _inside(value)]]


def _settings_of(part):
    """What a part was made with, by name, as far as it keeps that: no code of a property is run for it."""
    for name in _arguments_of(type(part)):
        for attribute in (name, f"_{name}"):
            if attribute in vars(part):
                yield name, vars(part)[attribute]
                break


@functools.lru_cache(maxsize=1024)
def _arguments_of(kind):
    made_by = [made for base in kind.__mro__ if inspect.isfunction(made := vars(base).get("__init__"))]
    return sorted({name for made in made_by for name in inspect.signature(made).parameters} - _LEFT_OUT)


def _inside(layer):
    if isinstance(layer, keras.Model) and hasattr(layer, "operations"):
        return layer.operations
    held = [part for value in vars(layer).values() for part in
            (value if isinstance(value, list | tuple) else value.values() if isinstance(value, dict) else [value])]
    return [part for part in held if isinstance(part, keras.layers.Layer)]


def _loss(part):
    if part is None or isinstance(part, str) or inspect.isroutine(part):
        return _named(part)
    settings = {name: value for name, value in getattr(part, "__dict__", {}).items()
                if not name.startswith("_") and name != "name" and _is_plain(value)}
    return [_named(type(part)), sorted((name, _named(value)) for name, value in settings.items())]


def _is_plain(value):
    if isinstance(value, tuple | list):
        return all(isinstance(part, bool | int | float | str) for part in value)
    return value is None or callable(value) or isinstance(value, bool | int | float | str)


def _named(value):
    """A function or class by its full name, an object that can be called by that of its class."""
    if not callable(value):
        return value
    value = value if hasattr(value, "__qualname__") else type(value)
    return f"{value.__module__}.{value.__qualname__}"
