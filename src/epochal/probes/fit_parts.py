"""What a training takes beside its updates: compiling, and the passes over the validation rows."""

import math
from time import perf_counter

import numpy as np

from ..base.text import quantity
from ..records import Outcome, PassTime, Reading
from .probe import LEAST_BUDGET, SMALL_PROGRAM, Probe, largest_that_fits

_PASSES = 2           # validation passes in one timing
_REPEATS = 3          # timings of a batch size
_KERAS = 5            # times as long as one of ours do its programs take, to train and to validate, where that is long
_TWO_SIZES = 60.0     # seconds of a budget from which a second size is timed


def compilation(rig, *, seed=0):  # noqa: ARG001 - nothing is drawn
    """Seconds that the first `fit` of a model takes before its first update, at the present batch size.

    One measurement: the first call less a second one, with the programs of validation and of a short last batch. Programs kept
    by an earlier run of Epochal are not used, since a plain Keras script finds none.
    """
    seconds = rig.compile_seconds(rig.present.batch_size)
    return Reading(name="compilation", value=seconds, unit="s", low=seconds, high=seconds, repeats=1)


def validation(rig, *, seed=0, sizes=None, seconds=math.inf):  # noqa: ARG001 - nothing is drawn
    """Seconds of one validation pass of Keras' `fit`, whose batches are as large as those of training.

    Args:
        sizes: batch sizes, by default the present one. seconds: after which each size is timed no further.

    Returns:
        A `Reading` in seconds of the first of `sizes`, with a `PassTime` for each: median,
        fastest and slowest. `UNRESOLVED` where the machine was too busy: epochs with validation took no longer than those without.
    """
    points, repeats = [], 0
    for size in dict.fromkeys(min(size, rig.n_examples) for size in sizes or (rig.present.batch_size,)):
        rig.validation_seconds(size, 1)  # compiles
        timed, begun = [], perf_counter()
        while len(timed) < _REPEATS and (not timed or perf_counter() - begun < seconds):
            timed.append(rig.validation_seconds(size, _PASSES) / _PASSES)
        if np.median(timed) > 0:
            repeats = repeats or len(timed)
            points.append(PassTime(batch_size=size, seconds_a_pass=float(np.median(timed)), low=max(min(timed), 0.0),
                                   high=max(timed)))
    if not points:
        return Reading(name="validation", unit="s", outcome=Outcome.UNRESOLVED,
                       note="the machine was too busy: epochs with validation took no longer than those without")
    first = points[0]
    return Reading(name="validation", value=first.seconds_a_pass, unit="s", low=first.low, high=first.high, repeats=repeats,
                   points=tuple(points))


def _sizes(rig, evidence, budget):
    present = min(rig.present.batch_size, rig.n_examples)
    larger = min(16 * present, largest_that_fits(evidence) or rig.n_examples)
    return {"sizes": (present, larger) if budget >= _TWO_SIZES and larger > present else (present,)}


def _sentences_of_compilation(reading, rig):
    return (f"Every batch size that is trained for the first time costs {quantity('s', reading.value)} before its first update "
            f"(so long at {rig.present.batch_size:,}): another size has to save as much in its epochs.",
            "It does not mean that each epoch is so much longer, and it says nothing about how a batch size learns.")


def _sentences_of_validation(reading, rig):  # noqa: ARG001
    return (f"Every epoch ends with {quantity('s', reading.value)} of validation, whatever the number of updates in it: more "
            "epochs, as a larger batch needs for as many updates, pay it more often.",
            "It does not mean that validating less often changes what is learnt; early stopping only sees it later.")


COMPILATION = Probe(
    name="compilation", title="compilation before the first update", what="seconds that `fit` compiles",
    why="part of what a training takes", cost=lambda budget, program: (2 if program <= SMALL_PROGRAM else _KERAS) * program,
    run=compilation, least_budget=LEAST_BUDGET, price="normal", sentences=_sentences_of_compilation)

VALIDATION = Probe(
    name="validation", title="one pass over the validation rows", what="seconds of a validation pass of `fit`",
    why="part of what a training takes", cost=lambda budget, program: program, run=validation, options=_sizes,
    least_budget=LEAST_BUDGET, price="normal", sentences=_sentences_of_validation)
