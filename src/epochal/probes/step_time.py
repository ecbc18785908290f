"""How long a training step of Keras' own `fit` takes at given batch sizes, whatever law they follow."""

from dataclasses import replace
from time import perf_counter

from ..records import Reading
from ._race import FEWEST_REPEATS, RESOLUTION, race

STEADY = 1.3  # slowest over fastest timing of a size, above which it is timed again, longer

_TRIES = 3


def step_time(rig, *, sizes):
    """Seconds a step of `fit` takes at each of the batch sizes, timed in turns, without compiling.

    Where an epoch is short, it is the mean step of a whole one, with what starting an epoch takes and with a short last batch,
    which counts as a step like any other: steps times this are the time of a training. Where the timings of a size lie further
    apart than `STEADY`, all are timed again, twice and four times as long, and the steadiest try counts.

    Args:
        rig: the model on the bench.
        sizes: batch sizes; one that is larger than the data counts as all rows, as in Keras.

    Returns:
        A `Reading` in seconds of the first of `sizes`; a `StepTime` for each of them. `UNRESOLVED` where the
        machine was too busy for a clock. Holds for `fit` on this machine under today's load.
    """
    started = perf_counter()
    cut = list(dict.fromkeys(min(size, rig.n_examples) for size in sizes))
    timed = None
    for doubled in range(_TRIES):
        tried = race(_by_epochs(rig), cut, whole=lambda size: -(-rig.n_examples // size), repeats=FEWEST_REPEATS,
                     resolution=RESOLUTION * 2**doubled)
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
