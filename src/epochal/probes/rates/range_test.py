"""The learning-rate range test: between which rates the loss falls, and how far its usual picks depend on the sweep."""

import math
from time import perf_counter

import numpy as np

from ...base.seeds import integer, stream
from ...base.text import number
from ...base.validate import require
from ...records import Outcome, Reading, SweptRate
from ..critical_rate import critical_rate
from ..probe import LEAST_BUDGET, Probe

_BELOW, _ABOVE, _FURTHER = 1e-3, 10.0, 1e3  # of the critical rate: where sweeps begin, and end unless nothing has exploded
_SMOOTHING = 0.05     # of a sweep's steps: how far back the running mean of the loss remembers
_BEGINS = 0.05        # of a sweep's steps, after which the loss counts as where it began
_HARMLESS = 0.1       # of the critical rate: where the loss is higher than at first below that, it is luck
_VISIBLE = 0.05       # of all that the loss falls by: where it begins to
_POINTS = 100         # of the picture
_FIRST = 5            # steps before time is told, the first of which compiles


def range_test(rig, *, seed=0, steps=(100, 400), repeats=3, critical=None, seconds=math.inf):
    """The rates between which the training loss visibly falls and explodes, in sweeps of ever larger rates.

    The learning-rate range test of Smith 2015 (arXiv:1506.01186) at the present batch size: every step at a rate a fixed factor
    above the last, from a thousandth of the critical rate to ten times that in so many steps, and on until the smoothed loss has
    risen to where it began. It is made with sweeps of two lengths, because what is usually read off it (the rate of the least
    loss, a tenth of that, the rate of the steepest fall) depends on the length: on an exact noisy quadratic without any luck the
    steepest fall moves by a factor of 13 to 22 from 50 to 1,000 steps, and training at these rates takes 1.2 to 21 times as many
    steps as at the best one, or never arrives.

    Args:
        steps: lengths of the sweeps, from `_BELOW` to `_ABOVE` times the critical rate, ascending. repeats: seeds of each.
        critical: the critical rate, where it is known; else it is measured, and where it cannot be, the present rate stands for it.
        seconds: budget, beside compiling: repeats are left out, down to one; where that would overrun it, nothing is measured.

    Returns:
        A `Reading` without unit: `low` to `high` is a bracket, from where the loss has made a twentieth of its fall to where it
        explodes, over all sweeps; `value` is merely its middle, in log, and no pick. Details: the three picks of each length as
        `minimum_100`, `tenth_of_minimum_100`, `steepest_100`, means over seeds in log, and by what factor they differ between the
        shortest and the longest sweep (`minimum_differs`, `steepest_differs`) and between seeds (`steepest_between_seeds`).
        Points are `SweptRate`s of one sweep of each length. `LOWER_BOUND` where nothing exploded, `UNRESOLVED` where the loss
        did not fall or the time is too short. A long training of small batches may want a rate below the bracket.
    """
    require(len(steps) >= 1 and min(steps) >= 20 and list(steps) == sorted(set(steps)), "steps", steps,
            "ascending, at least 20 each")
    require(repeats >= 1, "repeats", repeats, "at least 1")
    size, started = min(rig.present.batch_size, rig.n_examples), perf_counter()
    if critical is None:
        reading = critical_rate(rig, seed=seed, seconds=seconds / 4)
        critical = reading.value if reading.known else None
    about = "the critical rate" if critical is not None else "the present rate, since the critical one is not known"
    critical = rig.present.learning_rate if critical is None else critical
    require(critical > 0, "learning_rate", critical, "above 0 in the compiled optimizer")
    found = {n: [] for n in steps}
    a_step = _seconds_a_step(rig, size)
    for repeat in range(repeats):
        if a_step * sum(steps) > seconds - (perf_counter() - started):
            break
        for n in steps:
            found[n].append(_sweep(rig, size, critical, n, integer(seed, "range_test", repeat)))
    n_seeds = len(found[steps[0]])
    if not n_seeds:
        return _without(f"{sum(steps)} steps of {a_step:.2g} s take longer than {seconds:.2g} s")
    sweeps = [sweep for of_length in found.values() for sweep in of_length]
    if any(sweep is None for sweep in sweeps):
        return _without("the loss did not fall in one of the sweeps", Outcome.UNRESOLVED)
    exploded = all(sweep.exploded for sweep in sweeps)
    low, high = min(sweep.begins for sweep in sweeps), max(float(sweep.rates[-1]) for sweep in sweeps)
    note = f"sweeps of {' and '.join(map(str, steps))} steps around {about}, {n_seeds} of each"
    return Reading(
        name="range_test", value=math.sqrt(low * high), low=low, high=high if exploded else math.inf, repeats=n_seeds,
        outcome=Outcome.OK if exploded else Outcome.LOWER_BOUND, details=_picks(found), note=note,
        points=tuple(point for n in steps for point in found[n][0].points(n)))


class _Sweep:
    """One sweep that fell: its rates, its smoothed losses, and what is read off them."""

    def __init__(self, rates, losses, exploded, begin):
        self.rates, self.losses, self.exploded = np.array(rates), np.array(losses), exploded
        lowest, first = begin + int(np.argmin(self.losses[begin:])), self.losses[begin]
        slopes = np.gradient(self.losses[: lowest + 1], np.log(self.rates[: lowest + 1]))
        above = np.flatnonzero(self.losses[:lowest] > first - _VISIBLE * (first - self.losses[lowest]))
        self.begins, self.minimum, self.steepest = (float(self.rates[place]) for place in (
            above.max(initial=-1) + 1, lowest, int(np.argmin(slopes))))

    def points(self, n_steps):
        every = max(1, -(-len(self.rates) // _POINTS))
        return [SweptRate(learning_rate=float(rate), smoothed_loss=float(loss), n_steps=n_steps)
                for rate, loss in zip(self.rates[::every], self.losses[::every], strict=True)]


def _sweep(rig, size, critical, n_steps, seed):
    """The `_Sweep`; `None` where the loss never falls."""
    factor, keep = (_ABOVE / _BELOW) ** (1 / (n_steps - 1)), 1 - 1 / (_SMOOTHING * n_steps)
    state, mean, rates, losses, rows = rig.fresh(seed), 0.0, [], [], _batches(rig, size, seed)
    begin, exploded = int(_BEGINS * n_steps), False
    while not exploded and (rate := _BELOW * critical * factor ** len(rates)) <= _ABOVE * _FURTHER * critical:
        state, loss = rig.step(state, next(rows), rate)
        mean = keep * mean + (1 - keep) * float(loss)
        smoothed = mean / (1 - keep ** (len(rates) + 1))
        exploded = not np.isfinite(smoothed) or (rate > _HARMLESS * critical and smoothed > losses[begin])
        rates.append(rate)
        losses.append(smoothed if np.isfinite(smoothed) else max(losses, default=0.0))
    return _Sweep(rates, losses, exploded, begin) if len(rates) > begin and min(losses[begin:]) < losses[begin] else None


def _batches(rig, size, seed):
    """Rows of full batches, pass after pass, each in an order of its own."""
    for epoch in range(2**31):
        order = stream(seed, "range_test", epoch).permutation(rig.n_examples)
        yield from order[: rig.n_examples // size * size].reshape(-1, size)


def _seconds_a_step(rig, size):
    state, rows, taken = rig.fresh(0), np.arange(size), []
    for _ in range(_FIRST):
        started = perf_counter()
        state, loss = rig.step(state, rows, 0.0)
        float(loss)
        taken.append(perf_counter() - started)
    return float(np.median(taken[1:]))


def _picks(found):
    """The usual picks of each length, means over seeds in log, and by what factors they differ."""
    details, means = [], {"minimum": [], "steepest": []}
    for n, sweeps in found.items():
        for pick, of_lengths in means.items():
            of_lengths.append(float(np.exp(np.mean([math.log(getattr(sweep, pick)) for sweep in sweeps]))))
        details += [(f"minimum_{n}", means["minimum"][-1]), (f"tenth_of_minimum_{n}", means["minimum"][-1] / 10),
                    (f"steepest_{n}", means["steepest"][-1])]
    details += [(f"{pick}_differs", max(of_lengths) / min(of_lengths)) for pick, of_lengths in means.items()]
    between = max(np.ptp([math.log(sweep.steepest) for sweep in sweeps]) for sweeps in found.values())
    return (*details, ("steepest_between_seeds", float(np.exp(between))))


def _without(note, outcome=Outcome.UNRESOLVED):
    return Reading(name="range_test", outcome=outcome, note=note)


def _sentences(reading, rig):
    rate, details = rig.present.learning_rate, dict(reading.details)
    lengths = sorted(int(name.removeprefix("steepest_")) for name in details if name.removeprefix("steepest_").isdigit())
    where = "lies inside" if reading.low <= rate <= reading.high else "is below" if rate < reading.low else "is above"
    picks = " and ".join(f"{number(details[f'steepest_{n}'])} in {n}" for n in (lengths[0], lengths[-1]))
    return (f"At batch size {rig.present.batch_size:,} useful learning rates lie between {number(reading.low)} and "
            f"{number(reading.high)}; yours, {number(rate)}, {where}.",
            "It does not say which of them is best: what people read from its curve changes with the number of steps: here the "
            f"steepest fall is at {picks} steps (factor {number(details['steepest_differs'])}) and the lowest loss moves by a "
            f"factor of {number(details['minimum_differs'])}; compare short trainings.")


def _options(rig, evidence, budget):  # noqa: ARG001 - as every probe's
    known = evidence.get("critical_rate")
    return {"seconds": 0.1 * budget, "critical": None if known is None else known.value}


RANGE_TEST = Probe(
    name="range_test", title="learning-rate range test", what="training loss while the learning rate rises",
    why="brackets the rates worth trying", cost=lambda budget, program: 2 + program, run=range_test, options=_options,
    least_budget=LEAST_BUDGET, explains=True, sentences=_sentences)
