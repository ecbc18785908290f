"""How the best learning rate moves with the batch size, on this model."""

import math

from ...base.text import listed, number
from ...base.validate import require, whole_number
from ...engine.guard import memory_guard
from ...records import BestRate, Outcome, Reading
from ...rules.rates import exponent, rules_told
from ...rules.scaling import seed_rate
from ..probe import LEAST_BUDGET, Probe, largest_that_fits
from .trainings import horizon, search

_FACTOR = 4


def rate_exponent(rig, *, seed=0, epochs=10, repeats=5, n_sizes=3, largest=None, seconds=math.inf):
    """The exponent alpha of best rate ∝ batch size^alpha, from the best rate at several batch sizes after the same examples.

    The linear rule says 1 (Goyal et al. 2017, arXiv:1706.02677), the square-root rule 0.5 (Krizhevsky 2014, arXiv:1404.5997;
    Malladi et al. 2022, arXiv:2205.10287), for Adam 0.16 was found as well (Marek et al. 2025, arXiv:2507.07101). Even where the
    linear rule holds for small batches the exponent falls to 0 beyond the critical batch size: 0.97 to 0.16 from 1 to 64
    on an exact noisy quadratic.

    Args:
        epochs, repeats: of each training, and its seeds; all batch sizes have the same epochs, so the same examples.
        n_sizes: batch sizes, at least 3: the present one, and by factors of 4 below and above it, by turns.
        largest: the largest batch to try; by default an eighth of the rows.
        seconds: budget, beside compiling, as for `best_rate`.

    Returns:
        A `Reading` without unit: the exponent over these batch sizes, by least squares, whose interval holds the doubt of every
        optimum (over seeds, paired across batch sizes, and what bends away from a parabola). It holds the truth in 93 to 98 % of
        cases where losses are parabolas in log rate. Details: `epochs`, and the exponent between
        neighbours as `from_8_to_32`. Points are `BestRate`s. `UNRESOLVED` where fewer than 3 batch sizes have a best rate that is
        bounded on both sides, or the time is too short.
    """
    whole_number("epochs", epochs)
    whole_number("repeats", repeats, 3)
    whole_number("n_sizes", n_sizes, 3)
    present = rig.present
    require(present.learning_rate > 0, "learning_rate", present.learning_rate, "above 0 in the compiled optimizer")
    sizes = _sizes(min(present.batch_size, rig.n_examples), n_sizes, min(largest or rig.n_examples // 8, rig.n_examples))
    if len(sizes) < 3:
        return _without(f"{rig.n_examples} rows are too few for 3 batch sizes by factors of {_FACTOR}")
    with memory_guard(rig) as guard:
        within = horizon(rig, sizes, epochs=epochs, repeats=repeats, seconds=seconds)
    if guard.ran_out:
        return _without(f"there is no memory for one of the batch sizes {listed(map(str, sizes))}", outcome=Outcome.OUT_OF_MEMORY)
    if within is None:
        return _without(f"20 updates at each rate and batch size take longer than {seconds:.2g} s")
    optima, missing = {}, []
    for size in sizes:
        centre = seed_rate(present.learning_rate, present.batch_size, size, rig.task.optimizer)
        done = search(rig, size, within, seed=seed, centre=centre, seconds=seconds / len(sizes))
        found = done.found if done.losses else None
        if found is None or found.low == 0 or math.isinf(found.high):
            missing.append(f"{size:,}" + (f" ({done.cut})" if done.cut else ""))
        else:
            optima[size] = found
    return _reading(rig, within, optima, missing)


def _sizes(present, n_sizes, largest):
    """The present batch size and those by factors of 4 around it, below and above by turns, ascending."""
    below = [present // _FACTOR**i for i in range(1, 9) if present // _FACTOR**i >= 1]
    above = [present * _FACTOR**i for i in range(1, 9) if present * _FACTOR**i <= largest]
    turns = [size for i in range(8) for size in (*below[i : i + 1], *above[i : i + 1])]
    return sorted([present, *turns[: n_sizes - 1]])


def _reading(rig, within, optima, missing):
    points = tuple(BestRate(batch_size=size, learning_rate=one.rate, low=one.low, high=one.high) for size, one in optima.items())
    if len(optima) < 3:
        return _without(f"the best rate is not bounded on both sides at batch size {listed(missing)}; allow more repeats or epochs",
                        points)
    sizes = list(optima)
    found = exponent(sizes, list(optima.values()))
    between = [(f"from_{a}_to_{b}", step[0]) for a, b, step in zip(sizes, sizes[1:], found.between, strict=False)]
    bends = f"the exponent changes: {found.between[0][0]:.2f} at first, {found.between[-1][0]:.2f} at last" if found.bends else ""
    note = "; ".join(filter(None, (f"over {within.epochs_in_words(rig)} each, {within.n_seeds} seeds", bends,
                                   f"left out: batch size {listed(missing)}" if missing else "")))
    return Reading(name="rate_exponent", value=found.value, low=found.low, high=found.high, repeats=within.n_seeds,
                   details=(("epochs", within.n_examples / rig.n_examples), ("bends", float(found.bends)), *between),
                   points=points, note=note)


def _without(note, points=(), outcome=Outcome.UNRESOLVED):
    return Reading(name="rate_exponent", outcome=outcome, note=note, points=points)


def _sentences(reading, rig):  # noqa: ARG001 - as every probe's
    sizes = [point.batch_size for point in reading.points]
    first, *_, last = [value for name, value in reading.details if name.startswith("from_")]
    rules = (f"it is {first:.2f} at first and {last:.2f} at last, so no one rule fits them all" if reading.detail("bends") else
             rules_told(reading.low, reading.high))
    four = f"{number(4**reading.low)} to {number(4**reading.high)} times"
    return (f"From batch size {sizes[0]:,} to {sizes[-1]:,} the best rate grows with exponent {reading.low:.2g} to "
            f"{reading.high:.2g} ({four} for four times the batch): {rules}.",
            "Not a rule for batch sizes outside these, nor for longer trainings: beyond the critical batch size the exponent "
            "falls, and the rate is to be found anew there.")


def _options(rig, evidence, budget):
    fits = largest_that_fits(evidence)
    return {"seconds": 0.5 * budget, "largest": None if fits is None else min(fits, max(rig.n_examples // 8, 1))}


RATE_EXPONENT = Probe(
    name="rate_exponent", title="exponent of the best learning rate against the batch size",
    what="best learning rate at three batch sizes", why="which rule for changing the rate with the batch size fits here",
    cost=lambda budget, program: 0.5 * budget + 6 * program, run=rate_exponent, options=_options, least_budget=LEAST_BUDGET,
    price="thorough", sentences=_sentences)
