"""Which learning rates to try at a batch size, and which of them to keep."""

import math
from typing import NamedTuple

from .quality import Aim, all_updates_to, cross_fitted

STEP = math.sqrt(10)   # half a decade between neighbours
MOST_RATES = 9


class Pick(NamedTuple):
    """What the trials of one batch size say."""

    best: float  # the rate of the lowest mean validation loss
    soonest: float  # of the rates within the margin of that (of all, to an `Aim`) the one with the fewest updates to the target
    low: float  # to `high`: the span of rates within the margin
    high: float
    contenders: tuple[float, ...]  # up to three rates worth comparing with fresh seeds: `best`, `soonest`, and the next best
    interior: bool  # whether lower and higher rates than `best` were tried
    n_rates: int  # rates tried


def grid(centre, n_rates, present, highest=math.inf):
    """Rates half a decade apart around `centre`, on the lattice that holds the present rate.

    Args:
        centre: where the search begins. n_rates: how many. present: the user's own rate.
        highest: no first guess above this one, where a measurement says so.

    >>> [float(f"{rate:.3g}") for rate in grid(1e-3, 3, 1e-3)]
    [0.000316, 0.001, 0.00316]
    """
    middle = round(math.log(centre / present, STEP))
    while present * STEP ** (middle + n_rates // 2) > highest:
        middle -= 1
    return [_rounded(present, middle + i - n_rates // 2) for i in range(n_rates)]


def beyond(curves, present):
    """The further rates to try because the best of one batch size lies at an edge; none where it does not."""
    return outward(_scores(curves), present)


def outward(scores, present):
    """The further rates to try because the best of `{rate: score, infinite where it diverged}` lies at an edge, or all diverged.

    Least is best. Rates are those of the lattice that holds the present rate; none where the best lies inside, or `MOST_RATES` have
    been tried.
    """
    if not scores or len(scores) >= MOST_RATES:
        return []
    best, ordered = min(scores, key=lambda rate: scores[rate]), sorted(scores)
    if math.isinf(scores[best]):
        return [neighbour(ordered[0], present, -1), neighbour(ordered[0], present, -2)]
    lower = [neighbour(best, present, -1)] if best == ordered[0] else []
    return lower + ([neighbour(best, present, 1)] if best == ordered[-1] else [])


def pick(curves, margin, target):
    """The `Pick` from the trials of one batch size, or `None` where every rate diverged.

    Args:
        curves: `Curve`s of one batch size at several rates, the same seeds at each.
        margin: differences in validation loss below this one count as none.
        target: the validation loss, or the `Aim`, whose first reaching is counted.
    """
    scores = {rate: score for rate, score in _scores(curves).items() if math.isfinite(score)}
    if not scores:
        return None
    best = min(scores, key=lambda rate: scores[rate])
    plateau = sorted(rate for rate, score in scores.items() if score <= scores[best] + margin)
    fine = scores if isinstance(target, Aim) else plateau
    arrived = {rate: all_updates_to([c for c in curves if c.setting.learning_rate == rate], target) for rate in fine}
    arrived = {rate: sum(map(math.log, steps)) / len(steps) for rate, steps in arrived.items() if steps}
    tried, soonest = _scores(curves), min(arrived, key=lambda rate: arrived[rate], default=best)
    contenders = tuple(dict.fromkeys((best, soonest, *sorted(scores, key=lambda rate: scores[rate]))))[:3]
    return Pick(best=best, soonest=soonest, low=plateau[0], high=plateau[-1], contenders=contenders,
                interior=min(tried) < best < max(tried), n_rates=len(tried))


def neighbour(rate, present, places):
    """The rate so many half decades above (below, where negative) this one, on the lattice that holds the present rate.

    >>> neighbour(3.162e-3, 1e-3, 1)
    0.01
    """
    return _rounded(present, round(math.log(rate / present, STEP)) + places)


def _scores(curves):
    """Mean quality of each rate; infinite where a run of it diverged."""
    rates = sorted({c.setting.learning_rate for c in curves})  # so that ties do not go by the order of the trials
    found = {rate: [cross_fitted(c) for c in curves if c.setting.learning_rate == rate] for rate in rates}
    return {rate: sum(values) / len(values) for rate, values in found.items()}


def _rounded(present, places):
    """The lattice point so many half decades from the present rate, which itself is kept to the last digit."""
    return present if places == 0 else float(f"{present * STEP**places:.4g}")
