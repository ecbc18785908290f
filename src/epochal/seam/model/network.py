"""The network of the tutorials for a table, and the user's own from a file."""

import pathlib
import runpy
import sys
from contextlib import AbstractContextManager

import keras

from ...base.errors import UsageError
from ...base.system.memory import says_no_memory
from ...base.validate import require
from ..rows import Data, Part, halves
from .metrics import rare_class_metric

_WIDTHS = (64, 32)


def tutorial_network(shape, kind, n_classes, also=()):
    """A function that builds the tutorials' network: Dense 64, Dense 32, a head for the task, compiled with Adam.

    `shape` is that of one example; an image is flattened first. `also` names further metrics to judge two classes by, as
    `metrics.rare_class_metric` knows them.
    """
    require(kind == "binary" or not also, "metric", ", ".join(also), "one that the task has",
            "Average precision and recall at a precision are for two classes.")
    units, activation, loss, metrics = {
        "binary": (1, "sigmoid", "binary_crossentropy", ["accuracy"]),
        "multiclass": (n_classes, "softmax", "sparse_categorical_crossentropy", ["accuracy"]),
        "regression": (1, None, "mse", ["mae"]),
    }[kind]

    def build():
        flatten = [keras.layers.Flatten()] if len(shape) > 1 else []
        hidden = [keras.layers.Dense(width, activation="relu") for width in _WIDTHS]
        model = keras.Sequential([keras.Input(shape), *flatten, *hidden, keras.layers.Dense(units, activation=activation)],
                                 name="tutorial")
        model.compile(optimizer="adam", loss=loss, metrics=[*metrics, *map(rare_class_metric, also)])
        return model

    return build


def network_from_file(place):
    """The function named by `"FILE.py:FUNCTION"`, which returns a compiled Keras model.

    Where the file or the function is missing or fails, a `UsageError` names the line.
    """
    name, _, function = place.rpartition(":")
    require(bool(name) and function.isidentifier(), "--model", place, "FILE.py:FUNCTION",
            "Write for example --model my_model.py:build.")
    path = pathlib.Path(name)
    require(path.is_file(), "--model", place, "the name of a Python file and a function in it", f"There is no file {name}.")
    sys.path.insert(0, str(path.parent.resolve()))
    with _their_code(path, f"The file {name} cannot be run"):
        names = runpy.run_path(str(path))
    found = names.get(function)
    mine = [n for n, value in names.items() if callable(value) and getattr(value, "__module__", "") == "<run_path>"]
    require(callable(found), "--model", place, f"a function in {name}", f"It holds {', '.join(mine) or 'no function'}.")

    def build():
        with _their_code(path, f"The function {function} of {name} failed"):
            return found()

    return build


def data_of(table, *, seed):
    """The rows of a `Table` as a rig holds them; `seed` draws the two validation halves."""
    validation = Part(table.x_validation, table.y_validation)
    half_a, half_b = halves(validation, seed=seed, classes=None if table.kind == "regression" else table.y_validation)
    return Data(table.name, table.kind, Part(table.x_train, table.y_train), half_a, half_b, Part(table.x_test, table.y_test),
                table.notes)


class _their_code(AbstractContextManager):  # noqa: N801  (used as a statement)
    """A block that runs the user's own code, whatever that raises: it becomes one sentence with the line it stands in."""

    def __init__(self, path, failed):
        self._path, self._failed = path, failed

    def __exit__(self, kind, error, trace):
        theirs = isinstance(error, (Exception, SystemExit)) and not isinstance(error, UsageError)
        if not theirs or says_no_memory(error):
            return False
        line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == str(self._path):
                line = trace.tb_lineno
            trace = trace.tb_next
        where = f", line {line}" if line else ""
        said = str(error).strip().splitlines() or ["no message"]
        raise UsageError(f"{self._failed}{where}: {type(error).__name__}: {said[0].rstrip('.')}. Mend it and run again.") from error
