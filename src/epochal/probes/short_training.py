"""The first updates of a training at the present setting, for what changes while it goes on."""

from time import perf_counter

from ..engine.lanes import Lane
from ..engine.stretch import Stretches
from ..rules.scaling import steps_per_epoch

_EPOCHS, _LEAST, _MOST = 10, 100, 10_000  # passes; updates
_AT_ONCE = 32                             # updates between two looks at the clock


def short(rig):
    """How many updates a short training has: ten passes over the rows, at least 100 updates and at most 10,000."""
    own = min(rig.present.batch_size, rig.n_examples)
    return min(max(_EPOCHS * steps_per_epoch(rig.n_examples, own), _LEAST), _MOST)


def an_epoch(rig):
    """The updates of one pass over the rows, at least 100: after it every row has counted once in an optimizer's averages."""
    return max(_LEAST, steps_per_epoch(rig.n_examples, min(rig.present.batch_size, rig.n_examples)))


def short_training(rig, *, seed, marks, seconds):
    """Train from fresh weights at the present batch size and rates; yield `(n_updates, state)` at each of some numbers of updates.

    Rows come as in trainings elsewhere, without a short last batch. It ends where `seconds` of training, beside compiling,
    are over: with the updates it has then, where they are more than at the last mark. What the caller does between marks
    does not count.
    """
    stretches = Stretches(rig, min(rig.present.batch_size, rig.n_examples), _AT_ONCE)
    training, taken, compiled = stretches.start(Lane(seed, rig.present_schedule)), 0.0, False
    for mark in sorted({*marks}):
        while training.n_updates < mark and taken < seconds:
            begun, n = perf_counter(), _AT_ONCE if compiled else 1
            stretches.advance(training, min(training.n_updates + n, mark))
            rig.wait()
            taken += (perf_counter() - begun) * compiled  # the first one compiles
            compiled = True
        yield training.n_updates, training.state
        if training.n_updates < mark:
            return
