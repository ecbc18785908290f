"""Alarms of drift: river's ADWIN on what goes wrong with each row, in a form that is kept as plain numbers."""

import math
from typing import NamedTuple

import numpy as np

from ...base.errors import UsageError

DELTA = 0.002   # of ADWIN: its chance of a false alarm, by a bound that is far from reached: see docs/stream.md
_TAIL = 5_000   # rows that a detector begins with when it is made anew
_SCALE = 100     # losses whose geometric mean is the scale of those after them
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
    the geometric mean of the first 100. It stays until ADWIN tells of a change: after a rise, which is an alarm, and after a fall,
    which is what learning looks like, the next 100 give another. (A scale that follows the losses lags behind while they fall, and
    what is heard then rises when learning slows down: 9 of 10 whole stationary streams had an alarm by that.)

    Args:
        bounded: whether errors are 0 and 1.
    """

    def __init__(self, bounded):
        self._bounded, self._n, self._scale, self._first = bounded, 0, None, []
        self._heard = []  # since it was made anew, and the 5,000 before that
        self._made = detector()

    def hear(self, errors, losses):
        """The alarms in some more rows, a list of `Heard`; errors and losses: float[n]."""
        found = []
        for value in (errors if self._bounded else losses).tolist():
            self._n += 1
            value = value if self._bounded else self._relative(value)
            if value is None:
                continue
            if len(self._heard) >= 2 * _TAIL:
                self._heard = self._heard[-_TAIL:]
                self._begin(self._heard)
            before = self._made.estimation
            self._made.update(value)
            self._heard.append(value)
            rises = self._made.estimation > before
            if self._made.drift_detected and rises:
                found.append(Heard(self._n, float(before), float(self._made.estimation)))
            if self._made.drift_detected and (rises or not self._bounded):  # what was before is over
                self._heard, self._scale, self._made = [], None, detector()
        return found

    def state(self):
        """Plain numbers: what `restore` takes."""
        return {"n": self._n, "scale": self._scale, "first": np.array(self._first, float), "heard": np.array(self._heard, float)}

    def restore(self, state):
        self._n, self._scale = int(state["n"]), None if state["scale"] is None else float(state["scale"])
        self._first = np.asarray(state["first"], float).tolist()
        self._heard = np.asarray(state["heard"], float).tolist()
        self._begin(self._heard)

    def _begin(self, values):
        self._made = detector()
        for value in values:
            self._made.update(value)

    def _relative(self, loss):
        """The loss beside the scale, between 0 and 1; `None` while the scale is being found."""
        at = math.log(max(loss, _LEAST)) if loss < math.inf else None  # no number, too
        if self._scale is None:
            self._first += [] if at is None else [at]
            if len(self._first) == _SCALE:
                self._scale, self._first = sum(self._first) / _SCALE, []
            return None
        return 1.0 if at is None else 1 / (1 + math.exp(min(max(self._scale - at, -_FARTHEST), _FARTHEST)))
