"""The network of the tutorials for a table, and the user's own from a file."""

import pathlib
import runpy
import sys
import traceback
from contextlib import AbstractContextManager

import keras
import numpy as np

from ...base.errors import EpochalError, UsageError
from ...base.isolated import Isolated
from ...base.system.memory import says_no_memory
from ...base.text import said_by
from ...base.validate import require
from ..identity.own_code import is_own
from ..rows import Data, Part, halves, with_folds, with_folds_by_group
from .copying import first_line
from .metrics import rare_class_metric

_WIDTHS = (64, 32)
_HEADS: dict = {  # outputs (0: one a class), activation, loss and metrics, by the kind of task
    "binary": (1, "sigmoid", "binary_crossentropy", ("accuracy",)),
    "multiclass": (0, "softmax", "sparse_categorical_crossentropy", ("accuracy",)),
    "regression": (1, None, "mse", ("mae",))}
_MOST_BLOCKS, _SMALL_ENOUGH = 4, 7  # convolutions and poolings, and the side of the images after them
_FEW, _LONGEST = 48, 300.0  # rows that a model is tried on, and seconds it may take for them


def tutorial_network(shape, kind, n_classes, also=()):
    """A function that builds the tutorials' network: Dense 64, Dense 32, a head for the task, compiled with Adam.

    `shape` is that of one example; an image is flattened first. `also` names further metrics to judge two classes by, as
    `metrics.rare_class_metric` knows them.
    """
    require(kind == "binary" or not also, "metric", ", ".join(also), "one that the task has",
            "Average precision and recall at a precision are for two classes.")
    units, activation, loss, metrics = _HEADS[kind]

    def build():
        flatten = [keras.layers.Flatten()] if len(shape) > 1 else []
        hidden = [keras.layers.Dense(width, activation="relu") for width in _WIDTHS]
        head = keras.layers.Dense(units or n_classes, activation=activation)
        model = keras.Sequential([keras.Input(shape), *flatten, *hidden, head], name="tutorial")
        model.compile(optimizer="adam", loss=loss, metrics=[*metrics, *map(rare_class_metric, also)])
        return model

    return build


def image_network(shape, kind, n_classes):
    """A function that builds a small convolutional network, as tutorials have it: convolutions of 3 x 3 and pooling, as many as
    the images are large, Dense 64, a head for the task, compiled with Adam.

    `shape` is that of one image: height, width, channels.
    """
    units, activation, loss, metrics = _HEADS[kind]
    n_blocks = next(n for n in range(1, _MOST_BLOCKS + 1) if min(shape[:2]) / 2**n <= _SMALL_ENOUGH or n == _MOST_BLOCKS)

    def build():
        layers = [keras.Input(shape)]
        for i in range(n_blocks):
            layers += [keras.layers.Conv2D(min(32 * 2**i, 128), 3, padding="same", activation="relu"), keras.layers.MaxPooling2D()]
        layers += [keras.layers.Flatten(), keras.layers.Dense(64, activation="relu"),
                   keras.layers.Dense(units or n_classes, activation=activation)]
        model = keras.Sequential(layers, name="small_cnn")
        model.compile(optimizer="adam", loss=loss, metrics=list(metrics))
        return model

    return build


def text_network(length, n_words, kind, n_classes):
    """A function that builds a small network for texts, as tutorials have it: an embedding of each word, their mean, Dense 32, a
    head for the task, compiled with Adam.

    `length` is the number of words of a text; there are `n_words` known ones, beside none (0) and an unknown one (1).
    """
    units, activation, loss, metrics = _HEADS[kind]

    def build():
        model = keras.Sequential([
            keras.Input((length,), dtype="int32"), keras.layers.Embedding(n_words + 2, 32, mask_zero=True),
            keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(units or n_classes, activation=activation)], name="small_text")
        model.compile(optimizer="adam", loss=loss, metrics=list(metrics))
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
    with their_code(path, f"The file {name} cannot be run"):
        names = runpy.run_path(str(path))
    found = names.get(function)
    mine = [n for n, value in names.items() if callable(value) and getattr(value, "__module__", "") == "<run_path>"]
    require(callable(found), "--model", place, f"a function in {name}", f"It holds {', '.join(mine) or 'no function'}.")

    def build():
        with their_code(path, f"The function {function} of {name} failed"):
            return found()

    build.holds_classes = any(isinstance(value, type) and is_own(value.__module__) for value in names.values())
    return build


def code_of(place):
    """A block in which the functions and layers of `"FILE.py:FUNCTION"` run: what they raise becomes a sentence."""
    path = pathlib.Path(place.rpartition(":")[0])
    return their_code(path, f"A function or layer of {path} failed", among_others=True)


def try_out(place, build, part):
    """Train the model of `"FILE.py:FUNCTION"` on a few rows in a process of its own, where classes of the user's run in it.

    `build` is what `network_from_file` made of the place. Raises `UsageError` where that fails, hangs, or ends the process.
    """
    if build.holds_classes:
        few = part.take(slice(0, _FEW))
        found = Isolated(_LONGEST, environment={"KERAS_BACKEND": keras.backend.backend()}).run(
            f"{__name__}:train_a_moment", place, few.x, few.y)
        sentence = found.sentence
        if found.failure == "raised":
            kind, _, said = sentence.partition(": ")
            sentence = f"{kind}: {first_line(said)}"
        require(found.failure is None, "--model", place, f"a model that trains and predicts on {few.n_rows} rows",
                f"There it failed: {sentence.removesuffix('.')}. Mend it and run again.")


def train_a_moment(place, x, y):
    """Build the model of `"FILE.py:FUNCTION"`, and train and predict with it once, a short last batch included."""
    model = network_from_file(place)()
    model.fit(x, y, batch_size=max(1, 2 * len(x) // 3), validation_data=(x, y), verbose=0)
    model.predict(x, verbose=0)


def data_of(table, *, seed):
    """The rows of a `Table` as a rig holds them; `seed` draws the two validation halves."""
    validation = Part(table.x_validation, table.y_validation)
    classes = None if table.kind == "regression" else table.y_validation
    half_a, half_b = halves(validation, seed=seed, classes=classes)
    data = Data(table.name, table.kind, Part(table.x_train, table.y_train), half_a, half_b, Part(table.x_test, table.y_test),
                table.notes, columns=tuple(table.columns), target_mean=table.target_mean, target_scale=table.target_scale)
    if table.groups is not None:
        n = data.train.n_rows
        cut = halves(Part(table.groups[n:], None), seed=seed, classes=classes)  # as the rows themselves
        groups = np.concatenate([table.groups[:n], *(half.x for half in cut)])
        return with_folds_by_group(data, groups, seed, in_classes=classes is not None)
    return with_folds(data, seed, None if classes is None else table.y_train) if table.at_random else data


class their_code(AbstractContextManager):  # noqa: N801  (used as a statement)
    """A block that runs the user's own code, whatever that raises: it becomes one sentence with the line it stands in.

    Where `among_others`, the block runs other code too, and only what comes out of the file is told so.
    """

    def __init__(self, path, failed, *, among_others=False):
        self._path, self._failed, self._among_others = path, failed, among_others

    def __exit__(self, kind, error, trace):
        theirs = isinstance(error, (Exception, SystemExit)) and not isinstance(error, EpochalError)
        if not theirs or says_no_memory(error):
            return False
        line, came = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None, error
        while came is not None:  # Keras wraps what a layer raises
            for frame, number in traceback.walk_tb(came.__traceback__ if came is not error else trace):
                if frame.f_code.co_filename == str(self._path):
                    line, cause = number, came
            came = came.__cause__ or came.__context__
        if line is None and self._among_others:
            return False
        cause = error if line is None or isinstance(error, SyntaxError) else cause
        where = f", line {line}" if line else ""
        said = first_line(cause).rstrip(".") if said_by(cause) else "no message"
        raise UsageError(f"{self._failed}{where}: {type(cause).__name__}: {said}. Mend it and run again.") from error
