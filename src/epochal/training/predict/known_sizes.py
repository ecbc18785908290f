"""Batch sizes timed on this machine for a model of this architecture, kept between calls and between processes."""

import json
import math
import pathlib

import keras
from platformdirs import user_cache_path

from ...base.files import write_whole
from ...rules.training.predict_size import GOALS, Trial, is_steady
from ...seam.forward import Forward
from ...seam.identity.settings import shapes_of, speed_key
from ...seam.machine import this_machine

_FORMAT = 1
_CALLS = 8      # seconds kept of a size: those of the fastest calls
_SEARCHES = 5   # after so many, timings that look disturbed are believed


class KnownSizes:
    """The `Trial`s of one model, one shape of rows and one machine.

    A file that cannot be read, or is not what was written, counts as none: all it costs is to measure again. So does a folder
    that cannot be written to, in the next process.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._seconds, self._searched, self._n_searches = _read(path)

    @property
    def trials(self) -> list[Trial]:
        """In the order of their size."""
        return [Trial(*known) for known in sorted(self._seconds.items())]

    @property
    def settled(self) -> bool:
        """Whether they may be believed."""
        return is_steady(self.trials) or self._n_searches >= _SEARCHES

    def suffice(self, goal: str, n_rows: int) -> bool:
        """Whether a search for this goal would show nothing new: there was one, with half as many rows at least."""
        return self.settled and n_rows <= 2 * self._searched.get(goal, 0)

    def add(self, trial: Trial) -> None:
        self._seconds[trial.size] = tuple(sorted((*self._seconds.get(trial.size, ()), *trial.seconds))[:_CALLS])

    def keep(self, goal: str, n_rows: int) -> None:
        """Write down what was found by a search with so many rows."""
        self._searched[goal], self._n_searches = n_rows, self._n_searches + 1
        text = json.dumps({"format": _FORMAT, "searched": self._searched, "searches": self._n_searches, "trials": self.trials})
        try:
            write_whole(self._path, text + "\n")
        except OSError:
            return


def known_sizes(model, forward: Forward, data) -> KnownSizes:
    """What is known for a model and rows like those of `data`."""
    rows = shapes_of(data)
    if rows not in forward.known:
        name = speed_key(model, model.predict_step, this_machine(forward.device, None, keras.backend.backend()), rows)
        forward.known[rows] = KnownSizes(user_cache_path("epochal") / "predict" / f"{name}.json")
    return forward.known[rows]


def _read(path):
    """{size: seconds} in a file, {goal: rows searched with}, and the number of searches; all empty where it does not hold them."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        seconds = {size: tuple(taken) for size, taken in told["trials"]}
        searched = {goal: told["searched"][goal] for goal in GOALS if goal in told["searched"]}
        counts = [told["searches"], *searched.values(), *seconds]
        sound = told["format"] == _FORMAT and seconds and all(isinstance(n, int) and n > 0 for n in counts) and all(
            taken and all(isinstance(s, float) and 0 < s < math.inf for s in taken) for taken in seconds.values())
    except (OSError, ValueError, KeyError, TypeError):
        sound = False
    return (seconds, searched, told["searches"]) if sound else ({}, {}, 0)
