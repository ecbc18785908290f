"""How far the loss rises close to the weights: in the box of Keskar et al., and along the step of sharpness-aware minimization."""

import math
from time import perf_counter

import numpy as np
from scipy.optimize import minimize

from ...base.stats import mean_interval
from ...base.text import number
from ...base.validate import positive_number
from ...records import Outcome, Reading
from ..probe import Probe
from ..short_training import short, short_training
from .sharpness import RESCALED, cost, options
from .subset import ROWS, Subset

SAM_NAME, KESKAR_NAME = "sam_sharpness", "keskar_sharpness"
_TRAINING = 0.5        # of the seconds
_ITERATIONS = 10       # of L-BFGS-B, as Keskar et al. have it
_NOT_FINITE = "the loss or its slope is infinite or not a number"


class _TimeIsUp(Exception):
    pass


def sam_sharpness(rig, *, seed=0, state=None, rows=ROWS, radius=0.05, adaptive_radius=0.5, updates=None, seconds=math.inf):
    """How far the loss rises by one step up its slope.

    L(w + ρ g / |g|) - L(w), the first-order ascent of sharpness-aware minimization (Foret et al. 2021, arXiv:2010.01412).
    The detail `adaptive` is its elementwise-adaptive form, a step of ρ w² g / |w g| (Kwon et al. 2021, arXiv:2102.11600),
    which rescaling the weights of a function does not change.

    Args:
        state: where to measure; by default at the end of a short training at the present setting.
        rows: of a fixed subset, at most. Dropout is off.
        radius, adaptive_radius: ρ of the two, those of the two papers.
        updates: of the short training; by default ten passes over the rows, at least 100 and at most 10,000 updates.
        seconds: budget, beside compiling; half of it for the training, which then ends sooner.

    Returns:
        A `Reading` in the loss' own unit: the mean over eight parts of the subset and its interval, the step being the same.
        Details: `adaptive`, `adaptive_low`, `adaptive_high`, `loss`, `slope` (its length), `rows`, `updates`. At a minimum g
        is rounding, and so is its direction. Descriptive: no measure of how good the model is.
    """
    positive_number("radius", radius)
    positive_number("adaptive_radius", adaptive_radius)
    subset, state, n_updates = _where(rig, seed, state, rows, updates, seconds)
    slope, weights = np.asarray(subset.slope(state), float), np.asarray(rig.weights(state), float)
    before = subset.losses(state)
    length, scaled = float(np.linalg.norm(slope)), float(np.linalg.norm(weights * slope))
    if not (np.isfinite(before).all() and math.isfinite(length)):
        return _without(SAM_NAME, Outcome.DIVERGED, _NOT_FINITE)
    if length == 0 or scaled == 0:
        return _without(SAM_NAME, Outcome.UNRESOLVED, "the slope of the loss is zero: no direction leads up")
    step, adaptive = radius * slope / length, adaptive_radius * weights**2 * slope / scaled
    rises = [mean_interval(subset.losses(rig.move(state, v)) - before) for v in (step, adaptive)]
    if not np.isfinite([mean for mean, _, _ in rises]).all():
        return _without(SAM_NAME, Outcome.DIVERGED, _NOT_FINITE)
    (value, low, high), (other, other_low, other_high) = (map(float, rise) for rise in rises)
    return Reading(
        name=SAM_NAME, value=value, low=low, high=high, repeats=len(subset.parts),
        details=(("adaptive", other), ("adaptive_low", other_low), ("adaptive_high", other_high), ("loss", float(before.mean())),
                 ("slope", length), ("radius", radius), ("adaptive_radius", adaptive_radius), ("rows", float(subset.n_rows)),
                 ("updates", float(n_updates))), note=_note(rig, subset))


def keskar_sharpness(rig, *, seed=0, state=None, rows=ROWS, size=1e-3, updates=None, seconds=math.inf):
    """How far the loss rises in a small box around the weights, in percent of one more than the loss.

    φ = 100 (max f - f) / (1 + f) over the box |y_i| ≤ ε (|x_i| + 1), the maximum looked for by ten iterations of L-BFGS-B
    (Keskar et al. 2017, arXiv:1609.04836, metric 2.1, all directions).

    Args:
        state, rows, updates, seconds: as for `sam_sharpness`. Out of time, the highest point found so far counts, as a lower
        bound.
        size: ε; Keskar et al. have 1e-3 and 5e-4.

    Returns:
        A `Reading` in percent; its interval is over eight parts of the subset at the highest point found. Details `loss`,
        `highest`, `evaluations`, `rows`, `updates`, `size`. `LOWER_BOUND` where time ended the search. A maximum that ten
        iterations find is no more than that. Descriptive: no measure of how good the model is.
    """
    positive_number("size", size)
    subset, state, n_updates = _where(rig, seed, state, rows, updates, seconds)
    before, weights = subset.losses(state), np.asarray(rig.weights(state), float)
    subset.slope(state)  # compiles
    height, found = float(before.mean()), [(0.0, np.zeros(rig.n_params))]
    if not math.isfinite(height):
        return _without(KESKAR_NAME, Outcome.DIVERGED, _NOT_FINITE)
    begun, reach, n = perf_counter(), size * (np.abs(weights) + 1), 0

    def downhill(y):
        nonlocal n
        if n >= 2 and perf_counter() - begun > (1 - _TRAINING) * seconds:
            raise _TimeIsUp
        n += 1
        there = rig.move(state, y)
        rise, slope = float(subset.losses(there).mean()) - height, np.asarray(subset.slope(there), float)
        if not (math.isfinite(rise) and np.isfinite(slope).all()):
            raise FloatingPointError
        if rise > found[0][0]:
            found[0] = rise, y.copy()
        return -rise, -slope

    whole = True
    try:
        minimize(downhill, np.zeros(rig.n_params), jac=True, method="L-BFGS-B", bounds=np.stack([-reach, reach], 1),
                 options={"maxiter": _ITERATIONS})
    except _TimeIsUp:
        whole = False
    except FloatingPointError:
        return _without(KESKAR_NAME, Outcome.DIVERGED, _NOT_FINITE)
    rise, highest = found[0]
    value, low, high = (100 * float(v) / (1 + height) for v in mean_interval(subset.losses(rig.move(state, highest)) - before))
    return Reading(
        name=KESKAR_NAME, value=value, unit="%", low=low if whole else max(0.0, low), high=high if whole else math.inf,
        repeats=len(subset.parts), outcome=Outcome.OK if whole else Outcome.LOWER_BOUND,
        details=(("loss", height), ("highest", height + rise), ("evaluations", float(n)), ("size", size),
                 ("rows", float(subset.n_rows)), ("updates", float(n_updates))), note=_note(rig, subset))


def _where(rig, seed, state, rows, updates, seconds):
    """The rows, the state and the updates it has had."""
    n_updates = 0
    if state is None:
        last = short(rig) if updates is None else updates
        n_updates, state = list(short_training(rig, seed=seed, marks=(last,), seconds=_TRAINING * seconds))[-1]
    return Subset(rig, seed, rows), state, n_updates


def _note(rig, subset):
    return f"on {subset.n_rows:,} of {rig.n_examples:,} rows" + (
        f", normalised over {len(subset.parts[0]):,} at a time" if rig.task.normalises_over_batch else "")


def _without(name, outcome, note):
    return Reading(name=name, outcome=outcome, note=note)


def _sentences(reading, rig):  # noqa: ARG001 - the reading says it all
    known = dict(reading.details)
    when = f"after {int(known['updates']):,} updates" if known["updates"] else "at these weights"
    means = f"No setting follows from it: {when} the loss of {number(known['loss'])} rises "
    if reading.name == KESKAR_NAME:
        return means + f"to {number(known['highest'])} within {number(known['size'])} (|w| + 1) of every weight w.", RESCALED
    return means + (f"by {number(reading.value)} within a distance of {number(known['radius'])} of the weights, and by "
                    f"{number(known['adaptive'])} where distance is in shares of each weight."), RESCALED


SAM_SHARPNESS = Probe(
    name=SAM_NAME, title="rise of the loss up its slope (SAM)", what="rise of the loss by one small step up its slope",
    why="what sharpness-aware minimization looks at", cost=cost, run=sam_sharpness, options=options, explains=True,
    price="normal", sentences=_sentences)
KESKAR_SHARPNESS = Probe(
    name=KESKAR_NAME, title="rise of the loss in a small box (Keskar)", what="rise of the loss in a small box around the weights",
    why="what Keskar et al. compared small and large batches by", cost=cost, run=keskar_sharpness, options=options,
    explains=True, price="normal", sentences=_sentences)
