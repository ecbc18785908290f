"""In which mode the batches of a training are run: what this model allows, what is worth a trial, what is remembered."""

import weakref

import keras
import numpy as np

from ...base.backends import BACKENDS
from ...base.errors import UsageError
from ...seam.identity.settings import shapes_of, speed_key
from ...seam.machine import this_machine
from ...seam.model.copying import layers
from ...seam.rows import leaves
from ..feeds.arrays import Resident
from ..remembered import Remembered
from .trial import Mode, fastest_mode

MODES = ("fused", "unrolled", "looped", "stepwise")
ENGINES = ("auto", "keras", *MODES)
_MEASURED = weakref.WeakKeyDictionary()  # per trainee: {batch: (updates in view of which it was measured, Mode)}
_SLOW_IN_LOOPS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D, keras.layers.Conv1DTranspose,
                  keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose, keras.layers.DepthwiseConv1D,
                  keras.layers.DepthwiseConv2D, keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
_SHORT_STEP = 2e7      # operations: about a millisecond on two cores


def check_engine(engine):
    """Raise `UsageError` for an `engine` that is none, or that names a back end other than the one that Keras runs on."""
    active = keras.backend.backend()
    if engine in BACKENDS and engine != active:
        raise UsageError(f"`engine` must be one of {', '.join(ENGINES)}; got {engine!r}, and Keras runs on {active} here. A back "
                         f"end is chosen when Python starts: set KERAS_BACKEND={engine} before that, and leave engine out.")
    if engine not in (*ENGINES, active):
        raise UsageError(f"`engine` must be one of {', '.join(ENGINES)}; got {engine!r}. Pass engine=\"auto\".")


def mode_for(model, trainee, feed, n_updates, engine) -> Mode:
    """The `Mode` to train in.

    Args:
        model: the user's. trainee: trains it. feed: its rows.
        n_updates: batches in all, `None` where unknown.
        engine: `"auto"`, or a mode by name.

    Raises:
        UsageError: this back end has no such mode for this model.
    """
    if engine not in ("auto", trainee.backend):
        if engine not in trainee.modes:
            raise UsageError(f"`engine` must be \"auto\", \"keras\", or one of {', '.join(trainee.modes)} for this model on "
                             f"{trainee.backend}; got {engine!r}{_why_not(trainee, engine)}. Pass engine=\"auto\".")
        return Mode(engine, None, "as asked")
    memory = memory_of(model, trainee, feed)
    known = recall(memory, trainee.backend, n_updates)
    if known is not None and known.name in trainee.modes:
        return known
    mode = measured_mode(model, trainee, feed, n_updates)
    if mode.compared:
        keep(memory, trainee.backend, mode, n_updates)
    return mode


def measured_mode(model, trainee, feed, n_updates) -> Mode:
    """The fastest mode, timed where the training is long enough."""
    order = _likely_best_first(model, trainee, feed)
    if len(order) == 1 and not (n_updates or 0) > 100:
        return Mode(order[0], None, f"the only mode worth a trial on {trainee.backend}{_why_not(trainee, 'fused')}")
    known, what = _MEASURED.setdefault(trainee, {}), (rows_of_a_batch(feed), shapes_of(feed.sample))
    n_before, mode = known.get(what, (0, None))
    if mode is None or (n_updates or 0) > 2 * n_before:
        mode = fastest_mode(trainee, *_batches_to_try(feed, trainee), n_updates, order)
        known[what] = n_updates or 0, mode
    return mode


def memory_of(model, trainee, feed, what="fit") -> Remembered:
    """The file in which is remembered how fast this model runs on this machine at the batch size of `feed`."""
    machine = this_machine(trainee.device, None, trainee.backend if trainee.backend in BACKENDS else "keras")
    return Remembered(what, speed_key(model, model.train_step, machine, type(model.optimizer).__name__, rows_of_a_batch(feed),
                                      shapes_of(feed.sample)))


def recall(memory, backend, n_updates) -> Mode | None:
    """The `Mode` remembered for a training of so many updates, or `None`: what pays in a long one need not in a short one.

    With it the next training of the same model runs in the same mode without a trial, and so rounds in the same way too.
    """
    found = memory.read()
    try:
        if found["backend"] != backend or n_updates is None or 2 * n_updates < found["n_updates"]:
            return None
        return Mode(str(found["mode"]), float(found["step_seconds"]), f"as measured before: {found['because']}")
    except (ValueError, KeyError, TypeError):
        return None


def keep(memory, backend, mode, n_updates):
    """Write down what was measured for a training of so many updates."""
    memory.write({"backend": backend, "mode": mode.name, "step_seconds": mode.step_seconds, "n_updates": n_updates,
                  "because": mode.because})


def rows_of_a_batch(feed):
    """Rows of an update: the batch size, or those of the first batch of a source that cuts its own."""
    return feed.batch_size or len(leaves(feed.sample[0])[0])


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
