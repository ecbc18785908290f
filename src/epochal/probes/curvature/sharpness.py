"""How sharply the loss curves, and whether the optimizer at the present rate can stand it."""

import math
from time import perf_counter
from typing import NamedTuple

import numpy as np

from ...base.errors import Unsupported
from ...base.text import counted, number
from ...records import Moment, Outcome, Reading
from ...rules.stability import stability_limit
from ..probe import Probe
from ..short_training import an_epoch, short, short_training
from .subset import FEWEST_PRODUCTS, ROWS, Curved, Subset

SHARPNESS_NAME, PRECONDITIONED_NAME = "sharpness", "preconditioned_sharpness"
_NOT_FINITE = "a second derivative of the loss is infinite or not a number"
RESCALED = ("It says nothing of how well the model will do on new rows: the same function, written with rescaled weights, has "
            "another sharpness.")
_NEAR, _BEYOND = 0.8, 1.2  # shares of the limit; trained on all rows at once, weights come to about 1, and stay there
_TRAINING, _CURVATURE = 0.25, 0.6  # shares of the seconds: for updates, and for eigenvalues


class _Look(NamedTuple):
    n_updates: int
    curved: Curved
    adaptive: float


def sharpness(rig, *, seed=0, state=None, rows=ROWS, updates=None, seconds=math.inf):
    """The largest eigenvalue of the training loss' second derivatives, beside what plain updates at the present rate can stand.

    By Lanczos' method with full reorthogonalisation, at most 60 products, exact but for `error` on a fixed subset of the
    rows (see `Subset.curved` for the interval and the bias of a subset, told by `of_parts`). Dropout is off.

    Args:
        state: where to measure; by default newly initialised weights, and again as a short training at the present setting
        goes on.
        rows: of the subset, at most.
        updates: of the short training; by default ten passes over the rows, at least 100 and at most 10,000 updates.
        seconds: budget, beside compiling: first looks at later weights are left out, then the interval.

    Returns:
        A `Reading` without unit. Its value is at the start. Details: `subset` (of the subset, its bias not taken off),
        `of_parts`, `rows`, `products`, `error`; `adaptive`, of |w| H |w|, which no rescaling of weights changes; where the
        optimizer scales no gradients, `limit`, the eigenvalue from which updates on all rows do not settle
        (`stability_limit`), and `share_of_limit`;
        and the same at the end of the training: `at_end`, `updates_at_end`, `share_at_end`, `adaptive_at_end`. Points:
        `Moment`s.
        `LOWER_BOUND` where the search did not converge, `UNRESOLVED` where rows or seconds are too few, `DIVERGED` where a
        second derivative is not finite. Of the loss at these weights on these rows, not a measure of how good the model is:
        the same function written with rescaled weights has another sharpness (Dinh et al. 2017, arXiv:1703.04933).
    """
    if (short_of := _cannot(rig, seed, rows, seconds, SHARPNESS_NAME, state)) is not None:
        return short_of
    subset, last = Subset(rig, seed, rows), short(rig) if updates is None else updates
    moments = [(0, state)] if state is not None else short_training(
        rig, seed=seed, marks=(0, last // 10, last // 3, last), seconds=_TRAINING * seconds)
    looks = _looks(subset, moments, seconds, lambda here: None, lambda here: np.abs(rig.weights(here)))
    if not looks:
        return _without(SHARPNESS_NAME, Outcome.DIVERGED, _NOT_FINITE)
    rule = rig.momentum()
    limit = stability_limit(rig.present.learning_rate, *rule[:2]) if rule is not None and not rule[2] else None
    return _reading(SHARPNESS_NAME, rig, subset, looks[0], looks, limit)


def preconditioned_sharpness(rig, *, seed=0, state=None, rows=ROWS, updates=None, seconds=math.inf):
    """The largest eigenvalue of D^½ H D^½, D what Adam or another optimizer scales gradients by, beside what it can stand.

    With D held as it is, the optimizer is one that scales nothing, on a loss whose weights are rescaled by D^½; the limit is
    then that of averaged gradients, (2 + 2 β₁) / ((1 - β₁) η) for Adam: 38 / η at Keras' β₁ of 0.9 (Cohen et al. 2022,
    arXiv:2207.14484). D is empty before the first update, so this is measured after a pass over the rows of a short
    training, and at its end.

    Args:
        state: where to measure, after at least one update; by default along a short training.
        rows, updates, seconds: as for `sharpness`.

    Returns:
        A `Reading` without unit, its value at the end of the training; details as of `sharpness`, without `adaptive`.
        `UNSUPPORTED` where the optimizer scales by no diagonal that is known here, else as `sharpness`. D changes at every
        update, which the limit does not heed; and not a measure of how good the model is.
    """
    rule, name = rig.momentum(), PRECONDITIONED_NAME
    if rule is None or not rule[2]:
        return _without(name, Outcome.UNSUPPORTED, f"{rig.task.optimizer} scales gradients by no diagonal that is known here; "
                        "see `sharpness`" if rule else f"how {rig.task.optimizer} moves weights is not known here")
    if (short_of := _cannot(rig, seed, rows, seconds, name, state)) is not None:
        return short_of
    subset, last = Subset(rig, seed, rows), short(rig) if updates is None else updates
    moments = [(0, state)] if state is not None else short_training(
        rig, seed=seed, marks=(min(an_epoch(rig), last), last), seconds=_TRAINING * seconds)
    moments = ((n, here) for n, here in moments if rig.preconditioner(here) is not None)
    looks = _looks(subset, moments, seconds, lambda here: np.sqrt(rig.preconditioner(here)))
    if looks is None:
        return _without(name, Outcome.UNRESOLVED, "the optimizer has made no update yet, so it scales by nothing; train first")
    if not looks:
        return _without(name, Outcome.DIVERGED, _NOT_FINITE)
    return _reading(name, rig, subset, looks[-1], looks, stability_limit(rig.present.learning_rate, *rule[:2]))


def _looks(subset, moments, seconds, scales_of, adaptive_of=None):
    """A `_Look` at each moment for which there is time; none: not even the first is finite; `None`: there is no moment."""
    looks, begun, took = None, perf_counter(), 0.0
    for n_updates, here in moments:
        left = seconds - (perf_counter() - begun)
        if looks and left < took:
            break
        started, looks = perf_counter(), looks or []
        curved = subset.curved(here, scales=scales_of(here), seconds=_CURVATURE * left)
        if curved is None:
            break  # the training diverged; what was before it holds
        adaptive = None if adaptive_of is None else subset.top(here, scales=adaptive_of(here), seconds=(1 - _CURVATURE) * left)
        looks.append(_Look(n_updates, curved, math.nan if adaptive is None else adaptive.value))
        took = perf_counter() - started
    return looks


def _cannot(rig, seed, rows, seconds, name, state):
    """Why nothing can be measured, as a `Reading`; `None` where it can."""
    if rig.n_examples < 2:
        return _without(name, Outcome.UNRESOLVED, "one row tells nothing of others")
    try:
        takes = Subset(rig, seed, rows).seconds_a_product(rig.fresh(seed) if state is None else state)
    except Unsupported as error:
        return _without(name, Outcome.UNSUPPORTED, str(error))
    if FEWEST_PRODUCTS * takes > seconds * _CURVATURE / 2:
        return _without(name, Outcome.UNRESOLVED, f"a product with the second derivatives takes {takes:.2g} s: the budget does "
                        f"not allow {FEWEST_PRODUCTS} of them")
    return None


def _reading(name, rig, subset, look, looks, limit):
    curved, first, last = look.curved, looks[0], looks[-1]
    whole, batch = curved.converged, min(rig.present.batch_size, rig.n_examples)
    details = {"subset": curved.raw, "of_parts": curved.of_parts, "rows": float(subset.n_rows),
               "products": float(curved.n_products), "error": curved.error, "adaptive": first.adaptive, "limit": limit,
               "updates": float(look.n_updates)}
    details["share_of_limit"] = limit and curved.value / limit
    if last is not look:
        details |= {"at_end": last.curved.value, "updates_at_end": float(last.n_updates), "adaptive_at_end": last.adaptive,
                    "share_at_end": limit and last.curved.value / limit}
    alone = math.isnan(curved.of_parts)
    notes = [f"on {counted(subset.n_rows, 'row')} of {rig.n_examples:,}, the same ones each time"]
    if alone and subset.n_rows < rig.n_examples:
        notes.append("how much too large so few rows make it was not measured")
    if rig.task.normalises_over_batch:
        notes.append(f"normalised over {counted(len(subset.parts[0]), 'row')} at a time")
    return Reading(
        name=name, value=curved.value, low=curved.low if whole else curved.raw, high=curved.high if whole else math.inf,
        repeats=1 if alone else len(subset.parts), outcome=Outcome.OK if whole else Outcome.LOWER_BOUND, note="; ".join(notes),
        details=tuple((key, value) for key, value in details.items() if value is not None and not math.isnan(value)),
        points=tuple(Moment(n_updates=one.n_updates, n_examples=one.n_updates * batch, value=one.curved.value,
                            low=one.curved.low, high=one.curved.high) for one in looks))


def _without(name, outcome, note):
    return Reading(name=name, outcome=outcome, note=note)


def _sentences(reading, rig):
    known, rate, optimizer = dict(reading.details), rig.present.learning_rate, rig.task.optimizer
    if "limit" not in known:
        return (f"The loss curves with {number(reading.value)} at the start, which bounds no learning rate of {optimizer}, since "
                "it scales gradients; the preconditioned sharpness may."), RESCALED
    end = "_at_end" if "share_at_end" in known else ""
    share, n_updates = known["share_at_end" if end else "share_of_limit"], known["updates" + end]
    when = f"After {counted(int(n_updates), 'update')}" if n_updates else "At the start"
    what = f"the sharpness, as {optimizer} scales it," if reading.name == PRECONDITIONED_NAME else "the sharpness"
    if share <= 0:
        return f"{when} the loss curves upward in no direction, so curvature sets the learning rate no limit.", RESCALED
    means = (f"{when} {what} is {number(100 * share)} % of the most that updates on all rows at once allow at the learning rate of "
             f"{number(rate)}: ")
    if share >= _BEYOND:
        return means + "the loss jumps until the weights are where it is flatter; a smaller rate avoids that.", RESCALED
    if share >= _NEAR:
        return means + "as far up as it goes; a larger rate moves the weights to where the loss is flatter.", RESCALED
    return means + (f"curvature alone forbids only rates above {number(rate / share)}; small batches, whose gradients are noisy, "
                    "allow less."), RESCALED


def options(rig, evidence, budget):  # noqa: ARG001 - as a probe has it
    """What both measures of this folder are told of a budget."""
    return {"seconds": 0.1 * budget}


def cost(budget, program):
    """Seconds that each of them takes, about."""
    return 0.1 * budget + 3 * program


SHARPNESS = Probe(
    name=SHARPNESS_NAME, title="sharpness", what="largest eigenvalue of the loss' second derivatives",
    why="the rate from which updates on all rows do not settle", cost=cost, run=sharpness, options=options, explains=True,
    price="normal", sentences=_sentences)
PRECONDITIONED_SHARPNESS = Probe(
    name=PRECONDITIONED_NAME, title="preconditioned sharpness", what="the same as the optimizer scales it (Adam and its kin)",
    why="their limit holds for this one", cost=cost, run=preconditioned_sharpness, options=options, explains=True,
    price="normal", sentences=_sentences)
