"""Which learning rate the trials of a study choose at each batch size, and which further rates must be tried first."""

import itertools
import math

import numpy as np

from ...base.validate import require
from ...records import Outcome, TunedRate
from ..plan.learning_rates import MOST_RATES, neighbour
from .judging import cost, judged

FAR = 8.0  # a parabola rises at most 4 times as high two places from its best point as at one: twice that belongs to none


def tuned(design, names, curves, budget, n_epochs):
    """The `TunedRate` of one batch size under one budget, or `None` where every rate diverged.

    The best rate is the one of the lowest mean over the trial seeds (the highest, where the metric is so); ties go to the lower
    rate. A parabola of quality against log rate, by least squares through the best and two neighbours on each side (the outer ones
    where they can belong to it: not those about to diverge; none where it then has no extreme between the inner ones), gives the
    vertex; the value is the rate on the plateau nearest to it. With one trial seed nothing tells chance from worth: the plateau is
    then the best rate alone.

    Args:
        design: a `Design`. names: the compiled metrics, `task.metrics`.
        curves: `Curve`s of one batch size at several rates, the same seeds at each; those of other stages than `"screen"` are left
            out. A run that is `OK` but ends before the horizon was dropped by halving: its rate counts as tried and as worse. Where
            the same rate and seed were trained twice, the longer run counts.
        budget: whose horizon it is. n_epochs: the horizon.

    Returns:
        A `TunedRate`; `interior` only where the best is neither the lowest nor the highest tried, and neither neighbour was
        dropped before its horizon: a rate that looked worse early may be better late.
    """
    runs, costs, means = _judged(design, names, curves, n_epochs)
    finite = {rate: mean for rate, mean in means.items() if math.isfinite(mean)}
    if not finite:
        return None
    best = min(finite, key=lambda rate: finite[rate])
    plateau = [rate for rate in finite if rate == best or _no_worse(costs[rate], costs[best])]
    vertex = _vertex(finite, best, sorted(runs))
    return TunedRate(
        budget=budget, batch_size=curves[0].setting.batch_size, vertex=vertex, low=min(plateau), high=max(plateau),
        value=best if vertex is None else min(plateau, key=lambda rate: abs(math.log(rate / vertex))),
        interior=min(runs) < best < max(runs) and not dropped_neighbours(design, names, curves, n_epochs),
        n_rates=len(runs), n_trials=sum(map(len, runs.values())))


def dropped_neighbours(design, names, curves, n_epochs):
    """The rates next to the best that halving dropped: to be trained to the horizon before the best may be called the best.

    Arguments as for `tuned`. Returns a tuple, ascending; empty where every rate diverged.
    """
    runs, _, means = _judged(design, names, curves, n_epochs)
    best = min(means, key=lambda rate: means[rate])
    return tuple(rate for rate in _neighbours_of(sorted(runs), best) if math.isfinite(means[best]) and _short(runs[rate], n_epochs))


def survivors(design, names, curves, n_epochs):
    """The rates worth training to the end, judged by their first epochs: the better half, rounded up, and the best's neighbours.

    One rung of successive halving (Jamieson & Talwalkar 2016, arXiv:1502.07943). What looks better early need not be better
    late: therefore half and not a third, and therefore the neighbours.

    Args:
        curves: as for `tuned`, of one batch size.
        n_epochs: the epochs that these runs were trained for: a quarter of the horizon.

    Returns:
        A tuple of rates, ascending, none that diverged; empty where all did.
    """
    runs, _, means = _judged(design, names, curves, n_epochs)
    ordered = sorted((rate for rate in means if math.isfinite(means[rate])), key=lambda rate: (means[rate], rate))
    kept = {*ordered[:(len(runs) + 1) // 2], *(_neighbours_of(sorted(runs), ordered[0]) if ordered else ())}
    return tuple(sorted(kept & set(ordered)))


def next_rates(tuneds_by_size, tried_by_size, present_rate):
    """The further rates to try at each batch size: as many at each, so that none is tuned with more care than another.

    While the best rate of any batch size lies at an edge of those tried, that size goes one half decade further (both ways, where
    two budgets have it at either edge), or two lower where every rate diverged. Sizes that need fewer rates than another go
    outwards as well, so that all of them have the same spacing around their best: `refinements` come afterwards, at all of them.

    Args:
        tuneds_by_size: `{batch_size: TunedRates}`, one a budget; `None` where all diverged.
        tried_by_size: `{batch_size: rates tried}`, at least one.
        present_rate: the user's own rate, which the lattice of half decades holds.

    Returns:
        `{batch_size: rates}`; all empty where every best rate is interior, or one size has had `MOST_RATES`. Afterwards every size
        has been given equally many, `MOST_RATES` at most.
    """
    needs = {size: _edges(tuneds, tried_by_size[size], present_rate) for size, tuneds in tuneds_by_size.items()}
    if not any(needs.values()) or max(len(set(tried)) for tried in tried_by_size.values()) >= MOST_RATES:
        return {size: [] for size in needs}
    n_each = min(MOST_RATES, max(len({*tried_by_size[size], *needed}) for size, needed in needs.items()))
    return {size: _fill(needed, tuneds_by_size[size], set(tried_by_size[size]), present_rate, n_each)
            for size, needed in needs.items()}


def refinements(tuneds_by_size, tried_by_size, present_rate):
    """Rates half way, in log, between the chosen one and its neighbour on the vertex's side, for every batch size alike.

    Arguments as for `next_rates`. Where budgets chose different rates, each is refined; sizes with fewer of these get the half-way
    rates on the other side, and then rates further out, so that every size has as many trials.

    Returns:
        `{batch_size: rates}`, the same number for each; empty for all where every rate of a size diverged.
    """
    if any(None in tuneds for tuneds in tuneds_by_size.values()):
        return {size: [] for size in tuneds_by_size}
    sides = {size: [_half_way(one, sorted(tried_by_size[size])) for one in tuneds] for size, tuneds in tuneds_by_size.items()}
    first = {size: list(dict.fromkeys(pair[0] for pair in pairs if pair and pair[0] not in tried_by_size[size]))
             for size, pairs in sides.items()}
    n_more = max(map(len, first.values()))
    more = {}
    for size, rates in first.items():
        others = [rate for pair in sides[size] for rate in pair[1:] if rate not in tried_by_size[size]]
        chosen = list(dict.fromkeys([*rates, *others]))[:n_more]
        tried = {*tried_by_size[size], *chosen}
        more[size] = sorted([*chosen, *_fill([], tuneds_by_size[size], tried, present_rate, len(tried) + n_more - len(chosen))])
    return more


def trials(curves):
    """`{rate: {seed: curve}}` of the trials, rates ascending, the longest run of each."""
    trials = sorted((c for c in curves if c.stage == "screen"), key=lambda c: (c.setting.learning_rate, c.seed, c.n_epochs))
    require(len({c.setting.batch_size for c in trials}) == 1, "curves", sorted({c.setting.batch_size for c in trials}),
            "trials of one batch size")
    runs = {}
    for curve in trials:
        runs.setdefault(curve.setting.learning_rate, {})[curve.seed] = curve
    return runs


def _judged(design, names, curves, n_epochs):
    """Of each rate its trials by seed, the quality of each, turned so that less is better, and the mean of these.

    A quality is infinite where the trial diverged, or its rate was dropped.
    """
    runs = trials(curves)
    costs = {rate: {seed: math.inf if _short(found, n_epochs) else cost(judged(curve, design, names, n_epochs), design)
                    for seed, curve in found.items()} for rate, found in runs.items()}
    return runs, costs, {rate: float(np.mean(list(found.values()))) for rate, found in costs.items()}


def _short(found, n_epochs):
    """Whether a run of this rate was ended early although nothing was wrong with it."""
    return any(curve.outcome is Outcome.OK and curve.n_epochs < n_epochs for curve in found.values())


def _no_worse(costs, best_costs):
    """Whether the mean of a rate is within one standard error of the best's, paired over seeds."""
    away = np.array([costs[seed] - best_costs[seed] for seed in costs if seed in best_costs])
    return len(away) > 1 and bool(away.mean() <= away.std(ddof=1) / math.sqrt(len(away)))


def _neighbours_of(ordered, rate):
    """The neighbours of a rate among those in order; one or none at an edge."""
    place = ordered.index(rate)
    return [ordered[i] for i in (place - 1, place + 1) if 0 <= i < len(ordered)]


def _vertex(finite, best, tried):
    """The rate at the lowest point of a parabola around the best, or `None` where there is none between its neighbours."""
    place = tried.index(best)
    neighbours = _neighbours_of(tried, best)
    if len(neighbours) < 2 or not all(rate in finite for rate in neighbours):
        return None
    steepest = FAR * (max(finite[rate] for rate in neighbours) - finite[best])
    near = [*neighbours[:1], best, *neighbours[1:]]
    five = [rate for rate in tried[max(0, place - 2):place + 3]
            if rate in near or finite.get(rate, math.inf) - finite[best] <= steepest]
    low, high = (math.log10(rate / best) for rate in neighbours)
    for rates in (five, near):
        x, y = np.log10(np.array(rates) / best), np.array([finite[rate] - finite[best] for rate in rates])
        curved, slope, _ = map(float, np.linalg.lstsq(np.stack([x * x, x, np.ones_like(x)], 1), y)[0])
        if curved > 0 and low < -slope / (2 * curved) < high:
            return best * 10 ** (-slope / (2 * curved))
    return None


def _edges(tuneds, tried, present):
    """The rates that must be tried since the best lies at an edge, or since all diverged."""
    lowest, highest = min(tried), max(tried)
    needed = []
    for found in tuneds:
        if found is None:
            needed += [neighbour(lowest, present, -1), neighbour(lowest, present, -2)]
        elif not found.interior:
            needed += [neighbour(lowest, present, -1)] * (found.value == lowest)
            needed += [neighbour(highest, present, 1)] * (found.value == highest)
    return [rate for rate in dict.fromkeys(needed) if rate not in tried]


def _fill(needed, tuneds, tried, present, n_each):
    """So many further rates that `n_each` have been tried: first the needed ones, then further out."""
    ordered = sorted(tried)
    ends = ((ordered[0], -1),) if None in tuneds else ((ordered[0], -1), (ordered[-1], 1))
    outward = (neighbour(end, present, sign * places) for places in itertools.count(1) for end, sign in ends)
    chosen = dict.fromkeys(needed)
    for rate in outward:
        if len(tried) + len(chosen) >= n_each:
            break
        if rate not in tried:
            chosen[rate] = None
    return sorted(list(chosen)[:max(0, n_each - len(tried))])


def _half_way(found, ordered):
    """The rates half way to both neighbours of the chosen rate, the one on the vertex's side first."""
    neighbours = [float(f"{math.sqrt(found.value * rate):.4g}") for rate in _neighbours_of(ordered, found.value)]
    return neighbours[::-1] if found.vertex is not None and found.vertex > found.value else neighbours
