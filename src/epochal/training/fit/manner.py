"""Where and how the batches of a training are run: what this model allows, and what is worth a measurement."""

import weakref

import keras
import numpy as np

from ...base.errors import Unsupported, UsageError
from ...engine.bench import open_bench, other_backends
from ...seam.identity.settings import shapes_of
from ...seam.model.copying import layers
from ...seam.rows import leaves
from ..feeds.arrays import Resident
from .choose import Manner, choose
from .remembered import Remembered, rows_of_a_batch

BACKENDS = ("jax", "tensorflow", "torch")
ENGINES = ("auto", "keras", "fused", "unrolled", "looped", "stepwise", *BACKENDS)
_HERE = weakref.WeakKeyDictionary()  # per trainee: {batch: (updates in view of which it was measured, Manner)}
_SLOW_IN_LOOPS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D, keras.layers.Conv1DTranspose,
                  keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose, keras.layers.DepthwiseConv1D,
                  keras.layers.DepthwiseConv2D, keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
_SHORT_STEP = 2e7      # operations: about a millisecond on two cores
_WORTH_MOVING = 120.0  # seconds of training: a process with another back end takes 3 to 6 to be ready
_GAIN_ELSEWHERE = 0.7  # of the time: less of a gain is not worth other rounding and another process


def fastest(model, trainee, feed, n_updates, engine, micro_batch_size=None):
    """The trainee to train with, and the `Manner` in which it runs the batches.

    Args:
        model: the user's. trainee: the one on its own back end. feed: its rows. micro_batch_size: as in `fit`.
        n_updates: batches in all, `None` where unknown.
        engine: `"auto"`, a mode or a back end by name.

    Returns:
        `(trainee, manner)`. A trainee on another back end is in a process of its own: close it.

    Raises:
        UsageError: the mode or back end asked for is not to be had. Unsupported: the model cannot be moved to that back end.
    """
    if engine in BACKENDS and engine != trainee.backend:
        moved = open_bench(model, engine, feed.sample, micro_batch_size)
        return moved, _measured(model, moved, feed, n_updates)
    if engine not in ("auto", trainee.backend):
        if engine not in trainee.modes:
            known = f"\"auto\", \"keras\", an installed back end, or one of {', '.join(trainee.modes)}"
            raise UsageError(f"`engine` must be {known} for this model on {trainee.backend}; got {engine!r}"
                             f"{_why_not(trainee, engine)}. Pass engine=\"auto\".")
        return trainee, Manner(engine, None, "as asked")
    remembered = Remembered(model, trainee, feed.sample, rows_of_a_batch(feed))
    known = remembered.recall(n_updates) if engine == "auto" else None
    if known is not None and _is_to_be_had(known, trainee):
        return as_before(model, trainee, feed, (known[0], known[1].mode), micro_batch_size)[0], known[1]
    here = _measured(model, trainee, feed, n_updates)
    chosen = trainee, here
    if engine == "auto" and n_updates and here.step_seconds and here.step_seconds * n_updates > _WORTH_MOVING:
        chosen = _here_or_elsewhere(model, trainee, here, feed, n_updates, micro_batch_size)
    if engine == "auto" and chosen[1].compared:
        remembered.keep(chosen[0].backend, chosen[1], n_updates)
    return chosen


def _is_to_be_had(known, trainee):
    """Another back end is, if it is installed; it is held against this one again as it is opened."""
    backend, manner = known
    return manner.mode in trainee.modes if backend == trainee.backend else backend in other_backends()


def as_before(model, trainee, feed, before, micro_batch_size=None):
    """The same for a training that goes on: in the back end and mode of `before`, since another would round differently."""
    backend, mode = before
    if backend != trainee.backend:
        trainee = open_bench(model, backend, feed.sample, micro_batch_size)
    return trainee, Manner(mode, None, "as before")


def _measured(model, trainee, feed, n_updates):
    order = _likely_best_first(model, trainee, feed)
    if len(order) == 1 and not (n_updates or 0) > 100:
        return Manner(order[0], None, f"the only way worth it on the back end {trainee.backend}{_why_not(trainee, 'fused')}")
    known, what = _HERE.setdefault(trainee, {}), (rows_of_a_batch(feed), shapes_of(feed.sample))
    n_before, manner = known.get(what, (0, None))
    if manner is None or (n_updates or 0) > 2 * n_before:
        manner = choose(trainee, *_batches_to_try(feed, trainee), n_updates, order)
        known[what] = n_updates or 0, manner
    return manner


def _here_or_elsewhere(model, trainee, here, feed, n_updates, micro_batch_size):
    """Try the other installed back ends, and take one that is much faster."""
    best, told = (trainee, here), f"on {trainee.backend} {here.step_seconds * 1e3:.3g} ms a batch"
    for backend in other_backends():
        try:
            moved = open_bench(model, backend, feed.sample, micro_batch_size)
        except Unsupported as error:
            told += f"; {str(error).splitlines()[0].rstrip('.')}"
            continue
        there = _measured(model, moved, feed, n_updates)
        told += f", on {backend} {there.step_seconds * 1e3:.3g}"
        if there.step_seconds < _GAIN_ELSEWHERE * best[1].step_seconds:
            best[0].close()
            best = moved, there
        else:
            moved.close()
    chosen, manner = best
    where = f"in a process of its own on {chosen.backend}" if chosen is not trainee else f"on {chosen.backend}"
    return chosen, manner._replace(because=f"{manner.because}; {where}, measured: {told}", compared=True)


def _likely_best_first(model, trainee, feed):
    """The modes worth a trial, on a guess that a trial may correct.

    A loop saves the start of each step, some 0.05 ms, which matters where a step is short. Where it is long, a loop may cost: on a
    processor XLA's convolutions and large products lose their threads inside it.
    """
    convolves = trainee.device == "cpu" and any(isinstance(layer, _SLOW_IN_LOOPS) for layer in layers(model))
    if "looped" in trainee.modes:  # as safe as single steps, with less between them, and quicker to compile than a fused loop
        order = ("looped",) if convolves else ("looped", "fused")
    elif convolves:
        order = ("stepwise",)
    else:
        order = ("fused", "stepwise") if _operations(model, feed) < _SHORT_STEP else ("stepwise", "fused")
    return [mode for mode in order if mode in trainee.modes]


def _operations(model, feed):
    """Roughly those of an update: six for each weight, row and position (of a sequence, or of an image)."""
    x = leaves(feed.sample[0])
    embeds = any(isinstance(layer, keras.layers.Embedding) for layer in layers(model))
    positions = max(int(np.prod(leaf.shape[1:] if embeds else leaf.shape[1:-1])) for leaf in x)
    return 6 * rows_of_a_batch(feed) * positions * sum(int(np.prod(v.shape)) for v in model.trainable_variables)


def _batches_to_try(feed, trainee):
    """Data on the device, and the rows of some batches: of the shapes of the training where all its rows stay there."""
    if isinstance(feed.source, Resident):
        n_rows, size = feed.source.n_rows, min(feed.batch_size, feed.source.n_rows)
        n = n_rows // size
        return feed.source.on_device(trainee), np.arange(n * size, dtype=np.int32).reshape(n, size)
    n = len(leaves(feed.sample[0])[0])
    return trainee.put(feed.sample), np.tile(np.arange(n, dtype=np.int32), (8, 1))


def _why_not(trainee, mode):
    why = getattr(trainee, "why_not", {}).get(mode)
    return f" ({why.rstrip('.')})" if why else ""
