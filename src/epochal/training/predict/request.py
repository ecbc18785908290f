"""What is asked of `predict`, checked, as one record."""

import operator
import os
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from ...base.errors import UsageError, require
from ...rules.training.predict_size import GOALS


@dataclass(frozen=True, slots=True, eq=False)
class PredictRequest:
    """The arguments of `epochal.predict`; see there. What is wrong with one of them is a `UsageError`."""

    model: keras.Model
    x: Any
    batch_size: int | str | None = "auto"
    verbose: int | str = "auto"
    steps: int | None = None
    callbacks: Any = None
    goal: str = "throughput"
    out: Any = None

    def __post_init__(self) -> None:
        require(isinstance(self.model, keras.Model), "model", type(self.model).__name__, "a Keras model",
                "Pass the one you would predict with.")
        require(self.goal in GOALS, "goal", self.goal, f"one of {', '.join(GOALS)}", 'Pass goal="throughput".')
        require(self.verbose in ("auto", 0, 1, 2), "verbose", self.verbose, '"auto", 0, 1 or 2', "Pass 0 for silence.")
        for name, value in (("batch_size", self.batch_size), ("steps", self.steps)):
            if not (value is None or (name == "batch_size" and isinstance(value, str) and value == "auto")):
                whole = hasattr(value, "__index__") and not isinstance(value, bool)
                require(whole and operator.index(value) > 0, name, value, "a whole number from 1 on", "Leave it out, or pass 32.")
                object.__setattr__(self, name, operator.index(value))
        if isinstance(self.x, str | os.PathLike):
            raise UsageError(f"`x` must be data; got {os.fspath(self.x)!r}, and the path of a Parquet file is for fit alone. Pass "
                             "pandas.read_parquet(path) with the features in the order of training, or call `epochal predict` on "
                             "the command line.")

    @property
    def given_size(self) -> int | None:
        """The batch size that the user asks for; `None` where it is to be found, or to be that of Keras."""
        return None if self.batch_size == "auto" else self.batch_size

    @property
    def is_spread(self) -> bool:
        """Whether Keras spreads batches over several devices, or cuts steps short for debugging: then they are its own affair."""
        strategy = getattr(self.model, "distribute_strategy", None)  # TensorFlow's
        return keras.distribution.distribution() is not None or getattr(strategy, "num_replicas_in_sync", 1) > 1 or \
            keras.config.max_steps_per_epoch() is not None

    def by_keras(self, x: Any) -> Any:
        """What Keras' own `predict` returns for these arguments and `x`."""
        return self.model.predict(x, batch_size=self.given_size, verbose=self.verbose, steps=self.steps, callbacks=self.callbacks)

    def refuse_in_place(self, rows: list[np.ndarray]) -> None:
        """Raise `UsageError` where predictions would be written over rows that are still to be read."""
        for array in (array for array in keras.tree.flatten(self.out) if isinstance(array, np.ndarray)):
            require(not any(_share(array, leaf) for leaf in rows), "out", "an array in the memory or file of x", "another array",
                    "Predictions are written while rows are read: pass numpy.empty_like(out).")


def _share(a, b):
    if np.may_share_memory(a, b):
        try:
            return np.shares_memory(a, b, max_work=100_000)
        except np.exceptions.TooHardError:
            return True
    if not (places := (_place(a), _place(b)))[0] or not places[1]:
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
