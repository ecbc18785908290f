"""Updates to a target in a study, batch size by batch size, and the critical batch size that follows from them."""

import dataclasses
import itertools
import math
import statistics

from ...records import Outcome, Reading, UpdatesToTarget, Verdict
from ..critical_batch import fitted
from ..plan.quality import updates_to
from .contrasts import TUTORIAL
from .judging import by_epoch, cost

_NAME = "critical_batch"
_EARLIEST = 0.5  # of an update, where the target may have been reached at any: no run says so, and axes are logarithmic


def critical_batch_of(design, names, curves, contrasts, margin):
    """The critical batch size of a study, from the updates that the best tuned arm of each batch size takes to a target.

    The target is one margin short of the mean quality that the reference reaches under the first budget: what nobody would call
    worse. An arm's updates are the median over its seeds, those that never arrived counting as later than all others: one unlucky
    seed does not decide. Where the median did not arrive, it is "more updates than it was given". Of a batch size's arms the one
    of the fewest updates counts, arrived or not: one that was stopped before another arrived may yet have been the faster. See
    `critical_batch.critical_batch` for the law. A median within the first epoch is known as "at most that epoch's".

    Args:
        design: a `Design`. names: the compiled metrics, `task.metrics`.
        curves: all trainings; those of the stage `"confirm"` count.
        contrasts: as from `contrasts.contrasts`. margin: the difference that counts as none.

    Returns:
        A `Reading` in examples; `LOWER_BOUND` where it is open above, `UNRESOLVED` with the reason where it is not known. Its
        `points` are `UpdatesToTarget`s; the interval of the median has
        at least 95 % (Thompson 1936) or reaches from the first to the last of fewer than six seeds, and is infinite above where it
        is open. With a share of a half or less, `updates` were not enough; with a `low` below 1, they are at most those. Its
        detail `target` is in the unit of the metric.
    """
    reference = next((c for c in contrasts if c.budget == design.equal[0] and c.setting.batch_size == design.reference), None)
    if reference is None or reference.quality is None:
        return Reading(name=_NAME, title="critical batch size B_crit", unit="examples", outcome=Outcome.UNRESOLVED,
                       note="the reference batch size diverged, so there is no target")
    target = reference.quality + (-margin if design.larger_is_better else margin)
    points, early = _points(design, names, curves, contrasts, target)
    arrived = {p.batch_size: p.updates for p in points if p.arrived}
    known = {size: updates for size, updates in arrived.items() if size not in early}
    late = {p.batch_size: p.updates for p in points if not p.arrived}
    found = fitted(known, {size: arrived[size] for size in early}, late, f"the target {design.metric}")
    return dataclasses.replace(found, points=points, details=(("target", target), *found.details))


def updates_in(curve, design, names, target):
    """Updates until the design's metric on all validation rows is first as good as the target; see `quality.updates_to`."""
    costs = [cost(value, design) for value in by_epoch(curve, design, names)]
    return updates_to(costs, cost(target, design), curve.steps_per_epoch)


def _points(design, names, curves, contrasts, target):
    """Of each batch size the arm of the fewest updates, and the sizes of which it is only known that they took no more."""
    settings = {c.setting for c in contrasts if c.budget != TUTORIAL and c.n_seeds > 1
                and c.verdict not in (Verdict.DIVERGED, Verdict.NO_MEMORY)}
    best = {}
    for setting in sorted(settings):
        runs = [c for c in curves if c.stage == "confirm" and c.setting == setting]
        point = _point(setting, runs, [updates_in(c, design, names, target) for c in runs])
        best[setting.batch_size] = min(point, best.get(setting.batch_size, point), key=lambda p: p.updates)
    points = tuple(best[size] for size in sorted(best))
    return points, {p.batch_size for p in points if p.arrived and p.low == _EARLIEST < p.updates}


def _point(setting, runs, updates):
    arrived = [u for u in updates if u is not None]
    share, ordered = len(arrived) / len(runs), sorted(math.inf if u is None else u for u in updates)
    if share > 0.5:
        low, high = median_ranks(len(ordered))
        middle, low, high = statistics.median(ordered), ordered[low], ordered[high]
        if 1 < statistics.median_low(ordered) <= runs[0].steps_per_epoch:
            middle, low = statistics.median_high(ordered), _EARLIEST
    else:
        middle = low = float(min(c.n_epochs * c.steps_per_epoch for c in runs))
        high = math.inf
    return UpdatesToTarget(batch_size=setting.batch_size, updates=middle, low=low, high=high, learning_rate=setting.learning_rate,
                           share_arrived=share)


def median_ranks(n):
    """The places, from 0, of the ordered values of a sample between which its median lies with 95 % (Thompson 1936).

    >>> median_ranks(8), median_ranks(20), median_ranks(3)
    ((0, 7), (5, 14), (0, 2))
    """
    tails = itertools.accumulate(math.comb(n, rank) / 2**n for rank in range(n // 2))
    places = [rank for rank, tail in enumerate(tails) if 2 * tail <= 0.05]
    place = max(places, default=0)
    return place, n - 1 - place
