"""Whether the validation rows can judge: too few, too noisy, unlike the training rows, or answered in advance."""

import math

import numpy as np

from ...base.text import counted
from ...records import Unchecked
from .seen import FEW, fig, found, level, smooth

_FEW_ROWS = 40
_MOST_ROWS = 400   # validation rows that can be told from the steps of an accuracy
_LUCK = 0.5        # of what training gained: what the luckiest epoch gains by chance
_ALL = 0.999       # share right that real data hardly allow


def noisy(seen):
    """Few validation rows, told by the steps of the accuracy; or a loss that jumps by more than is left to gain."""
    if not seen.val.size:
        return Unchecked("noisy validation", "no validation loss was recorded: pass validation_data to `fit`.")
    rows = seen.known.n_validation or rows_behind(seen.val_accuracy)
    if rows is not None and rows < _FEW_ROWS:
        p = float(np.median(seen.val_accuracy)) if seen.val_accuracy.size else 0.5
        error = 196 * math.sqrt(max(p * (1 - p), 1 / rows / 4) / rows)
        how = "counted" if seen.known.n_validation else "read from the steps of the accuracy"
        return found("noisy validation", "advice", f"There are about {rows} validation rows: a share of right answers is then "
                     f"known to within ±{error:.0f} percentage points, and the best epoch is largely a matter of luck.",
                     "Hold out more rows (a few hundred), or use cross-validation over five folds.", (1, seen.n, "val_loss"), how,
                     rows=rows, error=error / 100)
    if seen.n < 2 * FEW:
        return Unchecked("noisy validation", f"{counted(seen.n, 'epoch')} are too few to tell noise from a trend.")
    gain = max(float(seen.val[0]), float(seen.loss[0]) if seen.loss.size else 0.0) - float(smooth(seen.val).min())
    calm = 0.0 if math.isnan(seen.noise) else seen.noise
    luck = seen.val_noise * math.sqrt(2 * math.log(seen.n))
    if not (luck > _LUCK * max(gain, 0.0) and seen.val_noise > 0.1 * abs(level(seen.val)) and seen.val_noise > 3 * calm):
        return None
    return found("noisy validation", "advice", f"The validation loss jumps by {fig(seen.val_noise)} from epoch to epoch, where all "
                 f"of training gained {fig(max(gain, 0))}: the best of {seen.n} epochs is better by luck alone by about "
                 f"{fig(luck)}.",
                 "Hold out more rows, or judge by the mean over folds; a lower learning rate calms it too.",
                 (seen.n // 2 + 1, seen.n, "val_loss"), jump=seen.val_noise, gain=gain, luck=luck)


def rows_behind(shares):
    """The smallest number of rows that gives all these shares of right answers; `None` where none up to 400 does.

    Shares in 32-bit numbers are off by 1e-7, so that chance alone would fit a number below 400 once in ten thousand times, with two
    different shares.
    """
    values = np.unique(np.round(np.asarray(shares, float), 7))
    values = values[(values > 0) & (values < 1)]
    if len(values) < 2:
        return None
    for rows in range(2, _MOST_ROWS):
        counts = values * rows
        if (np.abs(counts - np.round(counts)) < 3e-7 * rows).all():
            return rows
    return None


def other_rows(seen):
    """Validation rows that are unlike the training rows, as the last rows of sorted data are."""
    if not (seen.accuracy.size and seen.val_accuracy.size):
        if not (seen.loss.size and seen.val.size) or seen.n < 5:
            return None
        rows_lie = level(seen.val) > 2 * seen.val[0] and seen.best <= 1 and level(seen.loss) < 0.5 * seen.loss[0]
        if not rows_lie:
            return None
        return found("rows held out", "note", f"The validation loss rose from the first epoch on, from {fig(seen.val[0])} to "
                     f"{fig(level(seen.val))}, while the training loss fell: overfitting seldom begins at once. The validation "
                     "rows may be unlike the training rows.", _SHUFFLE, (1, seen.n, "loss", "val_loss"), first=seen.val[0],
                     last=level(seen.val))
    right, held = level(seen.accuracy), level(seen.val_accuracy)
    if not (right > 0.8 and held < 0.35 * right) or (seen.known.batch_norm and (seen.history.n_updates or 0) < 500):
        return None
    return found("rows held out", "fault", f"{100 * right:.0f} % of the training rows are answered right and {100 * held:.2g} % of "
                 "the validation rows: these are other rows, as where validation_split takes the last rows of sorted data, or "
                 "other preparation.", _SHUFFLE, (1, seen.n, "accuracy", "val_accuracy"), training=right, validation=held)


_SHUFFLE = ("Shuffle x and y together before `fit` (validation_split takes the last rows before any shuffling), and prepare both "
            "parts alike.")


def leakage(seen):
    """Answers that are too good: a hint, never more, from curves alone."""
    if seen.val_accuracy.size and seen.n >= 3:
        tail = seen.val_accuracy[-max(2, seen.n // 2):]
        if tail.min() >= _ALL:
            first = int(np.argmax(seen.val_accuracy >= _ALL)) + 1
            return found("leakage", "note", f"From epoch {first} on all validation rows are answered right. That is rare on real "
                         "data: the target may be among the inputs, or the validation rows among the training rows.",
                         "Look for a column that is known only after the fact, and for duplicate rows; `diagnose(history, model, "
                         "x, y)` looks for both.", (first, seen.n, "val_accuracy"), certainty="a hint, read from one curve",
                         share=tail.min())
        return None
    if seen.val.size and seen.n >= 5 and 0 <= level(seen.val) < 1e-3 * seen.val[0]:
        return found("leakage", "note", f"The validation loss fell to {fig(level(seen.val))}, less than a thousandth of the first "
                     f"epoch's {fig(seen.val[0])}: the target may be among the inputs.",
                     "Look for a column that is known only after the fact; `diagnose(history, model, x, y)` does.",
                     (1, seen.n, "val_loss"), certainty="a hint, read from one curve", first=seen.val[0], last=level(seen.val))
    return None
