"""How large a batch fits."""

import math

from ..base.validate import require
from ..records import Outcome, Reading, StepMemory
from .probe import Probe


def memory(rig, *, seed=0, headroom=0.9, precision=0.05, most=None, at_most=None):  # noqa: ARG001 - a probe takes a seed; memory has no chance in it
    """Largest batch whose training step stays under `headroom` of the device's memory.

    Every size that decides was itself looked at, by `rig.peak_bytes`: memory is not a straight line in the batch size (near
    the limit a compiler may trade time for it).

    Args:
        headroom: share of the device's memory that one step may take, in (0, 1].
        precision: the search ends when a size that fits and one that does not are this close, as a share. Each look compiles
            a program.
        most: examples beyond which nobody looks; by default all training rows.
        at_most: bytes that a step may take, where that is less than the device has.

    Returns:
        A `Reading` in examples, at most `rig.n_examples`; `high` is just below the smallest size seen not to fit. `LOWER_BOUND`
        where `most` examples fit and there are more rows, `UNKNOWN`
        where the device does not report its memory, `OUT_OF_MEMORY` where one example does not fit. True of the process and
        the allocator in which it was measured.
    """
    require(0 < headroom <= 1, "headroom", headroom, "a share of the memory above 0 and at most 1")
    require(precision > 0, "precision", precision, "a positive share")
    looks, device = {}, rig.capacity_bytes()
    capacity = min((n for n in (device, at_most) if n is not None), default=None)
    most = rig.n_examples if most is None else min(most, rig.n_examples)

    def look(size):
        if size not in looks:
            looks[size] = rig.peak_bytes(size)
        return looks[size]

    def reading(value, high, outcome=Outcome.OK, note=""):
        details = (("peak_bytes", float(looks[value])), ("capacity_bytes", float(capacity)), ("limit_bytes", limit)) \
            if value else ()
        points = tuple(StepMemory(batch_size=b, peak_bytes=round(n)) for b, n in sorted(looks.items()) if n is not None)
        return Reading(name="memory", value=float(value), unit="examples", low=float(value), high=float(high), repeats=1,
                       outcome=outcome, details=details, points=points, note=note)

    if capacity is None or look(most) is None:
        return reading(0, 0, Outcome.UNKNOWN, "the device does not tell its memory, or a step's")
    limit = float(min(n for n in (device and headroom * device, at_most) if n is not None))
    if look(most) <= limit and most < rig.n_examples:
        return reading(most, math.inf, Outcome.LOWER_BOUND, f"larger batches than {most:,} were not looked at")
    if look(most) <= limit:
        return reading(most, most, note="all training rows fit into one batch")
    if most == 1 or look(1) > limit:
        return reading(0, 0, Outcome.OUT_OF_MEMORY, "not even a batch of one example fits")
    fits, too_large = _search(look, 1, most, limit, precision)
    return reading(fits, too_large - 1, note=f"a batch of {too_large} was seen not to fit")


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


MEMORY = Probe(
    name="memory", title="largest batch that fits", what="largest batch size that fits in memory",
    why="found without running out of memory", cost=lambda budget, program: 2 * program, run=memory,
    options=lambda rig, evidence, budget: {"at_most": evidence.max_memory})
