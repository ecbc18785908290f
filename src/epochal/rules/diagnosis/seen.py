"""A training's curves as arrays, and the noise of a curve told from its trend."""

import math
from typing import NamedTuple

import numpy as np

from ...base.text import number
from ...records import Epochs, Finding, History

READ = "read from one curve"
FEW = 6  # epochs from which noise can be told from a trend


class Seen(NamedTuple):
    """What rules look at; arrays end before the first value that is not finite, and are empty where nothing was recorded.

    Attributes:
        history: the record. n: epochs that are looked at. end: epochs there are, those with values that are not finite included.
        loss, val: training and validation loss. accuracy, val_accuracy: the shares that were right.
        noise, val_noise: standard deviation from epoch to epoch around the trend, of the second half; not a number where unknown.
    """

    history: History
    n: int
    end: int
    loss: np.ndarray
    val: np.ndarray
    accuracy: np.ndarray
    val_accuracy: np.ndarray
    noise: float
    val_noise: float

    @property
    def known(self):
        return self.history.known

    @property
    def cut_short(self):
        """Whether fewer epochs were made than planned, as early stopping does; `None` where the plan is not known."""
        planned = self.known.planned_epochs
        return None if planned is None else self.end < planned

    @property
    def judged(self):
        """`(name, values, noise)` of the curve that tells how good the model is: of validation, or else of training."""
        return ("val_loss", self.val, self.val_noise) if self.val.size else ("loss", self.loss, self.noise)

    @property
    def best(self):
        """The place of the best epoch of that curve, a lucky single epoch set aside where there are enough."""
        return lowest(self.judged[1])


def seen(history: History) -> Seen:
    """Prepare a history for the rules."""
    arrays = {name: _filled(np.asarray(values, float)) for name, values in history.curves}
    right = next((name for name in arrays if not name.startswith("val_") and _is_share_right(name, arrays[name])), None)
    val_right = next((name for name in arrays if name.startswith("val_") and _is_share_right(name, arrays[name])), None)
    nothing = np.empty(0)
    loss, val = arrays.get("loss", nothing), arrays.get("val_loss", nothing)
    ends = [finite_part(curve) for curve in (loss, val) if curve.size]
    n = min(ends, default=0)
    loss, val = loss[:n], val[:n]
    accuracy = arrays[right][:n] if right else nothing
    val_accuracy = arrays[val_right][:n] if val_right else nothing
    return Seen(history, n, max(loss.size, history.n_epochs), loss, val, accuracy, val_accuracy, noise(loss[n // 2:]),
                noise(val[n // 2:]))


def _is_share_right(name, values):
    fine = values[np.isfinite(values)]
    return ("accuracy" in name or name in ("acc", "val_acc")) and fine.size > 0 and fine.min() >= 0 and fine.max() <= 1


def _filled(values):
    """Values that were not recorded, between two that were, lie on the line between them."""
    missing = np.isnan(values)
    if not missing.any() or missing.all():
        return values
    places = np.flatnonzero(~missing)
    last, first = places[-1], places[0]
    inside = np.arange(len(values))
    filled = np.interp(inside, places, values[places])
    return np.where(missing & (inside < last) & (inside > first) | ~missing | (inside < first), filled, np.nan)


def finite_part(values: np.ndarray) -> int:
    """How many values stand before the first that is infinite or not a number."""
    fine = np.isfinite(values)
    return int(fine.size if fine.all() else fine.argmin())


def noise(values: np.ndarray) -> float:
    """Standard deviation of independent noise from epoch to epoch around a smooth trend; not a number with few values.

    From second differences, in which a straight trend cancels and noise of variance s² has 6 s²; by their median absolute
    value, so that a few steep epochs do not count.

    >>> bool(noise(np.arange(20.0)) == 0.0)
    True
    """
    if len(values) < FEW:
        return math.nan
    return float(1.4826 * np.median(np.abs(np.diff(values, 2))) / math.sqrt(6))


def smooth(values: np.ndarray) -> np.ndarray:
    """Medians of three neighbours; the ends as they are."""
    if len(values) < 5:
        return values
    inner = np.median(np.stack([values[:-2], values[1:-1], values[2:]]), axis=0)
    return np.concatenate([values[:1], inner, values[-1:]])


def lowest(values: np.ndarray) -> int:
    """The place of the lowest value after smoothing; of equal ones the lowest before it, and the first of those."""
    if not len(values):
        return 0
    smoothed = smooth(values)
    least = np.flatnonzero(smoothed == smoothed.min())
    return int(least[np.argmin(values[least])])


def level(values: np.ndarray) -> float:
    """The median of the last tenth of the values, three at least."""
    return float(np.median(values[-max(3, len(values) // 10):]))


def found(kind, severity, sentence, cure, where=None, certainty=READ, **figures):
    """A `Finding` of one curve or more; `where` is `(first, last, *curves)`, epochs counted from 1."""
    place = None if where is None else Epochs(int(where[0]), int(where[1]), tuple(where[2:]))
    return Finding(kind, severity, sentence, cure, tuple((name, float(value)) for name, value in figures.items()), place, certainty)


def fig(value: float) -> str:
    """A loss as text."""
    return number(float(value))
