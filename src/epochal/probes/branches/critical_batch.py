"""The largest batch with which one training goes on as well as with the present one, by branches from one state."""

import math
from contextlib import suppress
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import NamedTuple

import numpy as np

from ...base.errors import MeasurementFailed
from ...base.seeds import integer
from ...base.text import number
from ...base.validate import positive_number, require, whole_number
from ...engine import N_HALVES, Batches, Lane, measure_mode, train
from ...engine.guard import memory_guard
from ...engine.stretch import Stretches
from ...records import Outcome, Reading
from ...rules.branches import Branch, by_branches
from ...rules.critical_batch import agreement
from ...rules.plan.decide import decide
from ...rules.scaling import seed_rate
from ..probe import LEAST_BUDGET, Probe, largest_that_fits

_BRACKET = (0.5, 1.0, 2.0)  # of the rate that the rule for the optimizer says
_N_TRIALS = 3               # seeds that choose a rate; others train at it
_WIDER = 3                  # further rates at most, by factors of two, while the best is at an edge
_WIDENING = 1.3             # times the bracket alone, on average
_MOST_DOUBLINGS = 6
_MOST_TRUNK = 2000          # updates


class Known(NamedTuple):
    """What other readings say.

    Attributes:
        largest: the largest batch that fits in memory; `None` where that is not known.
        rate: the learning rate to begin at; `None` for the present one.
        law: the reading `critical_batch` from steps to a target, where a plan has one: a contradiction is said.
    """

    largest: int | None = None
    rate: float | None = None
    law: Reading | None = None


_NOTHING = Known()


def branched_batch(rig, *, seed=0, updates=None, least_updates=10, repeats=8, known=_NOTHING, seconds=math.inf):
    """The largest batch size whose branch of a training ends no worse than that of the present one, after the same examples.

    From one state, the weights and optimizer after a short training at the present setting, the training goes on with the
    present batch size B and with 2B, 4B, 8B and so on: the same examples in the same order, several seeds of it, the learning
    rate of each the best of a few around k (plain SGD) or √k times the present one (others), widened while the best is at an edge;
    three seeds choose it, others train at it. Merrill et al. 2025 (arXiv:2505.23971) compare smoothed training losses
    by a fixed tolerance; here it is the validation loss, by a test of non-inferiority against a margin declared beforehand, in
    fixed sequence (`rules.branches`). The margin is 1 % of what the loss of the present batch size falls by over the window. That
    is a matter of choice and strict: where the loss falls steadily, a branch that takes 1 % more examples loses it, so the answer
    is much smaller than the B_crit of steps to a target, at which a branch takes twice as many. Five margins are told beside it.

    Args:
        updates: of the training before the branches, by default those of two epochs, at most 2,000. 0 branches at newly drawn
            weights, where the critical batch size is smallest.
        least_updates: of the branch with the largest batch, which fixes the window.
        repeats: seeds, at least 5; beside 3 that choose rates.
        known: what other readings say. The largest batch tried is at most the training rows, and 64 times the present size.
        seconds: budget, beside compiling; larger batches, which need a longer window, are left out, and nothing is measured where
            not even twice the present size is affordable.

    Returns:
        A `Reading` in examples, see `by_branches`; its points are `BranchLoss`es. About the stage of training at which it branches:
        later it is larger. A branch of fewer steps than Adam's second moments remember (693 at β₂ = 0.999) still has the moments
        of the present batch size; where the model has batch normalisation, few updates leave its moving statistics behind, which
        counts against large batches. Dropout draws alike in all seeds. `UNRESOLVED` where time or rows allow no branch, or the
        seeds show neither.
    """
    whole_number("repeats", repeats, 5)
    whole_number("least_updates", least_updates)
    rate = rig.present.learning_rate if known.rate is None else known.rate
    positive_number("rate", rate)
    require(updates is None or updates >= 0, "updates", updates, "0 or more")
    started, size = perf_counter(), min(rig.present.batch_size, rig.n_examples)
    most = min(rig.n_examples if known.largest is None else known.largest, rig.n_examples)
    sizes = [size * 2**i for i in range(1, _MOST_DOUBLINGS + 1) if size * 2**i <= most]
    if not sizes:
        return _without(f"no batch of twice the present size, {2 * size:,}, fits in the rows or in memory")
    with memory_guard(rig) as guard:
        how = measure_mode(rig, size, _N_TRIALS * len(_BRACKET))
    if guard.ran_out:
        return _without(f"there is no memory for a batch of {size:,} examples", Outcome.OUT_OF_MEMORY)
    a_step = _WIDENING * how.step_seconds(_N_TRIALS * len(_BRACKET)) + how.step_seconds(repeats)
    while sizes and _cost(len(sizes), least_updates * sizes[-1] / size, a_step) > seconds:
        sizes.pop()
    if not sizes:
        n_lanes = _N_TRIALS * len(_BRACKET) + repeats
        return _without(f"{2 * least_updates} updates of {n_lanes} trainings at each batch size take longer than {seconds:.2g} s")
    n_trunk = min(2 * -(-rig.n_examples // size), _MOST_TRUNK) if updates is None else updates
    state = _trunk(rig, size, rate, n_trunk, integer(seed, "branches", "trunk"))
    before = float(np.mean(rig.evaluate(state)[:N_HALVES, 0]))
    if not math.isfinite(before):
        return _without("the training before the branches diverged", Outcome.DIVERGED)
    batches = partial(_window, n_examples=rig.n_examples, least=least_updates * sizes[-1], largest=sizes[-1])
    seeds = [integer(seed, "branches", i) for i in range(_N_TRIALS + repeats)]
    n_examples = batches(size).n_epochs * batches(size).rows_per_epoch(rig.n_examples)
    branches, limit, last = [], _limit(sizes, most, rig, seconds), 0.0
    for one in (size, *sizes):
        if branches and perf_counter() - started + last > 1.5 * seconds:
            limit = "larger batches were left out, to stay inside the budget"
            break
        began = perf_counter()
        centre = seed_rate(rate, size, one, rig.task.optimizer)
        branch = _branch(rig, state, batches(one), centre, seeds, how if one == size else None)
        if branch is None:
            limit = f"there is no memory for a batch of {one:,} examples"
            break
        branches.append(branch)
        last = perf_counter() - began
        found = by_branches(branches, before, n_examples, "")
        if found.known and math.isfinite(found.high):
            break
    if not branches:
        return _without(limit)
    found = by_branches(branches, before, n_examples, limit)
    fresh = "from newly drawn weights, where the critical batch size is smallest" if n_trunk == 0 else f"after {n_trunk:,} updates"
    lagging = "moving statistics of batch normalisation count against few updates" if rig.task.normalises_over_batch else ""
    return replace(found, note="; ".join(filter(None, (found.note, fresh, lagging, agreement(found, known.law)))))


def _cost(n_sizes, n_updates, a_step):
    """Seconds that the branches take at most, about: as many at every batch size as at the present one, of so many updates."""
    return (n_sizes + 1) * n_updates * a_step


def _limit(sizes, most, rig, seconds):
    """Why no larger batch than these is tried."""
    if len(sizes) == _MOST_DOUBLINGS:
        return f"no batch of more than {2**_MOST_DOUBLINGS} times the present size is tried"
    if 2 * sizes[-1] <= most:
        return f"a window for larger batches would take longer than {seconds:.2g} s"
    return "larger batches do not fit in the rows" if most == rig.n_examples else "larger batches do not fit in memory"


def _trunk(rig, size, rate, n_updates, seed):
    """The state that all branches begin at."""
    engine = Stretches(rig, size, max(1, n_updates))
    training = engine.start(Lane(seed, rate))
    engine.advance(training, n_updates)
    return training.state


def _window(batch_size, *, n_examples, least, largest):
    """`Batches` of at least so many examples, in two halves of full batches, or in an even number of whole epochs."""
    if least <= n_examples:
        n_rows = -(-(least // 2) // largest) * largest
        if 2 * n_rows <= n_examples:
            return Batches(batch_size, 2, n_rows)
    return Batches(batch_size, 2 * math.ceil(least / n_examples / 2))


def _branch(rig, state, batches, centre, seeds, how):
    """The `Branch` of one batch size at the best of several rates, which some seeds choose and others train at.

    Were it the same seeds, the best of equal rates would look better than it is, at every batch size by another amount. `None`
    where memory ran out.
    """
    chosen, wanted = {}, [centre * factor for factor in _BRACKET]
    if how is None:
        with memory_guard(rig) as guard:
            how = measure_mode(rig, batches.batch_size, _N_TRIALS * len(_BRACKET), n_rows=batches.n_rows)
        if guard.ran_out:
            return None
    while wanted:
        runs = train(rig, [Lane(seed, one, start=state) for one in wanted for seed in seeds[:_N_TRIALS]], batches, how=how)
        if any(run.outcome is Outcome.OUT_OF_MEMORY for run in runs):
            return None
        for i, one in enumerate(wanted):
            chosen[one] = float(_losses(runs[i * _N_TRIALS : (i + 1) * _N_TRIALS], -1, batches.n_epochs).mean())
        rates, best = sorted(chosen), min(chosen, key=lambda rate: chosen[rate])
        room = len(rates) < len(_BRACKET) + _WIDER
        wanted = [best / 2] if room and best == rates[0] else [best * 2] if room and best == rates[-1] else []
    runs = train(rig, [Lane(seed, best, start=state) for seed in seeds[_N_TRIALS:]], batches, how=how)
    ends, half = (_losses(runs, at, batches.n_epochs) for at in (-1, batches.n_epochs // 2 - 1))
    n_updates = batches.n_epochs * batches.steps_per_epoch(rig.n_examples)
    return Branch(batches.batch_size, n_updates, best, ends, half, edge=best in (rates[0], rates[-1]))


def _losses(runs, at, n_epochs):
    """float[n_seeds, n_blocks]: the validation losses of blocks of rows after an epoch (of the halves, where there are no blocks);
    infinite where a branch diverged."""
    def of(run):
        blocks = run.blocks[at].ravel() if run.blocks.size else run.figures[at, :N_HALVES, 0]
        return np.asarray(blocks, float)

    ends = [of(run) if run.outcome is Outcome.OK and len(run.figures) == n_epochs else None for run in runs]
    n_blocks = next((len(end) for end in ends if end is not None), 1)
    return np.stack([np.full(n_blocks, np.inf) if end is None else end for end in ends])


def _without(note, outcome=Outcome.UNRESOLVED):
    return Reading(name="branched_batch", unit="examples", outcome=outcome, note=note)


def _sentences(reading, rig):
    present, examples = rig.present.batch_size, int(reading.detail("n_examples"))
    over = f"over the next {examples:,} examples of a training at batch size {present:,}"
    low, high = number(reading.low), number(reading.high)
    if reading.outcome is Outcome.LOWER_BOUND:
        means = (f"Batches of {low} learn as much from each example as batches of {present:,}, {over}; how much larger ones may be "
                 "was not found.")
    elif reading.low <= present:
        means = (f"Batches of {high} learn less from each example than batches of {present:,}, {over}; for none of those between "
                 "is it shown that they learn as much.")
    else:
        means = (f"Batches of {low} learn as much from each example as batches of {present:,}, {over}, and batches of {high} learn "
                 "less: between the two lies the largest batch that wastes none.")
    return means, ("Not the batch size that trains fastest, which depends on seconds too, nor one for another stage of training: "
                   "the critical batch size grows as the loss falls.")


def _options(rig, evidence, budget):  # noqa: ARG001 - as every probe's
    rate = evidence.get("best_rate")
    good = rate is not None and rate.outcome is Outcome.OK
    known = Known(largest_that_fits(evidence), rate.value if good else None, _law(evidence))
    return {"seconds": 0.4 * budget, "known": known}


def _law(evidence):
    """The critical batch size from steps to a target, where trainings to the end are known; else `None`."""
    if evidence.of("present"):
        with suppress(MeasurementFailed):
            return next((reading for reading in decide(evidence).derived if reading.name == "critical_batch"), None)
    return None


BRANCHED_BATCH = Probe(
    name="branched_batch", title="largest batch that learns as much from each example", what="branches with larger batches",
    why="beyond it a larger batch wastes examples", cost=lambda budget, program: 0.4 * budget + 7 * program, run=branched_batch,
    options=_options, least_budget=LEAST_BUDGET, price="thorough", sentences=_sentences)
