"""Whether a model fits too much (the training rows alone) or too little (not even them)."""

import math

import numpy as np

from ...records import Unchecked
from .seen import fig, found, level, smooth

_WORSE = 0.05     # of the lowest validation loss: less of a rise is not worth a word
_NOISES = 4       # times the noise from epoch to epoch
_SHORT = 10       # epochs after the best: as long as early stopping usually waits
_NOTHING = 0.02   # of the first epoch's loss
_ALIKE, _HIGH = 0.1, 0.6  # of the loss


def overfitting(seen):
    """The validation loss rises from its lowest point on while the training loss falls."""
    if not (seen.val.size and seen.loss.size):
        return Unchecked("overfitting", "it takes both the training and the validation loss: pass validation_data to `fit`.")
    if seen.n < 5:
        return Unchecked("overfitting", f"{seen.n} epochs are too few to tell a rise from noise.")
    best, low, now = seen.best, float(smooth(seen.val)[seen.best]), level(seen.val)
    rise, after = now - low, seen.n - 1 - best
    noisy = 0.0 if math.isnan(seen.val_noise) else seen.val_noise
    rising = rise > max(_NOISES * noisy, _WORSE * abs(low)) and after >= 3
    if not rising or not level(seen.loss) < seen.loss[best]:
        return None
    since = seen.n - 1 - int(seen.val.argmin())
    waited = since <= _SHORT or (seen.cut_short and since <= 25)
    end = (f"from {fig(seen.val[best])} after epoch {best + 1} to {fig(now)} at the end, while the training loss fell from "
           f"{fig(seen.loss[best])} to {fig(level(seen.loss))}")
    where, figures = (best + 1, seen.n, "loss", "val_loss"), {"best_epoch": best + 1, "rise": rise, "lowest": low}
    if waited:
        return found("overfitting", "note", f"The validation loss rose {end}: from there on the model overfits, and the training "
                     "ended soon.", "Keep the weights of the best epoch: restore_best_weights=True.", where, **figures)
    return found("overfitting", "fault" if rise > abs(low) else "advice", f"The validation loss rose {end}: the model learns the "
                 "training rows by heart, and predicts new rows worse with every epoch.",
                 "Stop at the best epoch (EarlyStopping(restore_best_weights=True)); for a better one: more rows, a smaller model, "
                 "dropout or weight decay; look for wrong labels too.", where, **figures)


def underfitting(seen):
    """The training loss has hardly fallen, or levelled off high and no better than on validation rows."""
    values = seen.loss if seen.loss.size else seen.val
    name = "loss" if seen.loss.size else "val_loss"
    if seen.n < 5:
        return Unchecked("underfitting", f"{seen.n} epochs are too few to tell that a curve has levelled off.")
    first, low = float(values[0]), float(smooth(values).min())
    right = seen.val_accuracy if seen.val_accuracy.size else seen.accuracy
    good = right.size > 0 and float(np.median(right)) > 0.9
    if first - low < _NOTHING * abs(first) and not good:
        return found("underfitting", "advice", f"`{name}` fell by {100 * (first - low) / abs(first):.2g} % after the first epoch, "
                     f"from {fig(first)} to {fig(low)}: either all that there is to learn was learnt within one epoch, or nothing "
                     "is being learnt.", "Compare the loss with that of a constant answer (the shares of the classes; the mean of "
                     "the target). If it is no better: a higher or much lower learning rate, other activations, scaled inputs.",
                     (1, seen.n, name), first=first, lowest=low)
    if not (seen.loss.size and seen.val.size) or good:
        return None
    last, judged = level(seen.loss), level(seen.val)
    third = seen.loss[-max(3, seen.n // 3):]
    flat = third[0] - third[-1] < 0.05 * (first - low) + 2 * (0.0 if math.isnan(seen.noise) else seen.noise)
    if flat and abs(judged - last) < _ALIKE * abs(last) and last > _HIGH * max(first, float(seen.val[0])):
        return found("underfitting", "note", f"The training loss levelled off at {fig(last)}, {100 * last / first:.0f} % of the "
                     f"first epoch's, and the validation loss is about the same ({fig(judged)}): more epochs or rows would not "
                     "help. The model may be too small, or this is what the data allow.",
                     "Try a wider or deeper model, or gradient boosting on the same rows: if that is better, the model underfits. "
                     "`diagnose(history, model, x, y)` makes that comparison.", (seen.n - len(third) + 1, seen.n, "loss",
                                                                                "val_loss"), loss=last, val_loss=judged)
    return None
