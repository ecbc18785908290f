"""How large a batch fits."""

import math
from dataclasses import replace
from typing import NamedTuple

from ...base.text import quantity
from ...base.validate import require
from ...records import Outcome, Reading, StepMemory
from ..probe import Probe
from .attempts import LEAST_SECONDS, not_closed, tried_sizes

_SHARE = 0.1               # of a plan's budget, from
_LEAST_FOR_ATTEMPTS = 30.0  # seconds on: within fewer, trainings need the time more
_MOST_FOR_ATTEMPTS = 120.0
_NOT_TOLD = "the device does not tell its memory; say how much may be used: max_memory"
_NOT_DESCRIBED = ("a part of the model is not Keras' own, so that no other process can build it and try batch sizes; try them by "
                  "hand, small ones first")


def memory(rig, *, seed=0, headroom=0.9, precision=0.05, most=None, at_most=None, seconds=0.0):  # noqa: ARG001 - memory has no chance in it
    """Largest batch whose training stays under `headroom` of the device's memory.

    Every size that decides was itself looked at: memory is not a straight line in the batch size (near the limit a compiler may
    trade time for it). Where the back end tells the memory of a compiled step (JAX), by `rig.peak_bytes`, and then, where
    `seconds` allow, confirmed by a training of that size in a process of its own; elsewhere by such trainings alone: two epochs
    with validation, a short last batch and `predict`, and what the process (or the allocator of a GPU) held at most while they ran,
    less what it held before.

    Args:
        headroom: share of the device's memory that a training may take, in (0, 1].
        precision: the search ends when a size that fits and one that does not are this close, as a share; twice it where sizes are
            tried. Each look compiles a program.
        most: examples beyond which nobody looks; by default all training rows.
        at_most: bytes that a training may take, where that is less than the device has.
        seconds: for trainings in processes of their own; within fewer than 20 there is none.

    Returns:
        A `Reading` in examples, at most `rig.n_examples`, with details `peak_bytes` (of the batch that fits), `limit_bytes`,
        `capacity_bytes`, and `tried_bytes` where it was trained in a process of its own; `high` is just below the smallest size
        seen not to fit. `LOWER_BOUND` where `most` examples fit and there are more rows, or where the search had to end sooner;
        `UNKNOWN` where the device does not report its memory, or nothing could be tried; `OUT_OF_MEMORY` where one example does
        not fit. True of the memory that was free on the device, and of the allocator: training and measuring processes share a
        device by not reserving it beforehand. A training of `epochal.fit` with `micro_batch_size` needs the memory of so many
        examples, whatever its batch size.
    """
    require(0 < headroom <= 1, "headroom", headroom, "a share of the memory above 0 and at most 1")
    require(precision > 0, "precision", precision, "a positive share")
    looks, room = {}, _room(rig, headroom, at_most)
    most = rig.n_examples if most is None else min(most, rig.n_examples)

    def look(size):
        if size not in looks:
            looks[size] = rig.peak_bytes(size)
        return looks[size]

    def reading(value, high, outcome=Outcome.OK, note=""):
        details = _details(looks[value], room) if value else ()
        return Reading(name="memory", value=float(value), unit="examples", low=float(value), high=float(high), repeats=1,
                       outcome=outcome, details=details, points=_points(looks), note=note)

    if room is None:
        return reading(0, 0, Outcome.UNKNOWN, _NOT_TOLD)
    limit = room.limit
    if look(most) is None:
        if seconds < LEAST_SECONDS:
            return reading(0, 0, Outcome.UNKNOWN, "this back end does not tell what a step needs; sizes are tried where there are "
                           f"{LEAST_SECONDS:.0f} seconds for it")
        return _by_attempts(rig, "memory", "fit", room, most=most, first=min(rig.present.batch_size, most),
                            precision=2 * precision, seconds=seconds)
    if look(most) <= limit and most < rig.n_examples:
        found = reading(most, math.inf, Outcome.LOWER_BOUND, f"larger batches than {most:,} were not looked at")
    elif look(most) <= limit:
        found = reading(most, most, note="all training rows fit into one batch")
    elif most == 1 or look(1) > limit:
        return reading(0, 0, Outcome.OUT_OF_MEMORY, "not even a batch of one example fits")
    else:
        fits, too_large = _search(look, 1, most, limit, precision)
        found = reading(fits, too_large - 1, note=f"a batch of {too_large} was seen not to fit")
    if seconds < LEAST_SECONDS:
        return found
    return _confirmed(rig, found, room, precision=2 * precision, seconds=seconds)


def memory_validation(rig, *, seed=0, headroom=0.9, precision=0.1, at_most=None, seconds=60.0):  # noqa: ARG001
    """Largest batch of a pass over the validation rows (Keras' `evaluate`, `validation_batch_size` of `fit`) that fits.

    Tried in processes of their own; arguments, details and outcomes as for `memory`, at most all validation rows.
    """
    return _of_a_pass(rig, "memory_validation", "evaluate", max(1, rig.task.n_validation), headroom, precision, at_most, seconds)


def memory_predict(rig, *, seed=0, headroom=0.9, precision=0.1, at_most=None, seconds=60.0):  # noqa: ARG001
    """Largest batch of Keras' `predict` that fits; tried in processes of their own, at most all training rows in one batch.

    Arguments, details and outcomes as for `memory`. The predictions of all rows, which Keras returns in one array, come on top.
    """
    return _of_a_pass(rig, "memory_predict", "predict", rig.n_examples, headroom, precision, at_most, seconds)


def _of_a_pass(rig, name, call, most, headroom, precision, at_most, seconds):
    require(0 < headroom <= 1, "headroom", headroom, "a share of the memory above 0 and at most 1")
    room = _room(rig, headroom, at_most)
    if room is None:
        return _unknown(name, _NOT_TOLD)
    if seconds < LEAST_SECONDS:
        return _unknown(name, f"sizes are tried where there are {LEAST_SECONDS:.0f} seconds for it")
    return _by_attempts(rig, name, call, room, most=most, first=min(rig.present.batch_size, most), precision=precision,
                        seconds=seconds)


class _Room(NamedTuple):
    """Bytes: that a training may take, that there are, and that are free on the computer itself (`None` where a GPU computes)."""

    limit: float
    capacity: float
    free: float | None


def _room(rig, headroom, at_most):
    """The `_Room` on the device; `None` where it does not tell its memory."""
    device = rig.capacity_bytes()
    known = [n for n in (device, at_most) if n is not None]
    if not known:
        return None
    limit = min(n for n in (device and headroom * device, at_most) if n is not None)
    return _Room(float(limit), float(min(known)), device if rig.machine.device == "cpu" else None)


def _details(peak, room):
    return ("peak_bytes", float(peak)), ("capacity_bytes", room.capacity), ("limit_bytes", room.limit)


def _by_attempts(rig, name, call, room, *, most, first, precision, seconds):
    """The `Reading` of the largest batch that ran within the limit in a process of its own."""
    if rig.description() is None:
        return _unknown(name, _NOT_DESCRIBED)
    found = tried_sizes(rig, call, first=first, most=most, limit=room.limit, free=room.free, precision=precision, seconds=seconds)
    points = _points(found.ran)
    if not found.fits:
        if found.refused <= 1 and not found.why:
            return Reading(name=name, unit="examples", outcome=Outcome.OUT_OF_MEMORY, repeats=1, points=points,
                           note="not even a batch of one example fits")
        return replace(_unknown(name, found.why or f"no batch was seen to fit; one of {found.refused:,} did not"), points=points)
    peak = float(found.ran[found.fits])
    details = (*_details(peak, room), ("tried_bytes", peak))
    value, open_end = float(found.fits), not_closed(found, room.limit, room.free)
    if found.fits >= most:
        whole = call == "evaluate" or most >= rig.n_examples
        high, outcome = (value, Outcome.OK) if whole else (math.inf, Outcome.LOWER_BOUND)
        note = f"all {'validation' if call == 'evaluate' else 'training'} rows fit into one batch" if whole else \
            f"larger batches than {most:,} were not tried"
    elif open_end:
        high, outcome, note = math.inf, Outcome.LOWER_BOUND, open_end
    else:
        high, outcome, note = found.refused - 1, Outcome.OK, f"a batch of {int(found.refused):,} was seen not to fit"
    return Reading(name=name, value=value, unit="examples", low=value, high=float(high), repeats=1, outcome=outcome,
                   details=details, points=points, note=note)


def _confirmed(rig, found, room, *, precision, seconds):
    """What was read off the compiled program, after a training of that size; where that took more, what trainings say."""
    value = int(found.value)
    if rig.description() is None:
        return replace(found, note=f"{found.note}; no training has confirmed it: {_NOT_DESCRIBED}")
    tried = _by_attempts(rig, "memory", "fit", room, most=value, first=value, precision=precision, seconds=seconds)
    if tried.known and tried.value == value:
        return replace(found, details=(*found.details, ("tried_bytes", tried.detail("tried_bytes"))),
                       note=f"{found.note}; a training of that size ran in a process of its own")
    if tried.known:
        what = "which no training could confirm" if tried.outcome is Outcome.LOWER_BOUND else "but not a training"
        return replace(tried, note=f"the compiled step alone would allow {value:,}, {what}; {tried.note}")
    if tried.outcome is Outcome.OUT_OF_MEMORY:
        return tried
    return replace(found, note=f"{found.note}; no training has confirmed it: {tried.note}")


def _points(looks):
    return tuple(StepMemory(batch_size=b, peak_bytes=round(n)) for b, n in sorted(looks.items()) if n is not None)


def _unknown(name, note):
    return Reading(name=name, unit="examples", outcome=Outcome.UNKNOWN, repeats=1, note=note)


def _search(look, fits, too_large, limit, precision):
    """Close in on the limit: just below and just above the straight line's guess, then the middle, in turn."""
    turn = 0
    while too_large - fits > 1 and too_large > fits * (1 + precision):
        share = (limit - look(fits)) / (look(too_large) - look(fits))
        crossing = fits + share * (too_large - fits)
        aim = (crossing / (1 + precision / 3), crossing * (1 + precision / 3), (fits * too_large) ** 0.5)[turn % 3]
        size = min(max(int(aim), fits + 1), too_large - 1)
        fits, too_large = (size, too_large) if look(size) <= limit else (fits, size)
        turn += 1
    return fits, too_large


def _sentences(reading, rig):
    size, limit = int(reading.value), quantity("B", reading.detail("limit_bytes"))
    if size >= rig.n_examples:
        return (f"Memory sets no limit to the batch size here: all {size:,} training rows fit into one batch, within {limit}.",
                _NOT_BETTER)
    at_least = "at least " if reading.outcome is Outcome.LOWER_BOUND else ""
    return (f"Memory allows batches of {at_least or 'up to '}{size:,} examples within the {limit} that a training may take; "
            f"`epochal.fit(micro_batch_size={size})` trains larger ones in that memory, part by "
            "part, where no layer normalises over the batch.", _NOT_BETTER)


_NOT_BETTER = "It does not mean that so large a batch learns better or is done sooner: memory is a ceiling, not a choice."


def _sentences_of_pass(argument):
    def sentences(reading, rig):  # noqa: ARG001
        peak, size = quantity("B", reading.detail("peak_bytes")), int(reading.value)
        return (f"`{argument}` may be up to {size:,} here (it takes {peak}); it need not be that of training.",
                "It says nothing about the batch size to train with: without gradients a batch takes less memory, and the results "
                "are the same at any size.")
    return sentences


def _options(rig, evidence, budget):  # noqa: ARG001
    seconds = min(_SHARE * budget, _MOST_FOR_ATTEMPTS)
    return {"at_most": evidence.max_memory, "seconds": seconds if seconds >= _LEAST_FOR_ATTEMPTS else 0.0}


def _cost(budget, program):
    seconds = min(_SHARE * budget, _MOST_FOR_ATTEMPTS)
    return 2 * program + (10 + 4 * program if seconds >= _LEAST_FOR_ATTEMPTS else 0)


def _options_of_pass(rig, evidence, budget):  # noqa: ARG001
    return {"at_most": evidence.max_memory, "seconds": max(LEAST_SECONDS, min(_SHARE * budget, _MOST_FOR_ATTEMPTS))}


MEMORY = Probe(
    name="memory", title="largest batch that fits",
    what="largest batch size that fits in memory",
    why="found without running out of memory here", cost=_cost, run=memory, options=_options, sentences=_sentences)

MEMORY_VALIDATION = Probe(
    name="memory_validation", title="largest batch of a validation pass", what="largest batch of a validation pass that fits",
    why="a validation pass may have another batch size than training", cost=lambda budget, program: 10 + 2 * program,
    run=memory_validation, options=_options_of_pass, price="normal", sentences=_sentences_of_pass("validation_batch_size"))

MEMORY_PREDICT = Probe(
    name="memory_predict", title="largest batch of `predict`", what="largest batch of `predict` that fits",
    why="more rows at once predict faster, up to a point", cost=lambda budget, program: 10 + 2 * program,
    run=memory_predict, options=_options_of_pass, price="normal", sentences=_sentences_of_pass("predict(batch_size)"))
