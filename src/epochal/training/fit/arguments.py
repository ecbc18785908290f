"""`FitRequest`: what one training is asked to be. Keras' own arguments of `fit`, those that Epochal adds, and their checks."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras.callbacks import History as History

from ...base.errors import UsageError
from ...base.validate import is_number, is_whole, one_of, path_like, positive_number, require, whole_number
from ...rules.training.batching import balanced, stratified
from ...seam.model.copying import has_own_step
from ...seam.rows import classes_of, over
from ..feeds.cast import check_class_weight, lists_as_arrays, n_rows_of
from .modes import check_engine

BATCHES = ("shuffled", "stratified", "balanced")


@dataclass(frozen=True, eq=False)
class FitRequest:
    """One training of a compiled model: up to `validation_freq` Keras' arguments in Keras' order, then ours; see `epochal.fit`.

    Attributes:
        features: what the frozen base makes of the rows to train on and of those to validate on, where that is known: two lists of
            arrays.
        default_callbacks: added where `callbacks` holds none of their class.
    """

    model: Any
    x: Any = None
    y: Any = None
    batch_size: int | str | None = None
    epochs: int | str | None = 1
    verbose: str | int = "auto"
    callbacks: Any = None
    validation_split: float = 0.0
    validation_data: Any = None
    shuffle: bool | str = True
    class_weight: dict[int, float] | None = None
    sample_weight: Any = None
    initial_epoch: int = 0
    steps_per_epoch: int | None = None
    validation_steps: int | None = None
    validation_batch_size: int | None = None
    validation_freq: Any = 1
    learning_rate: float | str | None = None
    batches: str = "shuffled"
    micro_batch_size: int | None = None
    engine: str = "auto"
    checkpoint: Any = None
    cache_frozen: bool = True
    features: Any = None
    default_callbacks: Sequence[keras.callbacks.Callback] = ()


def checked(request: FitRequest) -> FitRequest:
    """The request with its callbacks in one list, and its numbers within what `keras.config` allows for a debugging run."""
    r = request
    require(n_rows_of(r.x) != 0, "x", "no rows", "at least one row", "Pass the training data.")
    require(isinstance(r.model, keras.Model), "model", type(r.model).__name__, "a compiled Keras model", "Pass the model itself.")
    require(r.model.compiled, "model", r.model.name, "compiled", 'Call model.compile(optimizer="adam", loss=…) first.')
    whole_number("epochs", r.epochs, 0, _or_auto(r.epochs, "Pass 10."))
    whole_number("initial_epoch", r.initial_epoch, 0, "Pass 0.")
    for name in ("batch_size", "micro_batch_size", "steps_per_epoch", "validation_steps", "validation_batch_size"):
        if getattr(r, name) is not None:
            whole_number(name, getattr(r, name), cure=_or_auto(getattr(r, name), "Pass 32.", name == "batch_size"))
    often = is_whole(r.validation_freq) and r.validation_freq >= 1
    listed = isinstance(r.validation_freq, list | tuple | set | range) and all(map(is_whole, r.validation_freq))
    require(often or listed, "validation_freq", r.validation_freq, "a positive whole number, or a list of epochs", "Pass 1.")
    require(is_number(r.validation_split), "validation_split", r.validation_split, "a share from 0 up to 1", "Pass 0.2.")
    one_of("batches", r.batches, BATCHES, 'Pass batches="shuffled".')
    check_engine(r.engine)
    one_of("cache_frozen", r.cache_frozen, (True, False), "Leave it out.")
    if r.class_weight is not None:
        check_class_weight(r.class_weight)
    own = [] if r.callbacks is None else keras.tree.flatten(r.callbacks)
    for callback in own:
        require(callable(getattr(callback, "set_model", None)), "callbacks", callback, "callbacks of Keras",
                "Pass [keras.callbacks.EarlyStopping()].")
    if r.checkpoint is not None:
        path_like("checkpoint", r.checkpoint, "the name of a folder", 'Pass "run".')
    extra = [one for one in r.default_callbacks if not any(isinstance(callback, type(one)) for callback in own)]
    epochs, steps_per_epoch, validation_steps = _limited(r.epochs, r.steps_per_epoch, r.validation_steps)
    return replace(r, epochs=epochs, steps_per_epoch=steps_per_epoch, validation_steps=validation_steps,
                   callbacks=own + extra, default_callbacks=())


def refuse_without_targets(model, rows, name):
    """Raise `UsageError` where a loss that is compiled has nothing to compare with; `name` is what the rows are called."""
    loses = keras.tree.flatten(model.loss) if model.loss is not None else []
    own = has_own_step(model, "train_step") or has_own_step(model, "compute_loss")
    if rows[1] is None and n_rows_of(rows[0]) is not None and any(loss is not None for loss in loses) and not own:
        raise UsageError(f"`{name}` must hold the targets; got None, and the model is compiled with a loss. Pass y as well.")


def _limited(epochs, steps_per_epoch, validation_steps):
    """The three of them within what `keras.config` allows for a debugging run, with Keras' warning."""
    most_epochs, most_steps = keras.config.max_epochs(), keras.config.max_steps_per_epoch()
    if most_epochs and most_epochs < epochs:
        warnings.warn(f"Limiting epochs to {most_epochs}", stacklevel=6)
        epochs = most_epochs
    if most_steps:
        warnings.warn(f"Limiting steps_per_epoch to {most_steps}", stacklevel=6)
        steps_per_epoch = min(steps_per_epoch or most_steps, most_steps)
        validation_steps = min(validation_steps or most_steps, most_steps)
    return epochs, steps_per_epoch, validation_steps


def _or_auto(value, cure, may_be=True):
    """The cure for a value that is no number: a word may be meant as `"auto"`."""
    return 'Did you mean "auto"?' if may_be and isinstance(value, str) and value[:1].lower() == "a" else cure


def set_learning_rate(model, learning_rate):
    optimizer = without_scaling(model.optimizer)
    positive_number("learning_rate", learning_rate, _or_auto(learning_rate, "Pass 0.001."))
    require(not hasattr(optimizer, "optimizers"), "learning_rate", learning_rate, "left out for a MultiOptimizer, whose optimizers "
            "have rates of their own", "Set those before.")
    if isinstance(optimizer.get_config().get("learning_rate"), dict):
        raise UsageError("`learning_rate` must be left out for a model compiled with a learning-rate schedule; got "
                         f"{learning_rate}. Compile with a number, or leave it out.")
    optimizer.learning_rate = float(learning_rate)


def split(x, y, sample_weight, share):
    """The first rows and the last, a `share` of them, cut where Keras cuts them."""
    require(0 < share < 1, "validation_split", share, "a share from 0 up to 1", "Pass 0.2.")
    x, *_ = given = tuple(map(lists_as_arrays, (x, y, sample_weight)))
    n = n_rows_of(x)
    require(n is not None, "validation_split", share, f"left out for a {type(x).__name__}, which cannot be cut",
            "Pass validation_data.")
    at = int(np.floor(n * (1.0 - share)))
    require(0 < at < n, "validation_split", share, f"a share that leaves rows on both sides of {n}", "Pass 0.2.")

    def rows(start, stop):
        return tuple(over(lambda a: (a.iloc if hasattr(a, "iloc") else a)[start:stop], tree) for tree in given)

    return rows(0, at), rows(at, n)


def targets(y):
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


def without_scaling(optimizer):
    """The optimizer inside a `LossScaleOptimizer`, or the optimizer itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)
