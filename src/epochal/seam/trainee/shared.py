"""What the trainees of all back ends have in common: trials that are undone, and logs as Keras writes them."""

from contextlib import contextmanager

import keras
import numpy as np

from ...base.validate import require
from ..rows import over


@contextmanager
def kept(model):
    """A context after which the variables of model, optimizer and metrics are what they were."""
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    held = [keras.ops.copy(v) for v in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, held, strict=True):
            variable.assign(value)


def epoch_logs(model, logs):
    """What Keras writes into the history: the metrics, unless the model's own step returned something else by name."""
    return logs if are_own(logs, results := model.get_metrics_result()) else results


def are_own(logs, results):
    """Whether a step of the user's own returned something else than the metrics, whose `results` these are."""
    return not isinstance(logs, dict) or set(logs) != set(results)


def numbers(logs, fetch):
    """Logs in their own nesting, with a float for every scalar and a NumPy array for anything else.

    Args:
        fetch: list of tensors -> list of NumPy arrays, in one transfer.
    """
    values = []
    over(values.append, logs)
    arrays = iter(fetch(values) if values else [])
    return over(lambda _: _plain(next(arrays)), logs)


def refuse_mode(trainee, mode):
    """Raise `UsageError` for a mode that the trainee does not offer."""
    require(mode in trainee.modes, "mode", mode, f"one of {', '.join(trainee.modes)}", trainee.why_not.get(mode, ""))


def _plain(array):
    return float(array) if np.ndim(array) == 0 else array
