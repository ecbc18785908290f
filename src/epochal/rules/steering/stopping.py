"""When a training has surely nothing more to win: patience in units of the noise of its validation loss."""

import math
from dataclasses import dataclass

import numpy as np

from ...base.stats import student

FEWEST = 5    # losses from which the noise of a curve is told
_WINDOW = 24  # of the last losses


def noise_of(losses) -> float:
    """Standard deviation of the noise in a curve, from its second differences, which know no slope: median |Δ²| / (0.6745 √6).

    Exact on average for independent normal noise around a straight line; a bend counts as noise, a single jump does not. Not a
    number below five finite losses.

    >>> round(noise_of([5.0, 4.0, 3.0, 2.0, 1.0]), 6)
    0.0
    """
    finite = np.asarray(losses, float)
    finite = finite[np.isfinite(finite)][-_WINDOW:]
    if finite.size < FEWEST:
        return math.nan
    return float(np.median(np.abs(np.diff(finite, 2))) / (0.6745 * math.sqrt(6)))


def wobble(losses) -> float:
    """`noise_of` a curve, larger where few losses tell it: times Student's t over the normal quantile, with half their degrees.

    Second differences overlap, and a median uses part of them, so that n losses count as (n - 2) / 2.
    """
    n = int(np.isfinite(np.asarray(losses, float)).sum())
    return noise_of(losses) * student(max(1.0, (min(n, _WINDOW) - 2) / 2)) / 1.96


def paired_error(a, b) -> float:
    """Standard error of the difference of two mean losses on the same blocks of rows; not a number below five blocks."""
    difference = np.asarray(a, float) - np.asarray(b, float)
    return float(difference.std(ddof=1) / math.sqrt(difference.size)) if difference.size >= FEWEST else math.nan


@dataclass(frozen=True, slots=True)
class Patience:
    """What is known after some looks.

    Attributes:
        best: the lowest loss. best_at: the look that found it, from 0.
        reference: the loss that the next sure improvement is measured from. waited: looks since the last one.
        above: looks in a row that were surely above the best. looks: so many so far.
    """

    best: float = math.inf
    best_at: int = -1
    reference: float = math.inf
    waited: int = 0
    above: int = 0
    looks: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one look says: whether it is the best so far, whether the reference moved to it, and why to stop (`""`: go on)."""

    best: bool
    moved: bool
    why: str = ""


def look(state: Patience, loss: float, to_reference: float, to_best: float, *, patience: int,
         errors: float = 2.0, confirm: int = 3) -> tuple[Patience, Verdict]:
    """One validation loss. Stops after `patience` looks without a sure improvement, or `confirm` in a row surely above the best.

    An improvement is sure where it exceeds `errors` standard errors of the difference to the reference: many small ones add up,
    since the reference stays until then. A loss that is not a number is no improvement. While no error is known nothing is sure,
    and nobody waits. Three in a row, since the best of many noisy looks is lower than the curve.

    Args:
        to_reference, to_best: standard error of the loss less the reference, and less the best; not a number where unknown.
    """
    known = math.isfinite(to_reference) and math.isfinite(to_best)
    best = loss < state.best
    if not known:
        moved = loss < state.reference
        waited = 0 if math.isfinite(loss) else state.waited + 1
        above = 0
    else:
        moved = loss < state.reference - errors * to_reference
        waited = 0 if moved else state.waited + 1
        above = state.above + 1 if not loss <= state.best + errors * to_best else 0
    after = Patience(loss if best else state.best, state.looks if best else state.best_at, loss if moved else state.reference,
                     waited, above, state.looks + 1)
    why = "rising" if above >= confirm else "flat" if waited >= patience else ""
    return after, Verdict(best, moved, why)
