"""The best learning rate from short trainings at several rates, and how it moves with the batch size."""

import math
from typing import NamedTuple

import numpy as np

from ..base.stats import fieller, mean_interval, student
from ..base.text import listed

RULES = ((0.0, "the same rate at every batch size"), (0.5, "the square-root rule"), (1.0, "the linear rule"))
_REACHES = (0.5 + 1e-3, 1 + 1e-3)  # decades to either side of the best rate, within which a parabola is fitted; the wider where
# seeds leave the narrower one open
_FAR = 2.0       # times as high as the inner rates' parabola would be, beyond which an outer rate belongs to a wall
_ROUNDS = 3      # of halving the distance to the neighbours
_ROUNDING = 1e-9
_BENT = 0.02     # decades that a parabola may be off before rates closer by are tried


class Optimum(NamedTuple):
    """The learning rate with the lowest loss at one batch size.

    Attributes:
        rate: the lowest point of a parabola in log rate, or the best rate tried where no parabola is told from a line.
        low, high: its 95 % interval; 0 or infinite on a side where the rates tried do not bound it.
        influences: how far each seed moves log10 of the rate; their mean is 0. Empty where there is no parabola.
        bent: decades by which further rates move a parabola, where that is more than the seeds explain; within the interval.
    """

    rate: float
    low: float
    high: float
    influences: tuple[float, ...] = ()
    bent: float = 0.0

    @property
    def is_vertex(self):
        """Whether it is the lowest point of a parabola."""
        return bool(self.influences)


def means_of(losses):
    """`{rate: mean loss over seeds}` of `{rate: float[n_seeds]}`, infinite where any of them diverged; ascending."""
    return {rate: float(np.mean(losses[rate])) for rate in sorted(losses)}


def closer(losses, n_rounds):
    """The rates half way, in log, between the best and its neighbours, to be tried next; none where enough is known.

    Args:
        n_rounds: how often that was done. Once always; again where a neighbour diverged, or the loss is no parabola.
    """
    means, found = means_of(losses), optimum(losses)
    if found is None or n_rounds >= _ROUNDS:
        return []
    best, ordered = min(means, key=lambda rate: means[rate]), list(means)
    place = ordered.index(best)
    beside = [ordered[i] for i in (place - 1, place + 1) if 0 <= i < len(ordered)]
    wall = not found.is_vertex and any(math.isinf(means[rate]) for rate in beside)
    if n_rounds and not wall and found.bent <= _BENT:
        return []
    rates = [float(f"{math.sqrt(best * rate):.4g}") for rate in beside]
    return [rate for rate in rates if rate not in losses]


def optimum(losses):
    """The `Optimum` of `{rate: float[n_seeds]}`, the same seeds at each rate, infinite where a training diverged.

    A parabola of the loss against log rate, by least squares through the rates within half a decade of the best one (without those
    too far up a wall to belong to it; within a whole one where that tells nothing). Its coefficients are linear in the losses, so
    each seed has its own, and the lowest point -b / 2a is a ratio of two means: the interval is Fieller's (1954), over seeds, which
    are paired. Where the best three rates alone have their lowest point elsewhere, beyond the luck of seeds, it is theirs, and the
    interval reaches so much further. Where the curvature is not told from zero, or the interval leaves the rates it was fitted to,
    the answer is the best rate, and the interval ends at the nearest rates on either side that are shown to be worse (paired t,
    95 %).

    Returns:
        An `Optimum`, or `None` where every rate diverged.
    """
    means = means_of(losses)
    best = min(means, key=lambda rate: means[rate])
    if math.isinf(means[best]):
        return None
    for reach in _REACHES:
        rates, inner = _near(means, best, reach)
        if len(losses[best]) > 1 and rates[0] < best < rates[-1]:
            x = np.log10(np.array(rates) / best)
            y = np.stack([losses[rate] for rate in rates], 1)
            found = _vertex(x, y)
            if found is not None and x[0] <= found.low and found.high <= x[-1]:
                near = [rates.index(rate) for rate in inner]
                found, bent = _straightened(found, _vertex(x[near], y[:, near]) if len(rates) > 3 else None)
                low, high = max(found.low - bent, x[0]), min(found.high + bent, x[-1])
                return Optimum(float(best * 10**found.at), float(best * 10**low), float(best * 10**high),
                               tuple(map(float, found.influences)), bent)
    low, high = _not_shown_worse(losses, best)
    return Optimum(best, low, high)


def _near(means, best, reach):
    """The rates to fit a parabola to, and the best one with its neighbours among them."""
    rates = [rate for rate, mean in means.items() if math.isfinite(mean) and abs(math.log10(rate / best)) <= reach]
    place = rates.index(best)
    inner = rates[max(0, place - 1) : place + 2]

    def curving(rate):
        return (means[rate] - means[best]) / math.log10(rate / best) ** 2

    most = _FAR * max((curving(rate) for rate in inner if rate != best), default=0.0)
    return [rate for rate in rates if rate in inner or curving(rate) <= most], inner


class _Vertex(NamedTuple):
    """The lowest point of a parabola, its interval, and how far each seed moves it, in the unit of x."""

    at: float
    low: float
    high: float
    influences: np.ndarray


def _vertex(x, losses_seeds_rates):
    """The `_Vertex` of the parabola through these; `None` where the curvature is not told from zero."""
    y = losses_seeds_rates - losses_seeds_rates[:, :1]  # a seed is harder at every rate alike
    curved, slope, _ = np.linalg.pinv(np.stack([x * x, x, np.ones_like(x)], 1)) @ y.T
    above, below, n = -slope / 2, curved, len(y)
    cov = np.cov(np.stack([above, below])) / n
    top, bottom = float(above.mean()), float(below.mean())
    if not bottom > max(0.0, student(n - 1) * math.sqrt(cov[1, 1])):
        return None
    low, high = fieller(top, bottom, cov[0, 0], cov[0, 1], cov[1, 1], n - 1)
    return _Vertex(top / bottom, low, high, (above - top / bottom * below) / bottom)


def _straightened(found, near):
    """The vertex, and how far further rates move it: that of the nearest rates, where the seeds do not explain the difference."""
    if near is None:
        return found, 0.0
    _, low, high = mean_interval(near.at - found.at + near.influences - found.influences)
    return (near, abs(near.at - found.at)) if low > 0 or high < 0 else (found, 0.0)


def _not_shown_worse(losses, best):
    """The nearest rates on either side of the best that are shown to be worse; 0 or infinite where none is."""
    def worse(rate):
        away = losses[rate] - losses[best]
        return not np.isfinite(away).all() or mean_interval(away)[1] > 0

    shown = [rate for rate in losses if rate != best and worse(rate)]
    return (float(max((rate for rate in shown if rate < best), default=0.0)),
            float(min((rate for rate in shown if rate > best), default=math.inf)))


class Exponent(NamedTuple):
    """alpha of best rate ∝ batch size^alpha.

    Attributes:
        value, low, high: over all batch sizes, and its 95 % interval.
        between: `(value, low, high)` between each batch size and the next one.
        bends: whether the last of those is shown to be another than the first.
    """

    value: float
    low: float
    high: float
    between: tuple[tuple[float, float, float], ...]
    bends: bool


def exponent(sizes, optima):
    """The `Exponent` from the best rate at each batch size, by least squares of log rate on log batch size.

    Each seed trained at every batch size, so its influences on the optima add up to its influence on the exponent; the interval is
    Student's over these, times as much as the widest of the optima's own intervals is wider than Student's (where the curvature is
    little known), and as much wider as the optima may be off beside the luck of seeds: by what bends away from a parabola,
    or all of an optimum's own interval where it has none. Where the exponent changes along the way (`bends`), the value is a mean
    over these batch sizes.

    Args:
        sizes: at least two, ascending. optima: an `Optimum` for each, of the same seeds, their intervals bounded.
    """
    x, y = np.log10(np.array(sizes, float)), np.log10([one.rate for one in optima])
    n = max(len(one.influences) for one in optima)
    seeds = np.array([one.influences or (0.0,) * n for one in optima])  # [n_sizes, n_seeds]
    off = np.array([one.bent if one.is_vertex else math.log10(max(one.high / one.rate, one.rate / one.low)) for one in optima])
    weights = (x - x.mean()) / np.sum((x - x.mean()) ** 2)
    reach = student(n - 1) / math.sqrt(n) if n else 0.0
    own = reach * np.std(seeds, axis=1, ddof=1) if n else off
    skewed = max((math.log10(one.high / one.low) / 2 - bent) / half
                 for one, bent, half in zip(optima, off, own, strict=True)) if n and own.min() > 0 else 1.0

    def told(weights):
        value, half = float(weights @ y), float(np.abs(weights) @ off)
        if n:
            half += max(1.0, skewed) * reach * float(np.std(weights @ seeds, ddof=1))
        return value, value - half, value + half

    steps = [np.where(np.arange(len(x)) == i, -1, np.where(np.arange(len(x)) == i + 1, 1, 0)) / (x[i + 1] - x[i])
             for i in range(len(x) - 1)]
    bend = told(steps[-1] - steps[0]) if len(steps) > 1 else (0.0, 0.0, 0.0)
    return Exponent(*told(weights), tuple(map(told, steps)), bool(bend[1] > _ROUNDING or bend[2] < -_ROUNDING))


def rules_told(low, high):
    """What an interval of the exponent says of each rule, in words.

    >>> rules_told(0.3, 0.6)
    'the square-root rule fits; the same rate at every batch size and the linear rule do not'
    >>> rules_told(-0.1, 0.7)
    'whether the same rate at every batch size or the square-root rule fits cannot be told; the linear rule does not'
    """
    fitting = [words for power, words in RULES if low <= power <= high]
    others = [words for power, words in RULES if not low <= power <= high]
    beside = f"; {listed(others)} do{'es' * (len(others) == 1)} not" if others else ""
    if not fitting:
        return "none of the usual rules fits"
    if len(fitting) == len(RULES):
        return "which of the usual rules fits cannot be told"
    if len(fitting) == 1:
        return f"{fitting[0]} fits{beside}"
    return f"whether {' or '.join(fitting)} fits cannot be told{beside}"
