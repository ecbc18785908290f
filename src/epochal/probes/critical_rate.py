"""How large a step the loss allows."""

import math
from time import perf_counter

import numpy as np
from scipy.optimize import brentq

from ..base.seeds import integer, stream
from ..base.stats import mean_interval
from ..base.text import number
from ..base.validate import require
from ..records import CriticalRate, Outcome, Reading
from .probe import LEAST_BUDGET, Probe

_PROBING_RATE = 1.0  # an update is proportional to its rate; one as large as the weights loses least to rounding
_PASSES = 40         # forward passes of two repeats, about
_FURTHEST = 40       # doublings of the present rate, upward or downward


def critical_rate(rig, *, seed=0, state=None, batch=256, repeats=5, precision=1e-3, seconds=math.inf):
    """The learning rate of one optimizer step at which the loss gains nothing any more.

    The smallest η > 0 with L(θ + η Δ) ≥ L(θ), Δ the optimizer's own first update per unit of learning rate, L the loss
    on other rows than Δ came from (Kalra and Barkeshli 2024, arXiv:2406.09405). Forward passes only. On a quadratic bowl it
    is 2 |g|² / g'Hg for plain gradient descent. "Smallest" up to a factor of two: that is how η is searched.

    Args:
        state: where to measure; by default newly initialised weights, others for each repeat.
        batch: rows for Δ, and as many others for L; at most half of the training rows.
        repeats: independent pairs of batches, at least 2.
        precision: of η, relative, per repeat.
        seconds: budget, beside compiling. Repeats are left out, down to 2; where 2 would overrun it, nothing is measured.

    Returns:
        A `Reading` without unit: the geometric mean over repeats and its interval; the detail `lambda_c` is 2 / η, points
        are the repeats' η. A bracket for the rate at these weights, not the rate to use: it looks one step ahead.
        `LOWER_BOUND` where no rise was found, `UNRESOLVED` where any repeat's update goes uphill at once (then noise rules),
        `DIVERGED` where the loss is not finite before the step.
    """
    require(repeats >= 2, "repeats", repeats, "at least 2")
    require(batch >= 1, "batch", batch, "at least one row")
    if rig.n_examples < 2:
        return _without("one row cannot be both followed and judged by")
    size = min(batch, rig.n_examples // 2)
    rates, found, started = [], [], 0.0
    for repeat in range(repeats):
        if repeat == 1:
            started = perf_counter()  # the first repeat compiles
        elif repeat >= 2 and (perf_counter() - started) * repeat / (repeat - 1) > seconds:
            repeats = repeat
            break
        rows = stream(seed, "critical_rate", repeat).permutation(rig.n_examples)
        here = rig.fresh(integer(seed, "critical_rate", repeat)) if state is None else state
        rate, crossed = _along(rig, here, rows[:size], rows[size:2 * size], precision, longest=seconds / _PASSES)
        if crossed is None:
            return _without(f"a forward pass of {size} rows takes longer than {seconds / _PASSES:.2g} s: the budget does not allow "
                            f"{_PASSES} of them")
        if rate is None and not np.isfinite(rig.loss(here, rows[size:2 * size])):
            return _without("the loss is not finite before any step", Outcome.DIVERGED)
        if rate is None:
            return _without("the optimizer's own step led uphill on other rows, however small: "
                            f"repeat {repeat + 1} of {repeats}, batches of {size}")
        rates.append(rate)
        found.append(crossed)
    middle, low, high = (float(np.exp(v)) for v in mean_interval(np.log(rates)))
    bounded = all(found)
    return Reading(name="critical_rate", value=middle, low=low, high=high if bounded else np.inf, repeats=repeats,
                   outcome=Outcome.OK if bounded else Outcome.LOWER_BOUND,
                   details=(("lambda_c", 2 / middle), ("batch", float(size))),
                   points=tuple(CriticalRate(learning_rate=rate) for rate in rates),
                   note="" if bounded else f"no rise of the loss found in {found.count(False)} of {repeats} repeats")


def _along(rig, state, followed, judged, precision, *, longest):
    """`(η, whether the loss rises there)` for one pair of batches; `(None, False)` where it rises at once.

    `(None, None)` where a forward pass takes more than `longest` seconds.
    """
    moved, _ = rig.step(state, followed, _PROBING_RATE)
    update = (np.asarray(rig.weights(moved)) - np.asarray(rig.weights(state))) / _PROBING_RATE
    before = float(rig.loss(state, judged))

    def gain(rate):
        """Change of the loss per unit of rate: on a quadratic a straight line in the rate, so that a secant is exact."""
        after = float(rig.loss(rig.move(state, rate * update), judged))
        return (after - before) / rate if np.isfinite(after) else np.inf

    rate = rig.present.learning_rate
    started, known = perf_counter(), gain(rate)
    if perf_counter() - started > longest:
        return None, None
    way = 2.0 if known < 0 else 0.5
    for _ in range(_FURTHEST):
        following = gain(way * rate)
        if (following < 0) != (known < 0):
            break
        rate, known = way * rate, following
    else:
        return (rate, False) if way > 1 else (None, False)
    inside, outside = (rate, way * rate) if way > 1 else (way * rate, rate)
    beyond = following if way > 1 else known
    while not np.isfinite(beyond) and outside > inside * (1 + precision):
        middle = (inside * outside) ** 0.5
        slope = gain(middle)
        if slope < 0:
            inside = middle
        else:
            outside, beyond = middle, slope
    if not np.isfinite(beyond):
        return outside, True
    return brentq(gain, inside, outside, xtol=1e-300, rtol=max(precision, 1e-15)), True


def _without(note, outcome=Outcome.UNRESOLVED):
    return Reading(name="critical_rate", outcome=outcome, note=note)


def _sentences(reading, rig):
    present, told = rig.present.learning_rate, f"{number(reading.low)} to {number(reading.high)}"
    if present > reading.high:
        means = (f"A first update at the present rate of {number(present)} makes the loss worse (the limit is {told}): "
                 "begin lower, or warm up.")
    elif present < reading.low / 2:
        means = (f"Above a rate of {number(reading.value)} ({told}) the first update no longer lowers the loss; the present one, "
                 f"{number(present)}, is far below, so that higher ones are worth trying.")
    else:
        means = (f"Above a rate of {number(reading.value)} ({told}) the first update no longer lowers the loss; the present one, "
                 f"{number(present)}, is near it: rates are worth trying below and around it.")
    return means, ("It is not the rate to use: it looks one step ahead, at untrained weights, and the rate that trains best may "
                   "lie on either side of it.")


CRITICAL_RATE = Probe(
    name="critical_rate", title="critical learning rate at the start",
    what="learning rate above which the first updates raise the loss",
    why="bounds the rates worth trying", cost=lambda budget, program: 1 + program, run=critical_rate,
    options=lambda rig, evidence, budget: {"seconds": 0.1 * budget}, least_budget=LEAST_BUDGET, explains=True,
    sentences=_sentences)
