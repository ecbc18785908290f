"""What looks like a fault in Keras' curves and is none, or another one: lag, dropout, class weights, batch-norm."""

import math

import numpy as np

from ...base.text import counted
from ...records import Unchecked
from ..moving_statistics import WARM, updates_to_warm, weight_left
from .seen import fig, found, level

_EARLY = 5        # epochs in which the lag is looked at
_ALIKE = 0.03     # of the rows: shares right that count as alike
_FEW_WRONG = 0.02  # of the rows: of fewer the losses depend on single ones
_TIMES = 1.5      # the training loss, beside that of validation
_STEADY = 0.2     # relative spread of that ratio


def batch_norm(seen):
    """Moving statistics that still hold much of what they began with, by the number of updates."""
    momentum, updates = seen.known.batch_norm, seen.history.n_updates
    if momentum is None:
        hint = _late_validation(seen)
        return hint or Unchecked("batch-norm lag", "curves do not say whether the model has batch-norm: pass the History object "
                                 "or the model.")
    if momentum == 0:
        return None
    if updates is None:
        return Unchecked("batch-norm lag", "the number of updates is not known: pass the History object, or batch_size= and "
                         "n_rows=.")
    if seen.known.updates_before:
        updates += seen.known.updates_before
    share = weight_left(momentum, updates)
    if not share > WARM:
        return None
    worse = seen.loss.size > 0 and seen.val.size > 0 and level(seen.val) > 1.1 * level(seen.loss)
    needed = updates_to_warm(momentum)
    curves = f" (validation loss {fig(level(seen.val))}, training loss {fig(level(seen.loss))})" if worse else ""
    return found("batch-norm lag", "advice", f"After {counted(updates, 'update')} the moving statistics of batch-norm are still "
                 f"{100 * share:.2g} % what they began with, mean 0 and variance 1 (momentum {momentum:g}). Training does not use "
                 f"them; validation and predict do, and look worse than the weights are{curves}: this is not overfitting.",
                 f"`epochal.reestimate_batch_norm(model, x)` mends a trained model; else make {needed:,.0f} updates or more, or "
                 "lower the momentum of BatchNormalization.", (1, seen.n, "val_loss"), "counted", share=share, updates=updates)


def _late_validation(seen):
    """Validation that is bad at first while training is good, and comes after: as lagging statistics make it."""
    if not (seen.accuracy.size and seen.val_accuracy.size) or seen.n < 4:
        return None
    early, late = slice(0, max(2, seen.n // 3)), slice(-max(2, seen.n // 5), None)
    apart = [float(np.median(seen.accuracy[part] - seen.val_accuracy[part])) for part in (early, late)]
    if not (apart[0] > 0.2 and apart[1] < apart[0] / 2):
        return None
    return found("batch-norm lag", "note", f"In the first epochs {100 * apart[0]:.0f} percentage points more of the training rows "
                 f"than of the validation rows are right, later {100 * apart[1]:.0f}: so it looks where batch-norm's moving "
                 "statistics lag behind the weights.", "If the model has batch-norm: epochal.reestimate_batch_norm(model, x).",
                 (1, seen.n, "accuracy", "val_accuracy"), "a hint, read from one curve", early=apart[0], late=apart[1])


def lag(seen):
    """Keras prints the training loss as a mean over the epoch, while weights move; validation comes after it."""
    if not (seen.loss.size and seen.val.size) or seen.n < 3:
        return None
    n = min(_EARLY, seen.n - 1)
    behind = (seen.loss[:n] - seen.loss[1 : n + 1]) / 2  # by half an epoch
    apart = seen.loss[:n] - seen.val[:n]
    above = apart > 0
    if not above[0] or not float(behind[0]) > 0.02 * float(seen.loss[0]):
        return None
    return found("lag of the training loss", "note", f"In the first {'epoch' if above.sum() == 1 else 'epochs'} the training loss "
                 f"({fig(seen.loss[0])}) is above the validation loss ({fig(seen.val[0])}): Keras prints the mean over the epoch, "
                 f"from before the weights had improved, about {fig(behind[0])} too high here; validation is measured at its end.",
                 "Nothing need be done: to compare them, call `model.evaluate` on the training rows.",
                 (1, int(np.argmin(above)) if not above.all() else n, "loss", "val_loss"), lag=behind[0], apart=apart[0])


def inverted(seen):
    """A training loss that stays above that of validation: dropout, which only training has."""
    above = _above(seen)
    if above is None:
        return None
    if seen.known.dropout is None and not seen.accuracy.size:
        return Unchecked("dropout's inverted gap", "the training loss stays above the validation loss, and the curves do not say "
                         "why: pass the History object or the model (dropout), and class_weighted=.")
    right_apart = seen.accuracy.size > 0 and seen.val_accuracy.size > 0 and level(seen.accuracy) < level(seen.val_accuracy)
    if not (seen.known.dropout or (seen.known.dropout is None and right_apart)):
        return None
    how = f"Dropout ({seen.known.dropout:g})" if seen.known.dropout else "Dropout or augmentation, if the training has it,"
    return found("dropout's inverted gap", "note", f"The training loss ({fig(above[0])}) stays above the validation loss "
                 f"({fig(above[1])}). {how} makes training harder and is off in validation: the gap is no fault, and hides how "
                 "much the model overfits.", "To compare them, call `model.evaluate` on the training rows.", (1, seen.n, "loss",
                                                                                                        "val_loss"),
                 "counted, and read from one curve" if seen.known.dropout else "a hint, read from one curve",
                 training=above[0], validation=above[1])


def _above(seen):
    """`(training, validation)` loss at the end where the first stays above, by more than its lag and noise; else `None`."""
    if not (seen.loss.size and seen.val.size) or seen.n < 4:
        return None
    half = slice(seen.n // 2, None)
    lagging = np.abs(np.diff(seen.loss, prepend=seen.loss[0]))[half] / 2
    apart = (seen.loss - seen.val)[half] - lagging
    middle = float(np.median(apart))
    if not ((apart > 0).mean() > 0.8 and middle > 0.03 * abs(level(seen.val))):
        return None
    return level(seen.loss), level(seen.val)


def class_weights(seen):
    """A training loss on another scale than that of validation, which Keras weights never reach."""
    if not (seen.loss.size and seen.val.size) or seen.n < 4:
        return None
    ratios = seen.loss / np.where(seen.val != 0, seen.val, math.nan)
    late = ratios[seen.n // 3:]
    ratio = float(np.nanmedian(late)) if np.isfinite(late).any() else math.nan
    if seen.known.class_weighted:
        return found("class weights", "note", f"`class_weight` or `sample_weight` scales the training loss and not the validation "
                     f"loss: their ratio of {fig(ratio)} says nothing of overfitting.", "Compare the curves of metrics, which are "
                     "without weights, or `model.evaluate` on both parts.", (1, seen.n, "loss", "val_loss"), "told by the caller",
                     ratio=ratio)
    if seen.known.class_weighted is False or not (seen.accuracy.size and seen.val_accuracy.size):
        return None
    wrong, val_wrong = (1 - float(np.median(right[seen.n // 3:])) for right in (seen.accuracy, seen.val_accuracy))
    alike = abs(wrong - val_wrong) < min(_ALIKE, 0.25 * val_wrong) and val_wrong > _FEW_WRONG
    steady = float(np.nanstd(late)) < _STEADY * abs(ratio)
    if not (alike and steady and ratio > _TIMES) or seen.known.dropout:
        return None
    return found("class weights", "advice", f"The training loss is {fig(ratio)} times the validation loss throughout, though as "
                 "many rows are right in both: so it looks where `class_weight` or `sample_weight` scales the training loss alone. "
                 "The gap then says nothing of overfitting, and with SGD the weights multiply the learning rate.",
                 "Divide the weights by their mean over the rows; compare metrics instead of losses.",
                 (1, seen.n, "loss", "val_loss"), ratio=ratio)
