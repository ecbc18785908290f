"""How long a training step takes, by batch size."""

import numpy as np

from ..base.stats import fieller, line_fit
from ..base.text import counted, number, quantity
from ..records import Outcome, Reading
from ..rules.plan.propose import batch_sizes, visiting_order
from ..rules.training.predict_size import SHARE, smallest_near_best
from .probe import Probe, largest_that_fits
from .step_time import FEWEST_SIZES, race, sizes_up_to


def throughput(rig, *, seed=0, largest=None, sizes=None, seconds=15.0):  # noqa: ARG001 - nothing is drawn
    """The machine's critical batch size t0 / c, from the seconds a step of Keras' own `fit` takes: t(B) = t0 + c B.

    Below it a step's fixed cost rules and a larger batch costs little; above it every example is paid for. Compiling, the
    overhead of a call of `fit`, and short last batches are not in it; sizes take turns, and each counts by its median. What
    `fit` spends on starting an epoch is in it where epochs are short: it is paid once per pass over the examples, so it
    belongs to c, and few rows then make t0 / c much smaller than on the bare machine. The line is fitted with equal relative
    errors, and its interval (Fieller 1954) comes from how far the sizes lie off it: a curve that is no line gets a wide one.

    Args:
        largest: the largest batch to try, e.g. what fits in memory; at most (and by default) all training rows.
        sizes: the batch sizes to time, the important ones first; by default powers of two times 8, up to `largest`.
        seconds: budget; sizes are left out rather than repeats, and three of each are always taken.

    Returns:
        A `Reading` in examples, a `StepTime` for each size, and details: `t0` (s), `c` (s an example),
        `knee` (smallest measured batch within 10 % of the best throughput), `knee_low` and `knee_high` (the smallest and the
        largest measured size that may be it: whose fastest repeat, or slowest, is within 10 % of the best median), `best`
        (examples/s). `LOWER_BOUND` where c is
        not told from zero; `UNRESOLVED` where there are rows for fewer than three sizes. Holds for `fit` on this machine
        under today's load, not for an engine that runs many steps in one program.
    """
    largest = rig.n_examples if largest is None else max(1, min(int(largest), rig.n_examples))
    sizes = sizes_up_to(largest) if sizes is None else [int(size) for size in sizes if size <= largest]
    if len(sizes) < FEWEST_SIZES:
        return Reading(name="throughput", unit="examples", outcome=Outcome.UNRESOLVED,
                       note=f"batches of at most {largest} leave too few sizes to compare")
    timed = race(rig.fit_seconds, sizes, whole=lambda size: rig.n_examples // size, seconds=seconds)
    if (unresolved := timed.unresolved("throughput", "examples", "fit")) is not None:
        return unresolved
    t0, c, low, high = _line(timed.sizes, timed.median)
    per_example = timed.median / timed.sizes
    knee, knee_low, knee_high = _knee(timed.sizes, timed.seconds.T / timed.sizes)
    bounded = np.isfinite(high)
    notes = [f"{counted(timed.skipped, 'batch size')} left out, to stay inside the budget"] * (timed.skipped > 0)
    notes += ["what an example costs was not told from zero: steps cost alike, or the machine was busy"] * (not bounded)
    return Reading(
        name="throughput", value=t0 / c if c > 0 else low, unit="examples", low=low, high=high,
        repeats=timed.seconds.shape[1], outcome=Outcome.OK if bounded else Outcome.LOWER_BOUND, points=timed.step_times(),
        details=(("t0", t0), ("c", c), ("knee", knee), ("knee_low", knee_low), ("knee_high", knee_high),
                 ("best", float(1 / per_example.min()))),
        note="; ".join(notes))


def _line(sizes, medians):
    """t0 and c, neither negative, with the interval of their ratio."""
    fit = line_fit(sizes, medians, 1 / medians**2)
    t0, c, cov = fit.intercept, fit.slope, fit.covariance
    low, high = fieller(t0, c, cov[0, 0], cov[0, 1], cov[1, 1], fit.degrees)
    if c <= 0:  # a larger batch is no slower: the best horizontal line
        return float(np.average(medians, weights=1 / medians**2)), 0.0, max(low, 0.0), np.inf
    if t0 <= 0:  # a step has no fixed cost: the best line through the origin
        return 0.0, float(np.sum(sizes / medians) / np.sum((sizes / medians) ** 2)), 0.0, max(high, 0.0)
    return t0, c, max(low, 0.0), high


def _knee(sizes, per_example):
    """The smallest size within 10 % of the best throughput, by medians; and by the fastest and by the slowest repeat of each size.

    `per_example`: float[n_repeats, n_sizes], seconds. The median of a size lies between its fastest and slowest of five
    repeats in 94 % of cases.
    """
    medians, best = np.median(per_example, axis=0), float(np.median(per_example, axis=0).min()) / SHARE["throughput"]
    low, high = sizes[per_example.min(0) <= best], sizes[per_example.max(0) <= best]
    knee = float(smallest_near_best(sizes, medians))
    return knee, min(knee, float(low.min())), max(knee, float(high.min()) if len(high) else float(sizes[-1]))


def _sentences(reading, rig):
    knee, present = int(reading.detail("knee")), rig.present.batch_size
    span = ("" if reading.detail("knee_low") == reading.detail("knee_high")
            else f" (between {reading.detail('knee_low'):,.0f} and {reading.detail('knee_high'):,.0f} by the repeats)")
    an_example = (f"{quantity('s', reading.detail('c'))} an example" if reading.outcome is Outcome.OK
                  else "so little an example that it was not told from nothing")
    if present >= reading.detail("knee_high"):
        means = (f"From batches of {knee:,}{span} on the machine does within 10 % of its best examples a second: beyond the "
                 f"present {present:,} an epoch hardly gets shorter.")
    else:
        means = (f"Up to batches of {knee:,}{span} a larger batch makes an epoch shorter on this machine: a step costs "
                 f"{quantity('s', reading.detail('t0'))}, however few examples are in it, and {an_example} beside"
                 + (f", which is as much again at {number(reading.value)} examples." if reading.outcome is Outcome.OK else "."))
    return means, ("It does not mean that training is done sooner by as much: a larger batch makes fewer updates in an epoch, and "
                   "its learning rate has to be found anew.")


def _options(rig, evidence, budget):
    """The batch sizes that will be compared, where they are enough for a line."""
    largest = largest_that_fits(evidence)
    sizes = visiting_order(batch_sizes(rig.present.batch_size, rig.n_examples, largest), rig.present.batch_size)
    return {"seconds": 0.15 * budget, "sizes": sizes if len(sizes) >= FEWEST_SIZES else None, "largest": largest}


THROUGHPUT = Probe(
    name="throughput", title="hardware batch size, where half of a step is fixed cost",
    what="time per batch of `fit`, for several batch sizes",
    why="tells what a larger batch costs here", cost=lambda budget, program: min(0.25 * budget, 5 + 6 * program), run=throughput,
    options=_options, sentences=_sentences)
