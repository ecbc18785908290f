"""Whether another installed back end of Keras would train this model much faster: measured once, and said with how to switch."""

import numpy as np

from ...base.backends import BACKENDS, environment_of, installed
from ...base.isolated import Isolated
from ...base.text import number
from ...records.finding import Finding
from ...seam.model.description import described, from_description
from ...seam.rows import leaves, over
from ...seam.trainee import build_for_training, open_trainee
from ..feeds.batches import Batching
from ..feeds.sources import feed_of
from .modes import Modes, likely_best_first, memory_of

_WORTH_SECONDS = 600.0  # of training: a process with another back end takes 3 to 6 to be ready, and compiles
_MOST_SECONDS = 60.0    # for one back end, and
_SHARE = 50             # all of them together no more than so small a part of the training
_LONGEST = 200          # characters of a sentence that is remembered
_GAIN = 0.7             # of the time: less of a gain is not worth a restart, and other rounding


def faster_back_end(request, trainee, feed, mode, n_updates) -> Finding | None:
    """What to tell a user whose long training would be much shorter on another installed back end; `None`: nothing is known.

    The others are timed on a few batches, each in a process of its own, where the training is to take ten minutes or more and the
    model is made of Keras' own parts alone. What was found is remembered for the model, batch size and machine.
    """
    if not n_updates or not mode.step_seconds or mode.step_seconds * n_updates < _WORTH_SECONDS:
        return None
    memory = memory_of(request.model, trainee, feed, what="back_ends")
    found = memory.read()
    if not found:
        description = described(request.model)
        most = mode.step_seconds * n_updates / _SHARE / max(1, len(installed()) - 1)
        found = {} if description is None else _timed(description, trainee.backend, feed, request.micro_batch_size,
                                                      min(most, _MOST_SECONDS))
        memory.write(found)
    seconds = {name: taken for name, taken in found.items() if name in BACKENDS and isinstance(taken, float)}
    best = min(seconds, key=seconds.get, default=None)
    if best is None or not seconds[best] < _GAIN * mode.step_seconds:
        return None
    title = BACKENDS[best].title
    return Finding("faster back end", "note",
                   f"On {title} an epoch of this model takes about {number(seconds[best] / mode.step_seconds)} of the time here.",
                   f"To switch: set KERAS_BACKEND={best} before starting Python.",
                   (("seconds a batch here", mode.step_seconds), (f"seconds a batch on {title}", seconds[best])),
                   certainty="one measurement of a few batches")


def seconds_a_batch(description, sample, micro_batch_size=None) -> float:
    """Seconds that a batch, `sample`, takes in training, on the back end of this process; run in a process of its own."""
    model, (x, y, weight) = from_description(description), sample
    feed = feed_of(x, y, Batching(len(leaves(x)[0]), False), sample_weight=weight)
    build_for_training(model, feed.sample, micro_batch_size)
    trainee = open_trainee(model, micro_batch_size)
    modes, data, n = Modes(trainee, likely_best_first(model, trainee, feed), 10**6), trainee.put(sample), len(leaves(x)[0])
    while modes.most:
        modes.train(data, np.tile(np.arange(n, dtype=np.int32), (modes.most, 1)))
    return modes.mode.step_seconds


def _timed(description, active, feed, micro_batch_size, most_seconds):
    """Seconds a batch by back end; a sentence where it could not be measured."""
    sample, found = tuple(over(np.asarray, tree) for tree in feed.sample), {}
    for name in installed():
        if name != active:
            outcome = Isolated(most_seconds, environment=environment_of(name)).run(
                f"{__name__}:{seconds_a_batch.__name__}", description, sample, micro_batch_size)
            found[name] = outcome.sentence[:_LONGEST] if outcome.failure else outcome.value
    return found
