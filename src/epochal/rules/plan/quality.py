"""How good one training run was, without rewarding the run that was lucky in its choice of epoch."""

import math
from typing import NamedTuple

from ...records import Outcome
from ..patience import replay


def cross_fitted(curve):
    """Validation loss at the best epoch, the epoch chosen on one half of the rows and judged on the other, and averaged.

    The minimum of a noisy curve is too good: with independent noise of standard deviation s the best of T epochs looks
    s·E[max of T normals] better than it is, which favours noisy curves (small batches, high rates). Judging on rows that
    had no part in the choice removes this (cross-fitting; Cawley & Talbot 2010, JMLR 11, on selection bias).

    Returns:
        A loss; infinity where the run diverged. Conditional on these validation rows: another sample of rows would move
        all settings together.
    """
    return sum(judged_halves(curve)) / 2


def judged_halves(curve):
    """The loss on each half of the validation rows, at the epoch chosen on the other half; infinite where the run diverged."""
    if curve.outcome is not Outcome.OK or not curve.n_epochs:
        return math.inf, math.inf
    return curve.half_a[_lowest(curve.half_b)], curve.half_b[_lowest(curve.half_a)]


def metrics_judged(curve):
    """The compiled metrics beside that loss: the mean of those after the epoch chosen on either half; empty where not kept."""
    if curve.outcome is not Outcome.OK or not curve.n_epochs:
        return ()
    places = _lowest(curve.half_a), _lowest(curve.half_b)
    return tuple(sum(values[place] for place in places) / 2 for values in curve.metrics)


def best_epoch(curve):
    """The epoch, counted from 1, with the lowest validation loss; ties go to the earlier."""
    return _lowest(curve.validation_loss) + 1


def stopping_epoch(curve, patience):
    """The epoch, counted from 1, after which `EarlyStopping(patience)` ends the run; the last one if it never fires."""
    return replay(curve.validation_loss, patience)[1]


def stopping_regret(curve, patience):
    """How much validation loss `EarlyStopping(patience)` gives away against stopping in hindsight; 0 where nothing."""
    losses = curve.validation_loss
    return losses[replay(losses, patience)[0] - 1] - min(losses)


def _lowest(values):
    return min(range(len(values)), key=values.__getitem__)


def _falling(curve, target):
    """A run's values after each epoch and the one to reach, lower being better; without values, where they were not kept."""
    if not isinstance(target, Aim):
        return curve.validation_loss, target
    way, values = -1.0 if target.at_least else 1.0, values_of(curve, target)
    return tuple(way * value for value in values), way * target.value


def values_of(curve, aim):
    """The values of what an `Aim` is about, after each epoch; none, where they were not kept."""
    if aim.place is None:
        return curve.validation_loss
    return curve.metrics[aim.place] if curve.metrics else ()


def updates_to(losses, target, steps_per_epoch):
    """Updates until a loss, given after each epoch, first is at or below the target, interpolated within the epoch.

    Returns:
        Updates as a real number, or `None` where the run never reached the target (it is then right-censored at its end).
        Within the first epoch nothing is known but its end: the whole first epoch is returned, which is the most it can have been.
    """
    for epoch, loss in enumerate(losses):
        if loss <= target:
            before = losses[epoch - 1] if epoch else math.nan
            return steps_per_epoch * (epoch + ((before - target) / (before - loss) if math.isfinite(before) else 1.0))
    return None


class Aim(NamedTuple):
    """What is to be reached on the validation rows: a value, or beyond it, of the metric at this place among those compiled; of
    the loss, where the place is `None`."""

    place: int | None
    value: float
    at_least: bool


def all_updates_to(curves, target) -> list[float] | None:
    """Updates of every run to a target, a validation loss or an `Aim`, or `None` where one of them never reached it."""
    found = [updates_to(*_falling(curve, target), curve.steps_per_epoch) for curve in curves]
    reached = [updates for updates in found if updates is not None]
    return reached if len(reached) == len(found) else None
