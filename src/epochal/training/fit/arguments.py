"""The arguments of `fit`, looked at before anything runs."""

import os
import warnings
from numbers import Real

import keras
import numpy as np

from ...base.errors import UsageError
from ...base.validate import require
from ...rules.training.batching import balanced, stratified
from ...seam.model.copying import has_own_step, refuse_uncompiled
from ...seam.rows import leaves, over
from ...seam.rows_of_arguments import classes_of
from ..feeds.cast import check_class_weight
from .manner import ENGINES

BATCHES = ("shuffled", "stratified", "balanced")


def check(model, x, *, batch_size, epochs, batches, micro_batch_size, engine, validation_freq):
    """Raise `UsageError` for what is wrong before anything is looked at closely."""
    require(n_rows_of(x) != 0, "x", "no rows", "at least one row", "Pass the training data.")
    require(isinstance(model, keras.Model), "model", type(model).__name__, "a compiled Keras model", "Pass the model itself.")
    refuse_uncompiled(model, "model")
    for name, value in (("batch_size", batch_size), ("micro_batch_size", micro_batch_size)):
        require(value is None or (_is_count(value) and value > 0), name, value, "a positive whole number", "Pass 32.")
    require(_is_count(epochs) and epochs >= 0, "epochs", epochs, "a whole number", "Pass 10.")
    often = _is_count(validation_freq) and validation_freq >= 1
    listed = isinstance(validation_freq, list | tuple | set | range) and all(map(_is_count, validation_freq))
    require(often or listed, "validation_freq", validation_freq, "a positive whole number, or a list of epochs", "Pass 1.")
    require(batches in BATCHES, "batches", batches, f"one of {', '.join(BATCHES)}", 'Pass batches="shuffled".')
    require(engine in ENGINES, "engine", engine, f"one of {', '.join(ENGINES)}", 'Pass engine="auto".')


def check_numbers(*, initial_epoch, validation_split, **counts):
    """Raise `UsageError` for a number of `fit` that is none, or of the wrong kind; `counts` may be `None`."""
    require(_is_count(initial_epoch) and initial_epoch >= 0, "initial_epoch", initial_epoch, "a whole number", "Pass 0.")
    require(isinstance(validation_split, Real) and not isinstance(validation_split, bool), "validation_split", validation_split,
            "a share from 0 up to 1", "Pass 0.2.")
    for name, value in counts.items():
        require(value is None or (_is_count(value) and value > 0), name, value, "a positive whole number", "Pass 32.")


def check_things(*, callbacks, checkpoint, class_weight):
    """Raise `UsageError` for what is no callback, for what cannot name a folder, and for weights of classes that are none."""
    if class_weight is not None:
        check_class_weight(class_weight)
    for callback in keras.tree.flatten(callbacks) if callbacks is not None else []:
        require(callable(getattr(callback, "set_model", None)), "callbacks", callback, "callbacks of Keras",
                "Pass [keras.callbacks.EarlyStopping()].")
    require(checkpoint is None or isinstance(checkpoint, str | os.PathLike), "checkpoint", checkpoint, "the name of a folder",
            'Pass "run".')


def refuse_without_targets(model, rows, name):
    """Raise `UsageError` where a loss that is compiled has nothing to compare with.

    Args:
        rows: x and y as given. name: what they are called.
    """
    loses = keras.tree.flatten(model.loss) if model.loss is not None else []
    own = has_own_step(model, "train_step") or has_own_step(model, "compute_loss")
    if rows[1] is None and n_rows_of(rows[0]) is not None and any(loss is not None for loss in loses) and not own:
        raise UsageError(f"`{name}` must hold the targets; got None, and the model is compiled with a loss. Pass y as well.")


def limited(epochs, steps_per_epoch, validation_steps):
    """The three of them within what `keras.config` allows for a debugging run, with Keras' warning."""
    most_epochs, most_steps = keras.config.max_epochs(), keras.config.max_steps_per_epoch()
    if most_epochs and most_epochs < epochs:
        warnings.warn(f"Limiting epochs to {most_epochs}", stacklevel=4)
        epochs = most_epochs
    if most_steps:
        warnings.warn(f"Limiting steps_per_epoch to {most_steps}", stacklevel=4)
        steps_per_epoch = min(steps_per_epoch or most_steps, most_steps)
        validation_steps = min(validation_steps or most_steps, most_steps)
    return epochs, steps_per_epoch, validation_steps


def refuse_beside_keras(why, **ours):
    """Raise `UsageError` for an argument that Keras' own `fit` does not have, where that is what trains."""
    for name, value in ours.items():
        if value is not None:
            raise UsageError(f"`{name}` must be left out where Keras' own fit trains ({why}); got {value!r}. Leave it out, or "
                             "remove the cause.")


def refuse_files_beside_keras(why, **data):
    """Raise `UsageError` for the path of a Parquet file, which Keras' own `fit` cannot read, where that is what trains."""
    for name, value in data.items():
        x = value[0] if isinstance(value, tuple | list) and value else value
        if isinstance(x, str | os.PathLike) or type(x).__name__ == "ParquetRows":
            raise UsageError(f"`{name}` must be arrays where Keras' own fit trains ({why}); got "
                             f"{os.fspath(getattr(x, 'path', x))!r}. Pass what pandas.read_parquet gives, or remove the cause.")


def set_learning_rate(model, learning_rate):
    """Give the optimizer another learning rate; the rest of its state stays."""
    optimizer = _plain(model)
    require(isinstance(learning_rate, int | float | np.floating) and 0 < learning_rate < np.inf, "learning_rate", learning_rate,
            "a positive number", "Pass 0.001.")
    if isinstance(optimizer.get_config().get("learning_rate"), dict):
        raise UsageError("`learning_rate` must be left out for a model compiled with a learning-rate schedule; got "
                         f"{learning_rate}. Compile with a number, or leave it out.")
    optimizer.learning_rate = float(learning_rate)


def learning_rate_of(model):
    """The learning rate of the next update."""
    return float(keras.ops.convert_to_numpy(_plain(model).learning_rate))


def are_rows(x):
    """Whether these are arrays, or lists of numbers, and no input that cuts its own batches."""
    found = leaves(x)
    return bool(found) and all(hasattr(leaf, "shape") or isinstance(leaf, int | float) for leaf in found)


def n_rows_of(x):
    """The number of rows of arrays; `None` for anything else."""
    return len(leaves(x)[0]) if are_rows(x) and hasattr(leaves(x)[0], "shape") else None


def split(x, y, sample_weight, share):
    """The first rows and the last, cut where Keras cuts them.

    Args:
        x, y, sample_weight: arrays, tensors or frames, or dicts, lists or tuples of them.
        share: of the rows, the last.
    """
    require(0 < share < 1, "validation_split", share, "a share from 0 up to 1", "Pass 0.2.")
    n = n_rows_of(x)
    require(n is not None, "validation_split", share, f"left out for a {type(x).__name__}, which cannot be cut",
            "Pass validation_data.")
    at = int(np.floor(n * (1.0 - share)))
    require(0 < at < n, "validation_split", share, f"a share that leaves rows on both sides of {n}", "Pass 0.2.")

    def rows(start, stop):
        return tuple(over(lambda a: (a.iloc if hasattr(a, "iloc") else a)[start:stop], tree) for tree in (x, y, sample_weight))

    return rows(0, at), rows(at, n)


def targets(y):
    """Targets as NumPy arrays; `None` where they are no arrays."""
    return over(np.asarray, y) if y is not None and n_rows_of(y) is not None else None


def order_of(batches, y, batch_size):
    """The order of an epoch's rows as a function of their number, and what else there is to know of it.

    Returns:
        `(None, {})` for Keras' own order; else the function, and for `"balanced"` the share of each class in the data (`prior`)
        and in the batches (`trained_prior`).
    """
    if batches == "shuffled":
        return None, {}
    y = targets(y)
    classes = None if y is None else classes_of(y)
    require(classes is not None, "batches", batches, '"shuffled" where the targets are no classes',
            "Pass whole-number or one-hot targets as an array.")

    def order(n_rows):
        rng = np.random.default_rng(np.random.randint(2**31))  # a seed that Keras' own seed decides
        return stratified(classes, batch_size, rng) if batches == "stratified" else balanced(classes, batch_size, n_rows, rng)

    if batches == "stratified":
        return order, {}
    counts = np.bincount(classes)
    shares = counts[counts > 0] / len(classes)
    return order, {"prior": shares.tolist(), "trained_prior": [1 / len(shares)] * len(shares)}


def validates(validation_freq, epoch):
    """Whether an epoch ends with validation."""
    return (epoch + 1) % validation_freq == 0 if _is_count(validation_freq) else (epoch + 1) in validation_freq


def _is_count(value):
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _plain(model):
    return getattr(model.optimizer, "inner_optimizer", model.optimizer)
