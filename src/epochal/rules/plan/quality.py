"""How good one training run was, without rewarding the run that was lucky in its choice of epoch."""

import math

from ...records import Outcome
from ..patience import replay


def cross_fitted(curve):
    """Validation loss at the best epoch, the epoch chosen on one half of the rows and judged on the other, and averaged.

    The minimum of a noisy curve is too good: with independent noise of standard deviation s the best of T epochs looks
    s·E[max of T normals] better than it is, which favours noisy curves (small batches, high rates). Judging on rows that
    had no part in the choice removes this (cross-fitting; Cawley & Talbot 2010, JMLR 11, on selection bias).

    Args:
        curve: a `Curve` of at least one epoch.

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


def steps_to(curve, target):
    """Updates until the validation loss first is at or below `target`, interpolated within the epoch.

    Args:
        curve: a `Curve`.
        target: a loss.

    Returns:
        Updates as a real number, or `None` where the run never reached the target (it is then right-censored at its end).
        Within the first epoch nothing is known but the end: the whole first epoch is returned.
    """
    losses = curve.validation_loss
    for epoch, loss in enumerate(losses, start=1):
        if loss <= target:
            if epoch == 1:
                return float(curve.steps_per_epoch)
            before = losses[epoch - 2]
            return curve.steps_per_epoch * (epoch - 1 + (before - target) / (before - loss))
    return None


def all_steps_to(curves, target):
    """Updates to the target of every run, or `None` where one of them never reached it."""
    found = [steps for steps in (steps_to(curve, target) for curve in curves) if steps is not None]
    return found if len(found) == len(curves) else None
