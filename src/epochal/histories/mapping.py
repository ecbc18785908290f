"""A dictionary of curves, the Keras `History` that holds one, and a JSON file of either."""

import math
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..base.archives import Damaged, json_in
from ..base.errors import UsageError
from ..records import History, Known

RATES = ("learning_rate", "lr")  # of Keras 3, and of older callbacks
_EPOCH = "epoch"                 # a column that counts and measures nothing


def from_mapping(curves: Mapping[str, Any], source: str, known: Known = Known()) -> History:  # noqa: B008 - frozen
    """A `History` of a dictionary `{name: values}`, as `History.history` is.

    Raises:
        UsageError: it is no such dictionary.
    """
    found: dict[str, tuple[float, ...]] = {}
    for name, values in curves.items():
        if not isinstance(name, str) or isinstance(values, str | bytes) or not (isinstance(values, Iterable)):
            raise UsageError(f"`history` must hold a list of numbers for each name, as Keras' `History.history` does; got "
                             f"{name!r:.40} with {type(values).__name__}. Pass the dictionary that `fit` returned.")
        if name != _EPOCH:
            found[name] = tuple(_number(name, value) for value in values)
    lengths = {name: len(values) for name, values in found.items()}
    most = max(lengths.values(), default=0)
    if len({n for n in lengths.values() if n}) > 1:  # validation_freq: fewer values, at no known epoch
        short = next(name for name, n in lengths.items() if n not in (0, most))
        raise UsageError(f"`history` must hold as many values of each curve; got {lengths[short]} of {short!r} and {most} of "
                         "others. With validation_freq, put nan where nothing was validated.")
    rates = next((found.pop(name) for name in RATES if name in found), ())
    return History(curves=tuple((name, values) for name, values in found.items() if values), source=source, known=known,
                   rates=rates if all(map(math.isfinite, rates)) else ())


def _number(name, value):
    if value is None or (isinstance(value, str) and not value.strip()):
        return math.nan
    try:
        array = np.asarray(value, float)
    except (TypeError, ValueError) as error:
        raise UsageError(f"`history` must hold numbers; got {value!r:.40} in {name!r}. Mend the file, or leave that curve "
                         "out.") from error
    return float(array) if array.ndim == 0 else float(array.mean()) if array.size else math.nan  # a metric a class: their mean


def from_keras(history: Any) -> History:
    """What the object that `fit` returned holds, and what its model tells of itself."""
    params = getattr(history, "params", None) or {}
    n_epochs = max((len(values) for values in history.history.values()), default=0)
    steps = params.get("steps")
    about = about_model(getattr(history, "model", None), (steps or 0) * n_epochs if steps else None)
    known = Known(planned_epochs=_whole(params.get("epochs")), steps_per_epoch=_whole(steps), **about)
    return from_mapping(history.history, "a Keras History", known)


def _whole(value):
    return int(value) if isinstance(value, int | np.integer) and value > 0 else None


def about_model(model, n_updates=None):
    """Fields of `Known` that a Keras model tells; read by name, so that any version's will do."""
    flatten = getattr(model, "_flatten_layers", None)
    if model is None or flatten is None:
        return {}
    layers = list(flatten())
    names = [type(layer).__name__ for layer in layers]
    momenta = [float(layer.momentum) for layer, name in zip(layers, names, strict=True)
               if name == "BatchNormalization" and layer.trainable]
    rates = [float(layer.rate) for layer, name in zip(layers, names, strict=True)
             if "Dropout" in name and isinstance(getattr(layer, "rate", None), float)]
    about: dict[str, Any] = {"batch_norm": max(momenta, default=0.0), "dropout": max(rates, default=0.0),
                             "penalised": any(getattr(layer, f"{part}_regularizer", None) is not None for layer in layers
                                              for part in ("kernel", "bias", "activity", "embeddings", "gamma", "beta"))}
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None:
        about["optimizer"] = type(optimizer).__name__.lower()
        rate = getattr(optimizer, "learning_rate", None)
        if rate is not None:
            about["learning_rate"] = float(np.asarray(rate))
        made = getattr(optimizer, "iterations", None)
        if made is not None and n_updates is not None:
            before = int(np.asarray(made)) - n_updates
            about["updates_before"] = before if before >= 0 else None
    return about


def from_json(path: pathlib.Path) -> History:
    """A file with the dictionary, bare or as `{"history": …, "params": …}`, or rows such as pandas' `to_json` writes."""
    try:
        document = json_in(path.read_bytes())
    except Damaged as error:
        raise UsageError(f"`history` must be JSON that can be read; got {str(path)!r} ({error}). Write it again: json.dump("
                         "history.history, file).") from error
    if isinstance(document, list) and document and all(isinstance(row, dict) for row in document):
        names = dict.fromkeys(name for row in document for name in row)
        document = {name: [row.get(name) for row in document] for name in names}
    known = Known()
    if isinstance(document, dict) and isinstance(document.get("history"), dict):
        params = document["params"] if isinstance(document.get("params"), dict) else {}
        known = Known(planned_epochs=_whole(params.get("epochs")), steps_per_epoch=_whole(params.get("steps")))
        document = document["history"]
    if not isinstance(document, dict):
        raise UsageError(f"`history` must be JSON of a dictionary of curves; {str(path)!r} holds a {type(document).__name__}. "
                         "Write it with json.dump(history.history, file).")
    curves = {name: _in_order(values) if isinstance(values, dict) else values for name, values in document.items()}
    return from_mapping(curves, path.name, known)


def _in_order(values):
    """pandas' `{"0": value, "1": value}` as a list."""
    return list(values.values())
