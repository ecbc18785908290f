"""The learning rate with the lowest validation loss after short trainings, at the present batch size."""

import math

from ...base.text import number
from ...base.validate import require, whole_number
from ...engine.guard import memory_guard
from ...records import Outcome, Reading
from ...rules.plan.learning_rates import MOST_RATES
from ..probe import LEAST_BUDGET, Probe
from .trainings import horizon, search

_SHORT = ("Not the best rate of a longer training: short ones favour rates that lower the loss soon, and with a constant rate a "
          "long training of small batches wants a lower one, since noise decides its end.")


def best_rate(rig, *, seed=0, epochs=10, repeats=5, seconds=math.inf):
    """The constant learning rate with the lowest validation loss after a short training at the present batch size.

    Rates half a decade apart, as many seeds at each (initial weights, dropout, order of rows), widened until the best lies
    between others, then some closer to it; the lowest point of a parabola in log rate (`rules.rates.optimum`). Trainings that
    diverge count as worse than any other, and end nothing else.

    Args:
        epochs: that each training has, where the time allows; all have the same. repeats: seeds, at least 3.
        seconds: budget, beside compiling: fewer epochs, then fewer seeds, then a part of an epoch of at least 20 updates.

    Returns:
        A `Reading` without unit. The interval is over seeds, as `optimum` tells: a parabola's lowest point, or where there is none
        the nearest rates shown to be worse. It holds the truth in 93 to 97 % of cases where it spans less than a factor
        of 1.7, in 91 % where it spans more; on exact noisy quadratics a parabola is off by up to 0.04 decades, 10 %, more.
        `LOWER_BOUND` where the highest rate tried is the best; `UNRESOLVED` where the lowest one is, where the time is too
        short, or where seeds bound the rate on no side; `DIVERGED` where every rate diverged. Details: `epochs`, `n_updates`,
        `loss` at the best rate tried, `loss_at_present`. Points are `TrainedRate`s.
    """
    whole_number("epochs", epochs)
    whole_number("repeats", repeats, 3)
    require(rig.present.learning_rate > 0, "learning_rate", rig.present.learning_rate, "above 0 in the compiled optimizer")
    size = min(rig.present.batch_size, rig.n_examples)
    with memory_guard(rig) as guard:
        within = horizon(rig, [size], epochs=epochs, repeats=repeats, seconds=seconds)
    if guard.ran_out:
        return _without(f"there is no memory for a batch of {size:,} examples", Outcome.OUT_OF_MEMORY)
    if within is None:
        return _without(f"20 updates at each of {MOST_RATES - 1} rates take longer than {seconds:.2g} s")
    done = search(rig, size, within, seed=seed, centre=rig.present.learning_rate, seconds=max(seconds, 1e-9))
    return _reading(rig, within, done)


def _reading(rig, within, done):
    found = done.found if done.losses else None
    if not done.losses:
        return _without(done.cut)
    if found is None:
        return _without(f"every rate down to {number(min(done.losses))} diverged", Outcome.DIVERGED, done)
    best = min(done.losses, key=lambda rate: done.losses[rate].mean())
    present = done.losses.get(rig.present.learning_rate)
    loss = float(done.losses[best].mean())
    details = [("epochs", within.n_examples / rig.n_examples),
               ("n_updates", float(within.batches[done.batch_size].steps_per_epoch(rig.n_examples)
                                   * within.batches[done.batch_size].n_epochs)), ("loss", loss)]
    if present is not None and math.isfinite(present.mean()):
        details.append(("loss_at_present", float(present.mean())))
    how = "lowest point of a parabola in log rate" if found.is_vertex else "best rate tried, between the nearest shown to be worse"
    seen = f"over {within.epochs_in_words(rig)}, {within.n_seeds} seeds; {how}"
    outcome, low, high = Outcome.OK, found.low, found.high
    if not done.interior:
        edge = "highest" if best == max(done.losses) else "lowest"
        if edge == "lowest":
            return _without(f"the lowest rate tried, {number(best)}, was the best one {seen}; {done.cut or 'none lower was tried'}",
                            Outcome.UNRESOLVED, done)
        outcome, low, high = Outcome.LOWER_BOUND, max(found.low, 0.0), math.inf
        seen = f"the highest rate tried was the best one, {seen}"
    elif found.low == 0 or math.isinf(found.high):
        sides = "lower" if found.low == 0 and math.isfinite(found.high) else "higher" if found.low > 0 else "other"
        return _without(f"no {sides} rate is shown to be worse than {number(found.rate)} {seen}; allow more repeats or epochs",
                        Outcome.UNRESOLVED, done)
    return Reading(name="best_rate", value=found.rate, low=low, high=high, repeats=within.n_seeds, outcome=outcome,
                   details=tuple(details), points=done.points(), note="; ".join(filter(None, (seen, done.cut))))


def _without(note, outcome=Outcome.UNRESOLVED, done=None):
    return Reading(name="best_rate", outcome=outcome, note=note, points=done.points() if done else ())


def _sentences(reading, rig):
    present, epochs = rig.present.learning_rate, dict(reading.details)["epochs"]
    over = f"Over {epochs:.3g} epoch{'s' * (epochs != 1)} at batch size {rig.present.batch_size:,}"
    if reading.outcome is Outcome.LOWER_BOUND:
        return (f"{over} rates of {number(reading.low)} and more leave the lowest validation loss; yours is {number(present)}.",
                _SHORT)
    yours = ("yours, {}, lies among them" if reading.low <= present <= reading.high else
             "yours, {}, is lower" if present < reading.low else "yours, {}, is higher").format(number(present))
    return (f"{over} a learning rate of {number(reading.value)} ({number(reading.low)} to {number(reading.high)}) leaves the "
            f"lowest validation loss; {yours}."), _SHORT


BEST_RATE = Probe(
    name="best_rate", title="best learning rate", what="validation loss by learning rate, short trainings",
    why="the rate to train with at this batch size", cost=lambda budget, program: 0.3 * budget + 2 * program, run=best_rate,
    options=lambda rig, evidence, budget: {"seconds": 0.3 * budget}, least_budget=LEAST_BUDGET, price="normal",
    sentences=_sentences)
