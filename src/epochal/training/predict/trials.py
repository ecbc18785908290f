"""Batch sizes timed on this machine for a model of this architecture, kept between calls and between processes."""

import json
import math
from weakref import WeakKeyDictionary

from platformdirs import user_cache_path

from ...base.files import write_whole
from ...rules.training.predict_size import GOALS, Trial, is_steady
from ...seam.identity.settings import shapes_of, speed_key

_FORMAT = 1
_CALLS = 8      # seconds kept of a size: those of the fastest calls
_SEARCHES = 5   # after so many, timings that look disturbed are believed
_known = WeakKeyDictionary()  # Forward -> {shapes: Trials}


class Trials:
    """The `Trial`s of one model, one shape of rows and one machine, in the order of their size.

    A file that cannot be read, or is not what was written, counts as none: all it costs is to measure again. So does a folder
    that cannot be written to, in the next process.
    """

    def __init__(self, path):
        trials, self._searched, self._n_searches = _read(path)
        self._path, self._of = path, {trial.size: trial for trial in trials}

    def __iter__(self):
        return iter(sorted(self._of.values()))

    def __len__(self):
        return len(self._of)

    @property
    def settled(self):
        """Whether they may be believed."""
        return is_steady(self) or self._n_searches >= _SEARCHES

    def suffice(self, goal, n_rows):
        """Whether a search for this goal would show nothing new: there was one, with half as many rows at least."""
        return self.settled and n_rows <= 2 * self._searched.get(goal, 0)

    def add(self, trial):
        before = self._of[trial.size].seconds if trial.size in self._of else ()
        self._of[trial.size] = Trial(trial.size, tuple(sorted((*before, *trial.seconds))[:_CALLS]))

    def keep(self, goal, n_rows):
        """Write down what was found by a search with so many rows."""
        self._searched[goal], self._n_searches = n_rows, self._n_searches + 1
        text = json.dumps({"format": _FORMAT, "searched": self._searched, "searches": self._n_searches,
                           "trials": [[trial.size, list(trial.seconds)] for trial in self]})
        try:
            write_whole(self._path, text + "\n")
        except OSError:
            return


def trials_of(model, forward, data):
    """The `Trials` for a model and rows like those of `data`."""
    kept = _known.setdefault(forward, {})
    rows = shapes_of(data)
    if rows not in kept:
        name = speed_key(model, model.predict_step, forward.machine, rows)
        kept[rows] = Trials(user_cache_path("epochal") / "predict" / f"{name}.json")
    return kept[rows]


def _read(path):
    """The trials in a file, {goal: rows searched with}, and the number of searches; all empty where it does not hold them."""
    nothing = [], {}, 0
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["format"] != _FORMAT:
            return nothing
        trials = [Trial(size, tuple(seconds)) for size, seconds in told["trials"]]
        searched = {goal: told["searched"][goal] for goal in GOALS if goal in told["searched"]}
        sound = _is_count(told["searches"]) and all(_is_count(n) for n in searched.values()) and all(
            _is_count(trial.size) and trial.seconds and all(isinstance(s, float) and 0 < s < math.inf for s in trial.seconds)
            for trial in trials)
    except (OSError, ValueError, KeyError, TypeError):
        return nothing
    return (trials, searched, told["searches"]) if sound and trials else nothing


def _is_count(n):
    return isinstance(n, int) and n > 0
