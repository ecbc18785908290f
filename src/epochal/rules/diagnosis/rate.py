"""Whether the learning rate suits: too high (the loss jumps), too low, or updates too few (the loss has only begun to fall)."""

import math

import numpy as np

from ...base.text import counted, number
from ...records import Unchecked
from .seen import FEW, fig, found, level, noise, smooth

_JUMPS, _OF_FALL = 0.12, 0.08  # of the training loss, and of its fall: larger wobbles of an epoch's mean are no usual noise
_BACK, _BACK_OF_FALL = 0.2, 0.12   # of the training loss, and of its fall: how far it rises again
_RISES = 0.25      # share of epochs in which the training loss rises
_STRAIGHT = 0.5    # what the last third brings, beside the first: an exponential that is not yet at 1/e
_FEW_UPDATES = 150
_LOW = {"sgd": 1e-3}  # by optimizer: a rate below that few would choose; others
_LOW_OTHERS = 1e-4


def too_high(seen):
    """The training loss, a mean over all rows, jumps up and down in its second half."""
    if not seen.loss.size:
        return Unchecked("rate too high", "no training loss was recorded.")
    if seen.n < 2 * FEW:
        return Unchecked("rate too high", f"{counted(seen.n, 'epoch')} are too few to tell jumps from a trend: train for "
                         f"{2 * FEW} or more.")
    tail = seen.loss[seen.n // 2:]
    scatter, middle = noise(tail), float(np.median(tail))
    fall = max(float(seen.loss[0]), float(np.max(seen.loss))) - float(seen.loss.min())
    rises = float((np.diff(tail) > 0).mean())
    back = level(seen.loss) - float(smooth(seen.loss).min())
    lowest = int(smooth(seen.loss).argmin())
    moved = not seen.val.size or level(seen.val) - float(smooth(seen.val).min()) > back / 2  # weights that move, not dropout alone
    if back > _BACK * abs(level(seen.loss)) and back > _BACK_OF_FALL * fall and lowest < seen.n - 3 and moved:
        return found("rate too high", "advice", f"The training loss rose again, from {fig(smooth(seen.loss)[lowest])} in epoch "
                     f"{lowest + 1} to {fig(level(seen.loss))} at the end: the updates undo what earlier ones had found.", _LOWER,
                     (lowest + 1, seen.n, "loss"), lowest=smooth(seen.loss)[lowest], last=level(seen.loss))
    moved = not seen.val.size or seen.val_noise > scatter / 2
    if not (scatter > _JUMPS * abs(middle) and scatter > _OF_FALL * fall and rises > _RISES and moved):
        return None
    return found("rate too high", "advice", f"The training loss jumps by {fig(scatter)} from epoch to epoch around {fig(middle)} "
                 f"and rises in {100 * rises:.0f} % of the later epochs: though each value is a mean over all rows, the updates "
                 "overshoot.", _LOWER, (seen.n // 2 + 1, seen.n, "loss"), jump=scatter,
                 level=middle, rises=rises)


_LOWER = ("Divide the learning rate by 3 until the curve is calm (`epochal plan` finds the rate), or let it decay; where the batch "
          "is very small, double it.")


def begun(seen):
    """Whether the training loss falls at the end about as fast as at the beginning: `(first third, last third)`, or `None`."""
    values = seen.loss if seen.loss.size else seen.val
    n = len(values)
    if n < FEW:
        return None
    third, scatter = n // 3, noise(values)
    first, last = float(values[0] - values[third]), float(values[-1 - third] - values[-1])
    if not (last > _STRAIGHT * max(first, 0.0) and last > 6 * scatter and last > 0.005 * abs(values[0])):
        return None
    return first, last


def few_updates(seen):
    """Far from done, and a training of so few updates that no rate would do."""
    updates = _updates(seen)
    if begun(seen) is None and not _falling(seen):
        return None
    if updates is None:
        return Unchecked("too few updates", "the number of updates is not known: pass the History object, or batch_size= and "
                         "n_rows=.")
    if updates >= _FEW_UPDATES or _low(seen):
        return None
    size = seen.known.batch_size
    batch = "" if size is None else f" of {counted(size, 'row')}"
    return found("too few updates", "advice", f"The training loss was still falling when the training ended, after "
                 f"{counted(updates, 'update')}{batch} in {counted(seen.n, 'epoch')}: an optimizer moves the weights by about the "
                 "learning rate in each update, and so few do not reach far.",
                 "Train for more epochs, or with a smaller batch: " + (
                     f"{max(1, size // 8):,} would make 8 times as many updates in the same epochs." if size else
                     "32 is a start."), (1, seen.n, "loss"), updates=updates, certainty="counted, and read from one curve")


def _falling(seen):
    from .ending import still_falling

    _, values, scatter = seen.judged
    return not seen.cut_short and seen.n >= 4 and still_falling(values, scatter) is not None


def _updates(seen):
    """Updates by the end, those of earlier trainings of the same model too; `None` where unknown."""
    made = seen.history.n_updates
    return None if made is None else made + (seen.known.updates_before or 0)


def _low(seen):
    """Whether a rate is known, and so low that it explains a slow training."""
    rate = seen.history.rates[0] if seen.history.rates else seen.known.learning_rate
    return rate is not None and rate < _LOW.get(seen.known.optimizer, _LOW_OTHERS)


def too_low(seen):
    """The loss falls in a nearly straight line, and updates were not few."""
    fell, updates = begun(seen), _updates(seen)
    if fell is None:
        return None
    if updates is not None and updates < _FEW_UPDATES and not _low(seen):
        return None
    first, last = fell
    rate = seen.history.rates[0] if seen.history.rates else seen.known.learning_rate
    at = "" if rate is None or math.isnan(rate) else f" at a rate of {number(rate)}"
    return found("rate too low", "advice", f"The loss falls in a nearly straight line{at}: by {fig(max(first, 0))} in the first "
                 f"third of the epochs and by {fig(last)} in the last, so that it has hardly begun to level off.",
                 "Multiply the learning rate by 3 to 10 (`epochal plan` finds it); or train much longer.",
                 (1, seen.n, "loss" if seen.loss.size else "val_loss"), first_third=first, last_third=last)
