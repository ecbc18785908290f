"""Batch sizes timed on this machine for a model of this architecture, kept between calls and between processes."""

import hashlib
import json
import math
from dataclasses import astuple
from weakref import WeakKeyDictionary

import keras
from platformdirs import user_cache_path

from ..base.files import write_whole
from ..rules.knee import GOALS, Trial
from ..seam.copying import layers

_FORMAT = 1
_known = WeakKeyDictionary()  # Forward -> {shapes: Trials}


class Trials:
    """The `Trial`s of one model, one shape of rows and one machine, in the order of their size.

    A file that cannot be read, or is not what was written, counts as none: all it costs is to measure again. So does a folder
    that cannot be written to, in the next process.
    """

    def __init__(self, path):
        trials, self._searched = _read(path)
        self._path, self._of = path, {trial.size: trial for trial in trials}

    def __iter__(self):
        return iter(sorted(self._of.values()))

    def __len__(self):
        return len(self._of)

    def add(self, trial):
        self._of[trial.size] = trial

    def suffice(self, goal, n_rows):
        """Whether sizes were searched for this goal with so many rows, or with half as many, so that more would show little new."""
        return n_rows <= 2 * self._searched.get(goal, 0)

    def keep(self, goal, n_rows):
        """Write down what was found by searching with so many rows."""
        self._searched[goal] = n_rows
        text = json.dumps({"format": _FORMAT, "searched": self._searched,
                           "trials": [[trial.size, list(trial.seconds)] for trial in self]})
        try:
            write_whole(self._path, text + "\n")
        except OSError:
            return


def trials_of(model, forward, data):
    """The `Trials` for a model and rows like those of `data`."""
    kept = _known.setdefault(forward, {})
    rows = tuple((str(leaf.dtype), tuple(map(int, leaf.shape[1:]))) for leaf in keras.tree.flatten(data) if leaf is not None)
    if rows not in kept:
        kept[rows] = Trials(user_cache_path("epochal") / "predict" / f"{_fingerprint(model, forward, rows)}.json")
    return kept[rows]


def _fingerprint(model, forward, rows):
    """Of all that decides how fast a model predicts; its weights do not."""
    step = getattr(model.predict_step, "__func__", model.predict_step)
    told = (_named(step), [_described(layer) for layer in (model, *layers(model))], rows, keras.config.floatx(), model.run_eagerly,
            model.jit_compile, astuple(forward.machine))
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def _described(layer):
    """Class, sizes and settings of a layer. Not its configuration: to write one, Keras imports TensorFlow, which takes seconds."""
    settings = {name: _named(value) for name, value in vars(layer).items()
                if not name.startswith("_") and name != "name" and _is_plain(value)}
    shapes = [(list(v.shape), str(v.dtype)) for v in layer.weights]
    return _named(type(layer)), layer.compute_dtype, shapes, sorted(settings.items())


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


def _read(path):
    """The trials in a file, and {goal: rows searched with}; both empty where it does not hold them."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["format"] != _FORMAT:
            return [], {}
        trials = [Trial(size, tuple(seconds)) for size, seconds in told["trials"]]
        searched = {goal: told["searched"][goal] for goal in GOALS if goal in told["searched"]}
        sound = all(_is_count(n) for n in searched.values()) and all(
            _is_count(trial.size) and trial.seconds and all(isinstance(s, float) and 0 < s < math.inf for s in trial.seconds)
            for trial in trials)
    except (OSError, ValueError, KeyError, TypeError):
        return [], {}
    return (trials, searched) if sound and trials else ([], {})


def _is_count(n):
    return isinstance(n, int) and n > 0
