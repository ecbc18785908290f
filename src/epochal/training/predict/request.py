"""What is asked of `predict`, checked, as one record."""

import os
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from ...base.validate import one_of, require, whole_number
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
        one_of("goal", self.goal, GOALS, 'Pass goal="throughput".')
        one_of("verbose", self.verbose, ("auto", 0, 1, 2), "Pass 0 for silence.")
        if self.batch_size is not None and not (isinstance(self.batch_size, str) and self.batch_size == "auto"):
            whole_number("batch_size", self.batch_size, cure="Leave it out, or pass 32.")
        if self.steps is not None:
            whole_number("steps", self.steps, cure="Leave it out, or pass 32.")
        require(not isinstance(self.x, str | os.PathLike), "x", self.x, "data",
                "The path of a Parquet file is for fit alone: pass pandas.read_parquet(path) with the features in the order of "
                "training, or call `epochal predict` on the command line.")

    @property
    def given_size(self) -> int | None:
        """The batch size that the user asks for; `None` where it is to be found, or to be that of Keras."""
        return None if self.batch_size in (None, "auto") else int(self.batch_size)

    @property
    def n_steps(self) -> int | None:
        """The batches that `steps` makes Keras predict: whole executions of `steps_per_execution`, so perhaps more."""
        at_once = getattr(self.model, "steps_per_execution", 1)
        return None if self.steps is None else -(-int(self.steps) // at_once) * at_once

    @property
    def is_spread(self) -> bool:
        """Whether Keras spreads batches over several devices, or cuts steps short for debugging: then they are its own affair."""
        strategy = getattr(self.model, "distribute_strategy", None)  # TensorFlow's
        return keras.distribution.distribution() is not None or getattr(strategy, "num_replicas_in_sync", 1) > 1 or \
            keras.config.max_steps_per_epoch() is not None

    def by_keras(self, x: Any) -> Any:
        given = {"batch_size": self.given_size, "steps": self.steps, "callbacks": self.callbacks}
        given = {name: value for name, value in given.items() if value is not None}  # a `predict` of the user's own may take fewer
        return self.model.predict(x, **given | ({} if self.verbose == "auto" else {"verbose": self.verbose}))

    def refuse_in_place(self, rows: list[np.ndarray]) -> None:
        """Raise `UsageError` where predictions would be written over rows that are still to be read."""
        for array in (array for array in keras.tree.flatten(self.out) if isinstance(array, np.ndarray)):
            require(not any(_share(array, leaf) for leaf in rows), "out", "an array in the memory or file of x", "another array",
                    "Predictions are written while rows are read: pass numpy.empty_like(out).")


def _share(a, b):
    try:
        if np.shares_memory(a, b, max_work=100_000):
            return True
    except np.exceptions.TooHardError:
        return True
    if (mapped := _place(a)) is None or (other := _place(b)) is None:
        return False
    (path, first, last), (its_path, begin, end) = mapped, other
    return first < end and begin < last and os.path.exists(path) and os.path.exists(its_path) and os.path.samefile(path, its_path)


def _place(array):
    """The file that an array is mapped from, and where in it its bytes begin and end; `None` for other arrays."""
    whole = array
    while isinstance(whole.base, np.memmap):
        whole = whole.base
    if not isinstance(whole, np.memmap) or whole.filename is None:
        return None
    (start, _), (first, last) = np.lib.array_utils.byte_bounds(whole), np.lib.array_utils.byte_bounds(array)
    return whole.filename, whole.offset + first - start, whole.offset + last - start
