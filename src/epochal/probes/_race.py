"""Several batch sizes timed against each other, in turns, so that a slow moment of the machine hits all of them alike."""

import math
from time import perf_counter
from typing import NamedTuple

import numpy as np

from ..records import Outcome, Reading, StepTime

FEWEST_SIZES, FEWEST_REPEATS = 3, 3  # below these neither a line nor a median can be doubted
RESOLUTION = 0.05  # seconds that one timing must last
_LONGEST = 2**16  # batches a call: a clock that stands still is not waited for
_SHORT_EPOCH = 4  # times the resolution: then timings are of whole epochs, since starting an epoch takes time as well


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
        per = self.seconds * np.broadcast_to(scale, self.sizes.shape)[:, None]
        return tuple((int(b), float(np.median(row)), float(row.min()), float(row.max()))
                     for b, row in zip(self.sizes, per, strict=True))

    def unresolved(self, name, unit, call):
        """The `Reading` of a race whose long calls took no longer than short ones; `None` where all did."""
        if (self.median > 0).all():
            return None
        return Reading(name=name, unit=unit, outcome=Outcome.UNRESOLVED,
                       note=f"the machine was too busy: longer calls of {call} took no longer than short ones")

    def step_times(self):
        """The `StepTime` of each size."""
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


def race(clock, sizes, *, whole, repeats=5, resolution=RESOLUTION, seconds=math.inf):
    """Time each size by the difference of a long and a short call, which takes the call's own overhead out.

    Args:
        clock: `(batch_size, n) -> seconds` for n batches in one call. Each size's first call compiles and does not count.
        sizes: what to time, in the order of importance.
        whole: `(batch_size) -> batches of an epoch`. Where epochs are short, differences are whole epochs.
        repeats: differences per size, at least 3 whatever the budget says.
        resolution: seconds that a difference must last, at least.
        seconds: budget. Sizes that would overrun it are left out, once three are in.

    Returns:
        A `Race`.
    """
    started = perf_counter()
    lengths, paces = {}, {}
    for size in sizes:
        if len(lengths) >= FEWEST_SIZES:
            known = max(lengths)
            foreseen = paces[known] * max(size / known, 1) * (2 * repeats + 4) * 2
            if perf_counter() - started > seconds / 2 or foreseen > seconds / 2:
                continue
        lengths[size], paces[size] = _lengths(clock, size, whole(size), resolution)
    taken = {size: [] for size in sorted(lengths)}
    for repeat in range(max(repeats, FEWEST_REPEATS)):
        if repeat >= FEWEST_REPEATS and perf_counter() - started > seconds:
            break
        for size, row in taken.items():
            short, long = lengths[size]
            row.append((clock(size, long) - clock(size, short)) / (long - short))
    return Race(np.array(list(taken), float), np.array(list(taken.values())), len(sizes) - len(lengths))


def _lengths(clock, size, whole, resolution):
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
