"""What decides how fast a model runs, as one short text: its weights, and the names Keras counts up, do not."""

import hashlib
import inspect
import json
from dataclasses import astuple

import keras

from ..model.copying import layers


def fingerprint(model, step, machine, *more):
    """32 hexadecimal digits that change with the architecture, the step, Keras' settings and the machine.

    Args:
        model: a built Keras model. step: the method that runs it. machine: a `Machine`. more: plain values that matter too.
    """
    told = (_named(getattr(step, "__func__", step)), [_described(layer) for layer in (model, *layers(model))],
            keras.config.floatx(), model.run_eagerly, model.jit_compile, astuple(machine), more)
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def shapes_of(tree):
    """The types and shapes of the arrays of a nested input, their rows left out."""
    return tuple((str(leaf.dtype), tuple(map(int, leaf.shape[1:]))) for leaf in keras.tree.flatten(tree) if leaf is not None)


def _described(layer):
    """Class, sizes and settings of a layer. Not its configuration: to write one, Keras imports TensorFlow, which takes seconds."""
    settings = {name: _named(value) for name, value in vars(layer).items()
                if not name.startswith("_") and name != "name" and _is_plain(value)}
    shapes = [(list(v.shape), str(v.dtype)) for v in layer.weights]
    return _named(type(layer)), layer.compute_dtype, shapes, sorted(settings.items())


def settings_of(parts):
    """Losses, say, as text: a name, or a class with its plain settings."""
    def told(part):
        if part is None or isinstance(part, str) or inspect.isroutine(part):
            return _named(part)
        return [_named(type(part)), sorted((name, _named(value)) for name, value in getattr(part, "__dict__", {}).items()
                                           if not name.startswith("_") and name != "name" and _is_plain(value))]

    return json.dumps([told(part) for part in keras.tree.flatten(parts)], default=str)


def _is_plain(value):
    return value is None or callable(value) or isinstance(value, (bool, int, float, str)) or (
        isinstance(value, (tuple, list)) and all(isinstance(part, (bool, int, float, str)) for part in value))


def _named(value):
    """A function or class by its name, an object that can be called by its class."""
    if not callable(value):
        return value
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return f"{type(value).__module__}.{type(value).__qualname__}"
