"""How a training ended: in numbers that are none, too early, or long after there was anything to gain."""

import math

import numpy as np

from ...base.text import counted
from ...records import Unchecked
from .seen import FEW, fig, found, level, noise, smooth

_RISEN = 1.5      # times the first epoch's training loss: beyond it the training went the wrong way
_STILL = 0.05     # of what was gained: worth more epochs
_WAITED = 20      # epochs without improvement that no usual patience waits for
_PATIENT = 3      # epochs without a new best one, as the shortest usual patience leaves at the end
_TIMES = 3        # as long again after the best epoch as up to it


def divergence(seen):
    """Losses that are infinite or not a number, or that end far above where they began."""
    name, values = ("loss", seen.loss) if seen.loss.size else ("val_loss", seen.val)
    raw = seen.history.curve("loss") or seen.history.curve("val_loss")
    if seen.n < len(raw):
        broken = next((curve for curve in ("loss", "val_loss") if (some := seen.history.curve(curve)) and len(some) > seen.n
                       and not math.isfinite(some[seen.n])), name)
        before = f", after {fig(seen.history.curve(broken)[seen.n - 1])} the epoch before" if seen.n else ""
        return found("divergence", "fault", f"`{broken}` is infinite or not a number from epoch {seen.n + 1}{before}: the weights "
                     "have become useless there, and no later epoch mends them.", _SLOWER, (seen.n + 1, len(raw), broken),
                     "read from the values", epoch=seen.n + 1)
    if seen.n >= 4 and level(values) > _RISEN * max(values[0], values.min()) and level(values) > values[0] + 5 * _scatter(values):
        return found("divergence", "fault", f"`{name}` rose from {fig(values[0])} in the first epoch to {fig(level(values))} in "
                     "the last: the training moves away from what it should find.", _SLOWER, (1, seen.n, name),
                     first=values[0], last=level(values))
    return None


_SLOWER = ("Divide the learning rate by 10, check the inputs and targets for missing or huge values, and scale them; "
           "`clipnorm=1.0` in the optimizer helps where single batches are the cause.")


def _scatter(values):
    spread = noise(values)
    return 0.0 if math.isnan(spread) else spread


def too_early(seen):
    """The judged curve was still falling at the end, and nobody had stopped it for want of improvement."""
    name, values, scatter = seen.judged
    if seen.cut_short:
        return None
    if seen.n < 4:
        return Unchecked("stopped too early", f"{counted(seen.n, 'epoch')} are too few to see whether the loss still falls: train "
                         "for ten or more.")
    falling = still_falling(values, scatter)
    if falling is None:
        return None
    since = seen.n - 1 - int(values.argmin())
    if seen.cut_short is None and since >= _PATIENT:
        return Unchecked("stopped too early", f"the loss still falls on the whole, but the last {counted(since, 'epoch')} brought "
                         "no new best one: early stopping may have ended it. Pass the History object, or epochs=.")
    gain, share = falling
    return found("stopped too early", "advice", f"`{name}` was still falling when the training ended ({fig(level(values))} after "
                 f"{counted(seen.n, 'epoch')}): half as many epochs again would bring about {fig(gain)} more, "
                 f"{100 * share:.0f} % of what all epochs after the first have brought.",
                 f"Train longer: epochs={3 * seen.n} with EarlyStopping(patience={max(5, seen.n // 10)}, "
                 "restore_best_weights=True) ends by itself.", (_last_third(seen.n), seen.n, name), gain=gain, share=share)


def still_falling(values, scatter):
    """`(what half as many epochs again would bring, as a share of the fall so far)`; `None` where the curve has levelled off.

    The slope of a line through the last third, three standard errors below 0 by the curve's own noise, and half of what it
    would bring if it went on, since curves bend.
    """
    n = len(values)
    last = values[_last_third(n) - 1:]
    fall = values[0] - smooth(values).min()
    if len(last) < 2 or not fall > 0 or int(np.argmin(smooth(values))) < n - max(2, n // 8):
        return None
    x = np.arange(len(last)) - (len(last) - 1) / 2
    slope = float(x @ last) / float(x @ x)
    spread = scatter if math.isfinite(scatter) else 0.0
    if n < FEW and not (np.diff(values[-4:]) < 0).all():
        return None
    if not slope + 3 * spread / math.sqrt(float(x @ x)) < 0:
        return None
    gain = -slope * n / 4
    now = abs(level(values))
    much = (gain > _STILL * fall and gain > _STILL * now / 2) or gain > 2 * _STILL * now > _STILL * fall / 5
    return (gain, gain / fall) if much else None


def _last_third(n):
    return n - max(3, n // 3) + 1


def too_late(seen):
    """Many epochs after the best one, which was early."""
    if not seen.val.size:
        return Unchecked("stopped too late", "no validation loss was recorded: pass validation_data to `fit`.")
    best = int(seen.val.argmin()) + 1
    after = seen.n - best
    if after <= max(_WAITED, _TIMES * best):
        return None
    patience = max(5, best // 2)
    return found("stopped too late", "advice", f"The validation loss was lowest after epoch {best} of {seen.n} "
                 f"({fig(seen.val[best - 1])}): the {after} epochs after it gained nothing, {100 * after / seen.n:.0f} % of "
                 "the time.", f"Pass EarlyStopping(patience={patience}, restore_best_weights=True).", (best, seen.n, "val_loss"),
                 best=best, after=after)
