"""Trainings judged on different rows, made comparable: what rows are harder for all settings is taken out."""

import math
from dataclasses import replace
from statistics import fmean

import numpy as np

from ...base.stats import student
from ...records import Reading
from ..margin import without_learning
from .quality import cross_fitted

OWN_ROWS = "own_rows"  # the name of what `beside_own_rows` returns
ROWS = "rows"          # the figure of the `"engine"` reading that says how many rows a training sees
_FEWEST, _BLOCKS = 3, 4  # parts of the training rows, and blocks of a half, that tell whether the user's rows are like them
_MUCH, _UNLIKE = 0.25, "unlike"  # of what training gains: less makes no other order of settings; the name of that figure


def levelled(evidence):
    """The evidence with every loss on validation rows moved by as much as those rows are easier or harder for the present setting.

    Those before training are moved as well. So one target holds for all folds. Differences between trainings of one fold stay as
    they are, and so does the present setting's mean. Where there is one fold, or the present setting diverged, nothing is moved.
    Where the user's validation rows are unlike the training rows (`beside_own_rows`), only trainings that were judged on those
    alone are left.
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
    before = {f"fold {fold}": by for fold, by in harder.items()}
    readings = tuple(replace(one, details=tuple((name, loss - before.get(name, 0.0)) for name, loss in one.details))
                     if one.name == "untrained_loss" else one for one in evidence.readings)
    return replace(evidence, curves=tuple(_moved(curve, -harder.get(curve.fold, 0.0)) for curve in evidence.curves),
                   readings=readings)


def n_folds_of(evidence):
    """How many parts of the rows the trainings that are compared were judged on."""
    return 1 if are_unlike(evidence) else len({curve.fold for curve in evidence.of("present")})


def own_too(evidence):
    """Whether training rows were held out in turn beside validation rows of the user's own."""
    return evidence.get(OWN_ROWS) is not None and not are_unlike(evidence)


def n_trained(evidence):
    """How many rows the trainings that are compared see: fewer than there are, where some are held out beside the user's own."""
    engine = evidence.get("engine")
    if engine is None or are_unlike(evidence):
        return evidence.task.n_train
    return int(dict(engine.details).get(ROWS, evidence.task.n_train))


def beside_own_rows(evidence, n_of_half):
    """How much higher the present setting's loss is on the user's validation rows than on training rows held out with them.

    Of each half of the judged rows the first two blocks are of training rows and the last one of the user's
    (`seam.rows.with_folds_beside_own`). The interval is Student's, over rows: their luck is told by how much the first two blocks
    differ, since over folds, in which every class has its share, they would vary too little.

    Args:
        n_of_half: rows of a half in these folds; where the user's are few, they stand in several of them.

    Returns:
        A `Reading`; its figure `"unlike"` is the difference from which on, where the interval leaves out 0, rows held out of the
        training rows are taken to tell of other rows than those that the user judges by, of a later time for one: a quarter of
        what training gains. `None` where fewer than three folds were judged, or a training diverged.
    """
    present, found = evidence.of("present", evidence.present), {}
    for curve in present:
        if curve.fold and len(curve.blocks_a) >= _BLOCKS:
            for half, blocks in enumerate((curve.blocks_a, curve.blocks_b)):
                found.setdefault((curve.fold, half), []).append((blocks[0], blocks[1], blocks[-1]))
    if len(found) < 2 * _FEWEST or not all(map(math.isfinite, map(cross_fitted, present))):
        return None
    first, second, own = np.transpose([np.mean(of_seeds, 0) for of_seeds in found.values()])
    mean = float(np.mean(own) - np.mean([first, second]))
    n = len(found)
    own_blocks = min(n, evidence.task.n_validation / (n_of_half / _BLOCKS))
    half = student(n) * math.sqrt(np.mean((first - second) ** 2) / 2 * (1 / (2 * n) + 1 / own_blocks))
    gained = max(0.0, without_learning(evidence) - fmean(map(cross_fitted, present)))
    return Reading(name=OWN_ROWS, title="validation loss on your rows less that on training rows held out", value=mean,
                   low=mean - half, high=mean + half, repeats=n, details=((_UNLIKE, _MUCH * gained),),
                   note=f"over halves of {n // 2} parts of the training rows")


def are_unlike(evidence):
    """Whether the user's validation rows are much harder or easier than training rows that are held out."""
    found = evidence.get(OWN_ROWS)
    return found is not None and not found.low <= 0 <= found.high and abs(found.value) > found.detail(_UNLIKE)


def _moved(curve, by):
    names = ("half_a", "half_b", "blocks_a", "blocks_b")
    return replace(curve, **{name: tuple(loss + by for loss in getattr(curve, name)) for name in names}) if by else curve
