"""Whether another installed back end of Keras trains the model faster with Keras' own `fit` at one batch size."""

import math
from time import perf_counter

from ..base.backends import BACKENDS, environment_of, installed
from ..base.isolated import Isolated
from ..base.text import number
from ..records import BackEndTime, Outcome, Reading
from ..seam.machine import compiling_anew
from ..seam.model.description import from_description
from ..seam.rows import leaves, over
from .probe import Probe
from .step_time import call_lengths, in_turns

_RESOLUTION = 0.1       # seconds that one timing must last
_REPEATS = 5
_MOST_BATCHES = 64      # of an epoch, and
_MOST_BYTES = 64e6      # all of them together, beyond one batch
_A_PROCESS = 10.0       # seconds: it takes 3 to 6 to be ready, and compiles
_LEAST_BUDGET = 120.0   # seconds: within fewer, trainings need the time more
_BUSY = "the machine was too busy: longer calls of fit took no longer than short ones"


def back_ends(rig, *, seed=0, size=None, compilation=None, seconds=60.0):  # noqa: ARG001 - nothing is drawn
    """How many times sooner a step of Keras' own `fit` ends on the fastest of the other installed back ends.

    Each of them trains a new model of the same description on the first training rows in a process of its own, one after the other;
    here a copy of the model is trained on the same rows in the same way. What is learnt differs: sums are rounded in other ways,
    and random numbers are others.

    Args:
        size: the batch size, by default the present one. compilation: seconds before the first update here; `None` where not
            known. seconds: for all of them; a process that takes longer than its share of what is left is ended.

    Returns:
        A `Reading` in times, of the fastest other back end over the one in use, with a `BackEndTime` for each, that in use first;
        the note says which were not timed, and why. `UNSUPPORTED` where no other is installed, or the model is not made of Keras'
        own parts alone; `UNRESOLVED` where no other could be timed. Holds for `fit` on this machine under today's load; whether it
        pays against the seconds of compiling, and starting anew, is another question.
    """
    ends, here = perf_counter() + seconds, rig.machine.backend
    others, description = [name for name in installed() if name != here], rig.description()
    if not others or description is None:
        why = "not all of the model is Keras' own" if others else "no other back end of Keras is installed"
        return Reading(name="back_ends", outcome=Outcome.UNSUPPORTED, note=why)
    size = min(rig.present.batch_size if size is None else size, rig.n_examples)
    sample = _sample(rig, size)
    whole = len(leaves(sample)[0]) // size
    took = _timed(lambda size, n: rig.fit_seconds(size, n, n_rows=whole * size), size, whole)
    if min(took) <= 0:
        return Reading(name="back_ends", outcome=Outcome.UNRESOLVED, note=_BUSY)
    points, failed = [_point(size, here, took, compilation)], []
    for n_done, name in enumerate(others):
        most = max(0.0, ends - perf_counter()) / (len(others) - n_done)
        outcome = Isolated(most, environment=environment_of(name)).run(
            f"{__name__}:{seconds_there.__name__}", description, sample, size, most / 4)
        if outcome.failure or min(outcome.value[0]) <= 0:
            failed.append(f"{BACKENDS[name].title} was not timed: {outcome.sentence or _BUSY}")
        else:
            points.append(_point(size, name, *outcome.value))
    note = "; ".join(failed)
    if len(points) == 1:
        return Reading(name="back_ends", outcome=Outcome.UNRESOLVED, note=note)
    best = min(points[1:], key=lambda point: point.seconds)
    return Reading(name="back_ends", value=points[0].seconds / best.seconds, low=points[0].low / best.high,
                   high=points[0].high / best.low, repeats=len(took), points=tuple(points), note=note)


def seconds_there(description, sample, size, seconds):
    """Seconds a step of Keras' own `fit`, timing by timing, and seconds of compiling, on the back end of this process.

    Run in a process of its own. After so many `seconds` each thing is timed three times instead of five.
    """
    ends, model, n_rows = perf_counter() + seconds, from_description(description), len(leaves(sample)[0])
    whole, one_of_each = n_rows // size, over(lambda leaf: leaf[-(size + n_rows % size):], sample)

    def fit(rows, n_epochs, **validation):
        (x, y, weight), start = rows, perf_counter()
        model.fit(x, y, sample_weight=weight, batch_size=size, epochs=n_epochs, verbose=0, **validation)
        return perf_counter() - start

    def clock(_, n):
        steps = min(n, whole)
        n_epochs = -(-n // steps)
        return fit(over(lambda leaf: leaf[: steps * size], sample), n_epochs) * n / (n_epochs * steps)

    held_out = {"validation_data": over(lambda leaf: leaf[:size], sample), "validation_batch_size": size}
    with compiling_anew():
        first = fit(one_of_each, 1, **held_out)
    compilation = max(0.0, first - fit(one_of_each, 1, **held_out))
    return _timed(clock, size, whole, ends), compilation


def _sample(rig, size):
    """The first training rows: full batches, of so many bytes at most, but one at least; and as many rows as the last batch has."""
    a_batch = sum(leaf.nbytes for leaf in leaves(rig.sample(size)))
    n_batches = max(1, min(_MOST_BATCHES, rig.n_examples // size, int(_MOST_BYTES // max(1, a_batch))))
    return rig.sample(n_batches * size + rig.n_examples % size)


def _timed(clock, size, whole, until=math.inf):
    lengths, _ = call_lengths(clock, size, whole, _RESOLUTION)
    return in_turns(clock, {size: lengths}, _REPEATS, until)[size]


def _point(size, name, took, compilation):
    took = sorted(took)
    return BackEndTime(batch_size=size, backend=name, seconds=took[len(took) // 2], low=took[0], high=took[-1],
                       compile_seconds=compilation)


def _sentences(reading, rig):  # noqa: ARG001
    here, best = reading.points[0], min(reading.points[1:], key=lambda point: point.seconds)
    named, size = BACKENDS[best.backend].title, f"{here.batch_size:,}"
    if reading.low > 1:
        means = (f"On {named} a step of `fit` at batch size {size} takes {number(1 / reading.value)} of the time here: epochs cost "
                 "less there.")
    elif reading.high < 1:
        means = (f"No other installed back end is faster at batch size {size}; the next, {named}, takes "
                 f"{number(1 / reading.value)} times as long.")
    else:
        means = f"{named} was not told to be faster or slower at batch size {size}."
    return means, ("It does not mean that the batch size or learning rate to choose is another there: updates are the same but for "
                   "rounding and random numbers; and other batch sizes may compare otherwise.")


BACK_ENDS = Probe(
    name="back_ends", title="`fit` on another back end", what="time per batch of `fit` on each other installed back end",
    why="some models train several times faster on another",
    cost=lambda budget, program: _A_PROCESS * max(1, len(installed()) - 1),
    run=back_ends, least_budget=_LEAST_BUDGET, offered=lambda: len(installed()) > 1, of_keras=True,
    price="thorough", sentences=_sentences)
