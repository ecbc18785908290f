"""Trainings judged on different rows, made comparable: what rows are harder for all settings is taken out."""

import math
from dataclasses import replace

from .quality import cross_fitted


def levelled(evidence):
    """The evidence with every loss on validation rows moved by as much as those rows are easier or harder for the present setting.

    So one target holds for all folds. Differences between trainings of one fold stay as they are, and so does the present
    setting's mean. Where there is one fold, or the present setting diverged, nothing is moved.
    """
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
    return len({curve.fold for curve in evidence.of("present")})


def _moved(curve, by):
    names = ("half_a", "half_b", "blocks_a", "blocks_b")
    return replace(curve, **{name: tuple(loss + by for loss in getattr(curve, name)) for name in names}) if by else curve
