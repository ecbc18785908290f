"""Which batch sizes run, and the memory that each took: tried in processes of their own, which may end in any way."""

import math
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from ...base.backends import environment_of
from ...base.isolated import Isolated, tell
from ...base.text import quantity
from ...rules.training.memory_size import next_size
from ...seam.model.description import from_description
from ...seam.peak import begin_anew, held, on_processor
from ...seam.rows import leaves, over

CALLS = ("fit", "evaluate", "predict")
LEAST_SECONDS = 20.0  # a process takes 3 to 8 to be ready, and compiles for each size
_CAP = 0.97           # of what is free on a processor, that the process may hold in all
_BELOW = 4            # times smaller than one that did not run is the size tried next where none has run


@dataclass
class Found:
    """What is known of the batch sizes that were tried.

    Attributes:
        ran: bytes by batch size, of those that ran to their end. fits: the largest whose bytes are within the limit, or 0.
        refused: the smallest that did not run, or took more than the limit; infinite where none.
        killed: whether `refused` was ended before its bytes were read.
        before: bytes that the process held before, at the last.
        why: what ended the search before a size that fits and one that does not were close; empty where they are.
    """

    ran: dict = field(default_factory=dict)
    fits: int = 0
    refused: float = math.inf
    killed: bool = False
    before: int = 0
    why: str = ""


def tried_sizes(rig, call, *, first, most, limit, free=None, precision=0.1, seconds=60.0):
    """Close in on the largest batch size at which a call of Keras runs within a limit of memory; no size is inferred.

    A process trains a new model of the same description at rising sizes, and reports what it has held at most less what it held
    before, until a size takes more than the limit; the next process begins between the sizes that were told. Rows are the first
    training row, as often as the data has rows: memory hangs on their shapes.

    Args:
        rig: its `description` is not `None`.
        call: of `CALLS`. `fit` is two epochs with validation, a short last batch, and `predict`, all at that batch size.
        first: the batch size to begin with. most: examples beyond which nothing is tried.
        limit: bytes that a call may take. free: bytes of memory that there are, where it is the computer's own: a process that
            holds more is ended.
        precision: as for `next_size`. seconds: for all processes; each is ended when they are over.

    Returns:
        A `Found`.
    """
    ends, found, size = perf_counter() + seconds, Found(), min(first, most)
    sample, counts = rig.sample(1), (rig.n_examples, max(1, rig.task.n_validation))
    while True:
        left = ends - perf_counter()
        if left < LEAST_SECONDS / 2:
            found.why = "the time for it was over"
            return found
        outcome = Isolated(left, memory_bytes=None if free is None else int(_CAP * free),
                           environment=environment_of(rig.machine.backend)).run(
            f"{__name__}:{rise_there.__name__}", rig.description(), sample, counts, call, size,
            (limit, most, found.refused, precision), left)
        begun = _heard(outcome.told, found, limit)
        if outcome.failure in ("out of memory", "killed") and begun is not None and _for_memory(outcome):
            if begun < found.refused:
                found.refused, found.killed = begun, True
        elif outcome.failure:
            found.why = f"{f'a batch of {begun:,} was not tried to its end: ' if begun else ''}{outcome.sentence}"
            return found
        elif outcome.value:
            found.why = outcome.value
            return found
        if found.fits >= most or found.refused <= max(found.fits + 1, found.fits * (1 + precision)):
            return found
        if found.fits == 0 and found.refused <= 1:
            return found
        size = (max(1, int(found.refused) // _BELOW) if found.fits == 0
                else min(max(int(math.sqrt(found.fits * found.refused)), found.fits + 1), int(found.refused) - 1))


def rise_there(description, sample, counts, call, first, bounds, seconds):
    """Run a call at rising batch sizes in this process, and `tell` each of them, before and after; why it ended sooner, or "".

    `counts`: of training and of validation rows. `bounds`: limit, most, smallest refused and precision, as for `next_size`. Told
    are the bytes held before, as an int; the size that begins, as `(size,)`; and `(size, bytes)` when it has run.
    """
    ends, model, (limit, most, refused, precision) = perf_counter() + seconds, from_description(description), bounds
    # as many rows as the data has, in the memory of one
    rows, held_out = (over(lambda leaf, n=n: np.broadcast_to(leaf[:1], (n, *leaf.shape[1:])), sample) for n in counts)
    run = {"fit": _fit, "evaluate": _evaluate, "predict": _predict}[call]
    begin_anew()
    before, tried, size = held().now, [], first
    tell(before)
    while size is not None:
        began = perf_counter()
        tell((size,))
        run(model, rows, held_out, size)
        taken = max(0, held().most - before)
        if not on_processor() or not tried or taken >= tried[-1][1]:
            tried.append((size, taken))
        else:  # the most that a process has held only rises
            tried.append((size, tried[-1][1]))
        tell((size, tried[-1][1]))
        took, last = perf_counter() - began, size
        size = next_size(tried, limit, most, refused=refused, precision=precision)
        if size is not None and perf_counter() + took * max(1.0, size / last) > ends:
            return f"a batch of {size:,} would have taken longer than there was time for"
    return ""


def _fit(model, rows, held_out, size):
    """Two epochs with validation, a short last batch and `predict`."""
    (x, y, weight), n = rows, len(leaves(rows)[0])
    steps, n_held_out = model.steps_per_execution, len(leaves(held_out)[0])
    few = n // size >= 2 * steps  # else whole epochs are short enough
    judged = tuple(tree for tree in held_out if tree is not None)
    model.fit(x, y, sample_weight=weight, batch_size=size, epochs=2, steps_per_epoch=steps if few else None,
              validation_data=judged, validation_steps=min(steps, -(-n_held_out // size)), verbose=0)
    if few and n % size:
        short = over(lambda leaf: leaf[: n % size], rows)
        model.train_on_batch(short[0], short[1], sample_weight=short[2])
    _predict(model, rows, held_out, size)


def _evaluate(model, rows, held_out, size):  # noqa: ARG001 - called like the others
    x, y, weight = over(lambda leaf: leaf[: 2 * size], held_out)
    model.evaluate(x, y, sample_weight=weight, batch_size=size, verbose=0)


def _predict(model, rows, held_out, size):  # noqa: ARG001 - called like the others
    model.predict(over(lambda leaf: leaf[: 2 * size], rows[0]), batch_size=size, verbose=0)


def _heard(told, found, limit):
    """Enter what a process told; the size that it had begun and not ended."""
    begun = None
    for said in told:
        if isinstance(said, int):
            found.before = said
        elif len(said) == 1:
            (begun,) = said
        else:
            (size, taken), begun = said, None
            found.ran[size] = taken
            if taken <= limit:
                found.fits = max(found.fits, size)
            elif size < found.refused:
                found.refused, found.killed = size, False
    return begun


def _for_memory(outcome):
    """Whether a process ended as one does that finds no memory."""
    return outcome.failure == "out of memory" or "SIGKILL" in outcome.sentence


def not_closed(found, limit, free):
    """Why a larger batch than the largest that fits may fit as well, or "": that no larger one was tried to its end."""
    if found.why:
        return found.why
    if found.killed and free is not None and _CAP * free - found.before < limit:
        return (f"a batch of {int(found.refused):,} found no memory beside the {quantity('B', found.before)} of the process that "
                "tried it")
    return ""
