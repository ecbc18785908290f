"""What may be asked of `predict`, and what only Keras itself can do."""

import operator
import os

import keras
import numpy as np

from ...base.errors import UsageError
from ...base.validate import require
from ...rules.training.predict_size import GOALS


def checked(model, batch_size, verbose, steps, goal):
    """The batch size as a plain number, `None` or "auto", when all arguments are what they must be."""
    require(isinstance(model, keras.Model), "model", type(model).__name__, "a Keras model", "Pass the one you would predict with.")
    require(goal in GOALS, "goal", goal, f"one of {', '.join(GOALS)}", 'Pass goal="throughput".')
    require(verbose in ("auto", 0, 1, 2), "verbose", verbose, '"auto", 0, 1 or 2', "Pass 0 for silence.")
    for name, value in (("batch_size", batch_size), ("steps", steps)):
        if value is None or (name == "batch_size" and isinstance(value, str) and value == "auto"):
            continue
        whole = hasattr(value, "__index__") and not isinstance(value, bool)
        require(whole and operator.index(value) > 0, name, value, "a whole number from 1 on", 'Leave it out, or pass 32.')
    return batch_size if batch_size is None or isinstance(batch_size, str) else operator.index(batch_size)


def refuse_path(x):
    """Raise `UsageError` for the name of a file, which `fit` takes and `predict` does not."""
    if isinstance(x, str | os.PathLike):
        raise UsageError(f"`x` must be data; got {os.fspath(x)!r}, and the path of a Parquet file is for fit alone. Pass "
                         "pandas.read_parquet(path) with the features in the order of training, or call `epochal predict` on the "
                         "command line.")


def refuse_in_place(out, leaves):
    """Raise `UsageError` where predictions would be written over rows that are still to be read."""
    for array in (array for array in keras.tree.flatten(out) if isinstance(array, np.ndarray)):
        require(not any(_share(array, leaf) for leaf in leaves), "out", "an array in the memory or file of x", "another array",
                "Predictions are written while rows are read: pass numpy.empty_like(out).")


def _share(a, b):
    if np.may_share_memory(a, b):
        try:
            return np.shares_memory(a, b, max_work=100_000)
        except np.exceptions.TooHardError:
            return True
    places = _place(a), _place(b)
    if None in places:
        return False
    (path, first, last), (other, begin, end) = places
    return first < end and begin < last and os.path.exists(path) and os.path.exists(other) and os.path.samefile(path, other)


def _place(array):
    """The file that an array is mapped from, and where in it its bytes begin and end; `None` for other arrays."""
    whole = array
    while isinstance(whole.base, np.memmap):
        whole = whole.base
    if not isinstance(whole, np.memmap) or whole.filename is None:
        return None
    (start, _), (first, last) = np.lib.array_utils.byte_bounds(whole), np.lib.array_utils.byte_bounds(array)
    return whole.filename, whole.offset + first - start, whole.offset + last - start


def is_spread(model):
    """Whether Keras spreads batches over several devices, or cuts steps short for debugging: then they are its own affair."""
    strategy = getattr(model, "distribute_strategy", None)  # TensorFlow's
    return keras.distribution.distribution() is not None or getattr(strategy, "num_replicas_in_sync", 1) > 1 or \
        keras.config.max_steps_per_epoch() is not None
