"""Whether a training began with new weights, and how it compares with an earlier one."""

import math

import numpy as np

from ...base.text import counted
from ...records import Unchecked
from .seen import fig, found, level, smooth

_SEEDS = 0.05  # of the loss: what another seed may change


def trained_before(seen):
    """The optimizer had made updates before this training."""
    before = seen.known.updates_before
    if before is None:
        return Unchecked("reused model", "one curve does not show whether the weights were new: pass the History object of `fit`, "
                         "or the earlier run as baseline=.")
    if before <= 0:
        return None
    return found("reused model", "advice", f"The model had made {counted(before, 'update')} before this training: the curve begins "
                 "where an earlier one ended, and cannot be compared with that of a new model.",
                 "Build and compile the model anew before each fit that is compared.", (1, 1, "loss"), "counted", updates=before)


def continued(seen, earlier):
    """Begins where the earlier training ended, far below where that began."""
    if not (seen.loss.size and earlier.loss.size > 1):
        return None
    start, end, here = float(earlier.loss[0]), level(earlier.loss), float(seen.loss[0])
    fell = start - end
    if not (fell > 0.1 * abs(start) and here < end + 0.15 * fell and here < start - 0.5 * fell):
        return None
    return found("reused model", "fault", f"The first epoch's training loss is {fig(here)}, about where the earlier run ended "
                 f"({fig(end)}) and far below where that began ({fig(start)}): the same weights were trained on.",
                 "Build and compile the model anew before each fit that is compared.", (1, 1, "loss"), "read from two curves",
                 here=here, earlier_first=start, earlier_last=end)


def against(seen, earlier):
    """Which of the two has the lower validation loss, beside the noise of both."""
    if not (seen.val.size and earlier.val.size):
        return Unchecked("the baseline", "it takes the validation loss of both trainings.")
    mine, theirs = float(smooth(seen.val).min()), float(smooth(earlier.val).min())
    scatter = math.hypot(*(0.0 if math.isnan(one) else one for one in (seen.val_noise, earlier.val_noise)))
    margin = max(2 * scatter, _SEEDS * abs(theirs))
    figures, where = {"this": mine, "baseline": theirs, "margin": margin}, (1, seen.n, "val_loss")
    both = f"lowest validation loss {fig(mine)}, the baseline's {fig(theirs)}"
    if mine < theirs - margin:
        return found("the baseline", "note", f"Better than the baseline: {both}. If the labels of that one were shuffled, the "
                     "model has learnt from them.", "", where, "read from two curves, one seed each", **figures)
    word = "No better than" if mine <= theirs + margin else "Worse than"
    return found("the baseline", "advice", f"{word} the baseline: {both}, and such differences ({fig(margin)}) another "
                 "seed makes as well." if word.startswith("No") else f"{word} the baseline: {both}.",
                 "If the labels of the baseline were shuffled, this model has learnt nothing from its own: look at targets and "
                 "inputs. Else keep the baseline, or compare both with several seeds (`epochal study`).", where,
                 "read from two curves, one seed each", **figures)


def rare_class(seen):
    """Recall or precision that stays at 0, or answers that never change: a class that is never predicted."""
    n = seen.n
    for name, values in seen.history.curves:
        plain = name.removeprefix("val_").rstrip("_0123456789")
        tail = np.asarray(values, float)[-max(3, n // 2):]
        if plain in ("recall", "precision", "f1_score", "f1", "true_positives") and n >= 3 and np.all(tail == 0):
            return found("rare class", "advice", f"`{name}` is 0 in the last {len(tail)} epochs: the class that it is about is "
                         "never predicted.", _RARE, (n - len(tail) + 1, n, name))
    values = seen.accuracy  # of the training rows: few validation rows may all be as easy in every epoch
    if values.size >= 5 and np.ptp(values[1:]) == 0 and 0.5 < values[-1] < 1:
        return found("rare class", "advice", f"`accuracy` is {100 * values[-1]:.3g} % in every epoch: the model gives every row "
                     "the same answer, the most frequent class.", _RARE, (2, n, "accuracy"), share=values[-1])
    return None


_RARE = ("Judge by average precision, not by accuracy; train for more updates (a smaller batch or more epochs); lower the "
         "threshold of 0.5; `epochal measure DATA --what rare_class` gives the odds of a batch without that class.")
