"""How long a training step of Keras' own `fit` takes at given batch sizes; and the race in which all timings are taken."""

import math
from dataclasses import replace
from time import perf_counter
from typing import NamedTuple

import numpy as np

from ..records import Outcome, Reading, StepTime

FEWEST_SIZES, FEWEST_REPEATS = 3, 3  # below these neither a line nor a median can be doubted
STEADY = 1.3        # slowest over fastest timing of a size, above which it is timed again, longer
_RESOLUTION = 0.05  # seconds that one timing must last
_TRIES = 3
_LONGEST = 2**16    # batches a call: a clock that stands still is not waited for
_SHORT_EPOCH = 4    # times the resolution: then timings are of whole epochs, since starting an epoch takes time as well


def step_time(rig, *, sizes):
    """Seconds a step of `fit` takes at each of the batch sizes, timed in turns, without compiling.

    Where an epoch is short, it is the mean step of a whole one, with what starting an epoch takes and with a short last batch,
    which counts as a step like any other: steps times this are the time of a training. Where the timings of a size lie further
    apart than `STEADY`, all are timed again, twice and four times as long, and the steadiest try counts. A size that is larger
    than the data counts as all rows, as in Keras.

    Returns:
        A `Reading` in seconds of the first of `sizes`; a `StepTime` for each of them. `UNRESOLVED` where the
        machine was too busy for a clock. Holds for `fit` on this machine under today's load.
    """
    started = perf_counter()
    cut = list(dict.fromkeys(min(size, rig.n_examples) for size in sizes))
    timed = None
    for doubled in range(_TRIES):
        tried = race(_by_epochs(rig), cut, whole=lambda size: -(-rig.n_examples // size), repeats=FEWEST_REPEATS,
                     resolution=_RESOLUTION * 2**doubled)
        if timed is None or _spread(tried) < _spread(timed):
            timed = tried
        if _spread(timed) <= STEADY:
            break
    also = {"title": "time of a step of fit at the reference", "cost": perf_counter() - started}
    if (unresolved := timed.unresolved("step_time", "s", "fit")) is not None:
        return replace(unresolved, **also)
    by_size = {point.batch_size: point for point in timed.step_times()}
    points = tuple(replace(by_size[min(size, rig.n_examples)], batch_size=size) for size in sizes)
    return Reading(name="step_time", value=points[0].seconds, unit="s", low=points[0].low, high=points[0].high,
                   repeats=timed.seconds.shape[1], points=points, note="fastest and slowest timing", **also)


class Race(NamedTuple):
    """Seconds a batch, float[n_sizes, n_repeats], for the `sizes` in ascending order; `skipped` did not fit the budget."""

    sizes: np.ndarray
    seconds: np.ndarray
    skipped: int

    @property
    def median(self):
        return np.median(self.seconds, axis=1)

    def spans(self, scale=1.0):
        """(size, median, fastest, slowest repeat) of each size, times `scale`."""
        per = (self.seconds.T * scale).T
        return [(int(b), float(np.median(row)), float(row.min()), float(row.max())) for b, row in zip(self.sizes, per, strict=True)]

    def unresolved(self, name, unit, call):
        """The `Reading` of a race whose long calls took no longer than short ones; `None` where all did."""
        if (self.median > 0).all():
            return None
        return Reading(name=name, unit=unit, outcome=Outcome.UNRESOLVED,
                       note=f"the machine was too busy: longer calls of {call} took no longer than short ones")

    def step_times(self):
        return tuple(StepTime(batch_size=b, seconds=seconds, low=low, high=high) for b, seconds, low, high in self.spans())


def sizes_up_to(largest, smallest=8):
    """Batch sizes by factors of two, ending at `largest`; every second one first, so that few of them span the range."""
    smallest = max(1, min(smallest, largest // 4))
    sizes = [smallest]
    while sizes[-1] * 2 <= largest:
        sizes.append(sizes[-1] * 2)
    if sizes[-1] * 1.25 < largest:
        sizes.append(largest)
    sizes[-1] = largest
    first = sizes[::-1][::2][::-1]
    return [*first, *(b for b in sizes if b not in first)]


def race(clock, sizes, *, whole, repeats=5, resolution=_RESOLUTION, seconds=math.inf) -> Race:
    """Time batch sizes against each other, in turns, so that a slow moment of the machine hits all of them alike.

    Each counts by the difference of a long and a short call, which takes the call's own overhead out.

    Args:
        clock: `(batch_size, n) -> seconds` for n batches in one call. Each size's first call compiles and does not count.
        sizes: what to time, in the order of importance.
        whole: `(batch_size) -> batches of an epoch`. Where epochs are short, differences are whole epochs.
        repeats: differences per size, at least 3 whatever the budget says.
        resolution: seconds that a difference must last, at least.
        seconds: budget. Sizes that would overrun it are left out, once three are in.
    """
    started = perf_counter()
    lengths, paces = {}, {}
    for size in sizes:
        if len(lengths) >= FEWEST_SIZES:
            known = max(lengths)
            foreseen = paces[known] * max(size / known, 1) * (2 * repeats + 4) * 2
            if perf_counter() - started > seconds / 2 or foreseen > seconds / 2:
                continue
        lengths[size], paces[size] = call_lengths(clock, size, whole(size), resolution)
    taken = in_turns(clock, {size: lengths[size] for size in sorted(lengths)}, repeats, started + seconds)
    return Race(np.array(list(taken), float), np.array(list(taken.values())), len(sizes) - len(lengths))


def in_turns(clock, lengths, repeats, until=math.inf):
    """`{what: seconds a batch, repeat by repeat}`: each thing timed once in every turn, three turns at least, none after `until`.

    Args:
        clock: `(what, n) -> seconds` for n batches in one call. lengths: `{what: (n of a short call, n of a long one)}`.
    """
    taken = {what: [] for what in lengths}
    for repeat in range(max(repeats, FEWEST_REPEATS)):
        if repeat >= FEWEST_REPEATS and perf_counter() > until:
            break
        for what, (short, long) in lengths.items():
            taken[what].append((clock(what, long) - clock(what, short)) / (long - short))
    return taken


def _by_epochs(rig):
    """`(batch_size, n) -> seconds` of n batches: epochs of all rows where n is that of whole epochs, else full batches."""
    compiled = set()

    def clock(size, n):
        an_epoch = -(-rig.n_examples // size)
        if n % an_epoch:
            return rig.fit_seconds(size, n)
        if size not in compiled:  # a short last batch is a program of its own
            compiled.add(size)
            rig.epoch_seconds(size, 1)
        return rig.epoch_seconds(size, n // an_epoch)

    return clock


def _spread(timed):
    """The largest ratio of slowest to fastest timing of a size; infinite where a difference of timings was not positive."""
    fastest, slowest = timed.seconds.min(1), timed.seconds.max(1)
    return float((slowest / fastest).max()) if (fastest > 0).all() else float("inf")


def call_lengths(clock, size, whole, resolution):
    """The (short, long) calls to compare, and about how long a batch takes.

    Their difference lasts at least `resolution`, and as long as the short call, twice in a row: one slow moment must not
    pass for a long call.
    """
    clock(size, 1)
    short, more = (1, 1) if whole > 2 else (whole, whole)
    while True:
        before = clock(size, short)
        lasted, wanted = clock(size, short + more) - before, max(resolution, before)
        if lasted >= wanted:
            lasted = min(lasted, clock(size, short + more) - clock(size, short))
        if lasted >= wanted or more >= _LONGEST:
            if short < whole and lasted / more * whole <= _SHORT_EPOCH * resolution:
                return (whole, 2 * whole), lasted / more
            return (short, short + more), lasted / more
        more *= min(max(1.2 * wanted / lasted, 2), 16) if lasted > 0 else 4
        if short < whole <= 1 + more:
            short, more = whole, max(more, whole)
        more = int(np.ceil(more / short) * short)
