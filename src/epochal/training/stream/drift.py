"""Alarms of drift: river's ADWIN on what goes wrong with each row, in a form that is kept as plain numbers."""

import math
from typing import NamedTuple

import numpy as np

from ...base.errors import UsageError

DELTA = 0.002   # of ADWIN: its chance of a false alarm, by a bound that is far from reached: see docs/stream.md
_TAIL = 5_000   # rows that a detector begins with when it is made anew
_FADING = 0.999  # of the level that losses are relative to
_LEAST, _FARTHEST = 1e-30, 20.0  # loss whose logarithm is taken, and difference of two logarithms


def detector():
    """River's ADWIN.

    Raises:
        UsageError: river is not installed.
    """
    try:
        from river.drift import ADWIN
    except ImportError as error:
        raise UsageError("`drift` must be False, or river must be installed, which tells of drift; it is not. Run: pip install "
                         "'epochal[stream]'.") from error
    return ADWIN(delta=DELTA)


class Heard(NamedTuple):
    """An alarm: after how many rows, and the level before and since."""

    row: int
    before: float
    after: float


class Drift:
    """Hears the error of one row after the other, and tells where they have risen.

    ADWIN (Bifet & Gavaldà 2007) compares the mean of the latest rows with that of those before, for every cut of a window that
    grows as long as nothing changes. Its state is no plain data, so it is made anew every 5,000 rows from the last 5,000 of them:
    what is kept of it is these numbers, at most 10,000, and a run that goes on from them hears what an uninterrupted one hears.

    Wrong answers (0 or 1) are heard as they are. Where answers are numbers, losses have no bound, and l / (l + m) is heard, with m
    the faded geometric mean of the losses before, whose logarithm is the level.

    Args:
        bounded: whether errors are 0 and 1.
    """

    def __init__(self, bounded):
        self._bounded, self._n, self._level = bounded, 0, None
        self._heard = []  # since it was made anew, and the 5,000 before that
        self._made = detector()

    def hear(self, errors, losses):
        """The alarms in some more rows, a list of `Heard`; errors and losses: float[n]."""
        found = []
        for value in (errors if self._bounded else losses).tolist():
            value = value if self._bounded else self._relative(value)
            if len(self._heard) >= 2 * _TAIL:
                self._heard = self._heard[-_TAIL:]
                self._begin(self._heard)
            before = self._made.estimation
            self._made.update(value)
            self._heard.append(value)
            self._n += 1
            if self._made.drift_detected and self._made.estimation > before:
                found.append(Heard(self._n, float(before), float(self._made.estimation)))
                self._heard = []
                self._made = detector()  # what was before is over
        return found

    def state(self):
        """Plain numbers: what `restore` takes."""
        return {"n": self._n, "level": self._level, "heard": np.array(self._heard, float)}

    def restore(self, state):
        self._n, self._level = int(state["n"]), None if state["level"] is None else float(state["level"])
        self._heard = np.asarray(state["heard"], float).tolist()
        self._begin(self._heard)

    def _begin(self, values):
        self._made = detector()
        for value in values:
            self._made.update(value)

    def _relative(self, loss):
        if not loss < math.inf:  # no number, too
            return 1.0
        at = math.log(max(loss, _LEAST))
        level = at if self._level is None else self._level
        self._level = level + max(1 - _FADING, 1 / (self._n + 1)) * (min(max(at - level, -_FARTHEST), _FARTHEST))
        return 1 / (1 + math.exp(min(max(level - at, -_FARTHEST), _FARTHEST)))
