"""Trainings judged on different rows, made comparable: what rows are harder for all settings is taken out."""

import math
from dataclasses import replace
from statistics import fmean

from ...base.stats import mean_interval
from ...records import Reading
from .quality import cross_fitted

OWN_ROWS = "own_rows"  # the name of what `beside_own_rows` returns
ROWS = "rows"          # the figure of the `"engine"` reading that says how many rows a training sees
_FEWEST = 3            # parts of the training rows that tell whether the user's validation rows are like them


def levelled(evidence):
    """The evidence with every loss on validation rows moved by as much as those rows are easier or harder for the present setting.

    So one target holds for all folds. Differences between trainings of one fold stay as they are, and so does the present
    setting's mean. Where there is one fold, or the present setting diverged, nothing is moved. Where the user's validation rows
    are unlike the training rows (`beside_own_rows`), only trainings that were judged on those alone are left.
    """
    if are_unlike(evidence):
        evidence = replace(evidence, curves=tuple(curve for curve in evidence.curves if curve.fold == 0))
    found = {}
    for curve in evidence.of("present", evidence.present):
        found.setdefault(curve.fold, []).append(cross_fitted(curve))
    everything = [loss for losses in found.values() for loss in losses]
    if len(found) < 2 or not all(map(math.isfinite, everything)):
        return evidence
    mean = sum(everything) / len(everything)
    harder = {fold: sum(losses) / len(losses) - mean for fold, losses in found.items()}
    return replace(evidence, curves=tuple(_moved(curve, -harder.get(curve.fold, 0.0)) for curve in evidence.curves))


def n_folds_of(evidence):
    """How many parts of the rows the trainings that are compared were judged on."""
    return 1 if are_unlike(evidence) else len({curve.fold for curve in evidence.of("present")})


def own_too(evidence):
    """Whether training rows were held out in turn beside validation rows of the user's own."""
    return n_folds_of(evidence) > 1 and all(curve.fold for curve in evidence.of("present"))


def n_trained(evidence):
    """How many rows the trainings that are compared see: fewer than there are, where some are held out beside the user's own."""
    engine = evidence.get("engine")
    return int(dict(engine.details).get(ROWS, evidence.task.n_train)) if engine is not None else evidence.task.n_train


def beside_own_rows(evidence):
    """How much higher the present setting's loss is on the user's validation rows than on training rows held out with them.

    Over parts of the training rows, as a `Reading`; `None` where fewer than three were held out, or a training diverged. Of each
    half of the judged rows the first block is of training rows and the last one of the user's (`seam.rows.with_folds_beside_own`).
    Where 0 is outside the interval, which by chance happens in one case of twenty, rows held out of the training rows tell of other
    rows than those that the user judges by, of a later time for one, and are left out.
    """
    found = {}
    for curve in evidence.of("present", evidence.present):
        if curve.fold and curve.blocks_a:
            found.setdefault(curve.fold, []).append(fmean(of[-1] - of[0] for of in (curve.blocks_a, curve.blocks_b)))
    if len(found) < _FEWEST:
        return None
    mean, low, high = mean_interval([fmean(of_fold) for of_fold in found.values()])
    return Reading(name=OWN_ROWS, title="validation loss on your rows less that on training rows held out", value=mean, low=low,
                   high=high, repeats=len(found), note=f"over {len(found)} parts of the training rows")


def are_unlike(evidence):
    """Whether the user's validation rows are harder or easier than training rows that are held out."""
    found = evidence.get(OWN_ROWS)
    return found is not None and not found.low <= 0 <= found.high


def _moved(curve, by):
    names = ("half_a", "half_b", "blocks_a", "blocks_b")
    return replace(curve, **{name: tuple(loss + by for loss in getattr(curve, name)) for name in names}) if by else curve
