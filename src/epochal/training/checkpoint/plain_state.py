"""Plain values as JSON, the arrays among them by reference: numbers, text, arrays, and lists, tuples and dicts of them."""

import math

import numpy as np

_OURS = ("_model", "model", "params", "validation_data",  # of a callback: what belongs to the training, not to its memory
         "min_delta")                                     # Keras changes its sign when it first compares


def plain_attributes(callback):
    """What a callback remembers, as far as it is plain: its public and private attributes by name."""
    return {name: value for name, value in vars(callback).items() if name not in _OURS and _is_plain(value)}


def changed(now, before):
    """Those of the plain values `now` that differ from `before`, both by name: what was learnt, and not what was asked for."""
    return {name: value for name, value in now.items() if name not in before or not _same(value, before[name])}


def packed(value, arrays, name):
    """`value` as JSON; its arrays are put into the dict `arrays` under names that begin with `name`."""
    if isinstance(value, dict):
        return {"dict": [[key, packed(branch, arrays, name)] for key, branch in value.items()]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [packed(branch, arrays, name) for branch in value]}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        key = f"{name}/{len(arrays)}"
        arrays[key] = value
        return {"array": key}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    return value


def unpacked(value, arrays):
    if not isinstance(value, dict):
        return value
    (kind, inside), = value.items()
    if kind == "dict":
        return {key: unpacked(branch, arrays) for key, branch in inside}
    if kind == "array":
        return arrays[inside]
    if kind == "float":
        return float(inside)
    return {"list": list, "tuple": tuple}[kind](unpacked(branch, arrays) for branch in inside)


def _same(a, b):
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return type(a) is type(b) and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return a is b or bool(a == b) or bool(a != a and b != b)  # the last: not a number, as it was


def _is_plain(value):
    if isinstance(value, dict):
        return all(isinstance(key, str | int | None) and _is_plain(branch) for key, branch in value.items())
    if type(value) in (list, tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str | np.generic) or (
        isinstance(value, np.ndarray) and value.dtype != object)
