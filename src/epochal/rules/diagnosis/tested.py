"""What was measured with model and data, as findings: differences with their intervals, and what they mean."""

import math

import numpy as np

from ...base.stats import mean_interval, two_way_interval
from ...base.text import counted, difference
from ..rare_class import empty_odds
from .seen import fig, found

_MATTERS = 0.02  # of the loss: a smaller difference is not worth a word
_RARE = 0.1      # share of the rows up to which a class is rare
_MUCH = 0.2      # of the validation loss: row orders that change it by more decide everything else


def overfits(losses):
    """Whether the last epoch is worse than the best, chosen on one half of the validation rows and judged on the other.

    Args:
        losses: float[n_runs, n_epochs, 2, n_blocks], see `probes/trained/courses.py`.
    """
    n_runs, n_epochs = losses.shape[:2]
    kept, best = [], []
    for run in losses:
        row = []
        for half in (0, 1):
            at = int(run[:, half].mean(1).argmin())
            best.append(at + 1)
            row.append(run[-1, 1 - half] - run[at, 1 - half])
        kept.append(np.concatenate(row))
    mean, low, high = two_way_interval(np.array(kept))
    lowest = float(losses.mean((0, 2, 3)).min())
    at = float(np.median(best))
    if not (low > 0 and mean > _MATTERS * abs(lowest)):
        return None
    return found("overfitting", "fault" if mean > abs(lowest) else "advice", f"Trained anew {counted(n_runs, 'time')}, the "
                 f"validation loss after {counted(n_epochs, 'epoch')} is {difference(mean, low, high)} from that of the best "
                 f"epoch, about {at:.0f}, which was chosen on other rows: the model overfits.",
                 f"Stop at about {counted(round(at), 'epoch')} (EarlyStopping(restore_best_weights=True)); for a better one: more "
                 "rows, a smaller model, dropout or weight decay; look for wrong labels too.", (round(at), n_epochs, "val_loss"),
                 "measured, 95 % interval over seeds and rows", worse=mean, low=low, high=high, best_epoch=at)


def order_matters(losses):
    """How far the validation loss differs where the rows come in another order and all else is the same."""
    ends = losses[:, -1].mean((1, 2))
    spread, middle = float(ends.std(ddof=1)), float(ends.mean())
    jumpy = spread > _MUCH * abs(middle)
    return found("noise", "advice" if jumpy else "note", f"With the same first weights and the rows in {len(ends)} other orders, "
                 f"the validation loss at the end is {fig(middle)} ± {fig(spread)}: a difference between two single trainings "
                 f"below about {fig(2.8 * spread)} means nothing.", "Compare settings over several seeds (`epochal study`)" + (
                     "; a lower or decaying rate and more validation rows calm it." if jumpy else "."), None,
                 f"measured, {len(ends)} trainings", spread=spread, mean=middle)


def rate_too_high(branches, loss, rate, critical):
    """Whether a half or a quarter of the rate does better from the same weights; beside the critical rate of one update there.

    A lower rate always calms what noise has stirred up, so that a small gain means little: it must be a tenth of the loss.

    Args:
        branches: `{share of the rate: float[n_seeds, n_blocks]}`. loss: `{share of the rate: float[n_seeds]}`, the training loss,
            which must gain too: a lower rate also overfits less. critical: `(rate, low, high)` or `None`.
    """
    own, beside = branches[1.0], ""
    if critical is not None:
        beside = f" One update gains nothing more above a rate of {fig(critical[0])} ({fig(critical[1])} to {fig(critical[2])})."
    lost = ~np.isfinite(own).all(1)
    if lost.any():
        calm = [share for share in (0.5, 0.25) if np.isfinite(branches[share]).all()]
        if not calm:
            return found("rate too high", "fault", f"At the rate of {fig(rate)} the training ends in losses that are not finite, "
                         f"and at a quarter of it too.{beside}", "Divide the rate by 30; `epochal plan` finds it.", None,
                         "measured", rate=rate)
        return found("rate too high", "fault", f"At the rate of {fig(rate)} {int(lost.sum())} of {counted(len(own), 'training')} "
                     f"end in losses that are not finite; at {fig(max(calm) * rate)} none does.{beside}",
                     f"Train at {fig(min(calm) * rate)} or lower; `epochal plan` finds the rate.", None, "measured", rate=rate)
    better = {}
    for share in (0.5, 0.25):
        if np.isfinite(branches[share]).all():
            mean, low, high = two_way_interval(branches[share] - own)
            calmer = float(loss[share].mean()) < float(loss[1.0].mean())
            if high < 0 and -mean > 0.1 * abs(float(own.mean())) and calmer:
                better[share] = mean, low, high
    if not better:
        return None
    share = min(better, key=lambda one: better[one][0])
    mean, low, high = better[share]
    above = critical is not None and rate > critical[2]
    return found("rate too high", "fault" if above else "advice", f"From the same weights and rows, a rate of {fig(share * rate)} "
                 f"ends with a validation loss {difference(mean, low, high)} from that of the present {fig(rate)}.{beside}",
                 f"Train at {fig(share * rate)}, or let the rate decay; `epochal plan` finds it.", None,
                 "measured, 95 % interval over seeds and rows", better=mean, low=low, high=high, rate=share * rate)


def statistics_lag(gap):
    """A `StatisticsGap` of the trained model: what lagging statistics of batch-norm cost."""
    if not (gap.low > 0 and gap.gap > _MATTERS * abs(gap.reestimated)):
        return None
    return found("batch-norm lag", "fault" if gap.gap > abs(gap.reestimated) else "advice", "The validation loss of the model as "
                 f"it stands is {fig(gap.moving)}; with batch-norm's statistics estimated anew from the training rows, for the "
                 f"same weights, {fig(gap.reestimated)} (difference {difference(gap.gap, gap.low, gap.high)}): the moving "
                 "statistics lag behind, it is not overfitting.", "epochal.reestimate_batch_norm(model, x) mends the model; else "
                 "make more updates, or lower the momentum of BatchNormalization.", None, "measured, 95 % interval over rows",
                 gap=gap.gap, low=gap.low, high=gap.high)


def rare_class(counts, right, batch_size, n_epochs):
    """A rare class that the model never predicts.

    Args:
        counts: training rows of each class. right: how many of some of them are answered right.
    """
    n = int(sum(counts))
    rarest = min((code for code in range(len(counts)) if counts[code]), key=lambda code: counts[code], default=None)
    if rarest is None or counts[rarest] > _RARE * n:
        return None
    size = min(batch_size, n)
    empty, updates = empty_odds(n, int(counts[rarest]), size), math.ceil(n / size) * n_epochs
    odds = (f"A batch of {size:,} holds none of them with a probability of {100 * empty:.2g} %; there were "
            f"{counted(updates, 'update')}.")
    figures = {"rows": counts[rarest], "share": counts[rarest] / n, "empty": empty, "updates": updates}
    if right[rarest]:
        return None
    why = "The batch is not too small for the class; it is too large for the epochs, which make too few updates." \
        if empty < 0.5 and updates < 1000 else "That many batches without the class are no fault in themselves."
    return found("rare class", "fault", f"Class {rarest} ({counts[rarest]:,} of {n:,} training rows) is never recognised, not even "
                 f"on the rows that were trained on. {odds} {why}", "Make more updates (a smaller batch, more epochs) or raise the "
                 "rate; judge by average precision, and choose a threshold on validation rows instead of 0.5.", None, "counted",
                 **figures)


def underfits(own, other, constant, loss):
    """Whether gradient boosting predicts the same validation rows better, paired by blocks of rows.

    Args:
        own, other, constant: float[n_blocks], losses of the model, of gradient boosting, of the best constant answer.
        loss: the training loss at the end; where it is below what gradient boosting has on validation rows, the model fits
            enough. Not a number where it says nothing.
    """
    if loss < float(np.mean(other)):
        return None
    mean, low, high = mean_interval(own - other)
    base = float(np.mean(constant))
    gained, could = base - float(own.mean()), base - float(other.mean())
    if low > 0 and could > 0 and mean > 0.15 * could:
        least = "no better than a constant answer" if gained <= 0 else f"{100 * gained / could:.0f} % of what can be gained"
        return found("underfitting", "fault" if gained <= 0.2 * could else "advice", "Gradient boosting on the same rows has a "
                     f"validation loss of {fig(other.mean())}, this model {fig(own.mean())} (difference "
                     f"{difference(mean, low, high)}), a constant answer {fig(base)}: the model has reached {least}.",
                     "Train longer or at a higher rate first; then a wider or deeper model. For tables gradient boosting is often "
                     "hard to beat.", None, "measured, 95 % interval over rows", own=own.mean(), other=other.mean(), constant=base)
    if gained <= 0:
        return found("underfitting", "fault", f"The validation loss {fig(own.mean())} is no better than that of a constant answer, "
                     f"{fig(base)}: nothing was learnt that holds on new rows.", "Look at the rate, the scale of inputs and "
                     "targets, and whether labels belong to the rows.", None, "measured", own=own.mean(), constant=base)
    return None


