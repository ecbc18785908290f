"""What may be asked of `predict`, and what only Keras itself can do."""

import operator

import keras

from ..base.errors import require
from ..rules.knee import GOALS


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


def is_spread(model):
    """Whether Keras spreads batches over several devices, or cuts steps short for debugging: then they are its own affair."""
    strategy = getattr(model, "distribute_strategy", None)  # TensorFlow's
    return keras.distribution.distribution() is not None or getattr(strategy, "num_replicas_in_sync", 1) > 1 or \
        keras.config.max_steps_per_epoch() is not None
