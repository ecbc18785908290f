"""In which mode the batches of a training are run: what this model allows, what is worth a trial, what is remembered."""

import weakref
from dataclasses import dataclass
from time import perf_counter

import keras
import numpy as np

from ...base.backends import BACKENDS
from ...base.errors import Unsupported, UsageError
from ...base.validate import one_of
from ...seam.identity.settings import shapes_of, speed_key
from ...seam.machine import this_machine
from ...seam.model.copying import layers
from ...seam.rows import leaves
from ..feeds.arrays import Resident
from ..remembered import Remembered

MODES = ("fused", "unrolled", "looped", "stepwise")
ENGINES = ("auto", "keras", *MODES)
_MEASURED = weakref.WeakKeyDictionary()  # per trainee: {batch: (updates in view of which it was measured, Mode)}
_SLOW_IN_LOOPS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D, keras.layers.Conv1DTranspose,
                  keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose, keras.layers.DepthwiseConv1D,
                  keras.layers.DepthwiseConv2D, keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
_SHORT_STEP = 2e7      # operations: about a millisecond on two cores
_REPAID = 20      # times the cost of a trial must the rest of the training take before the trial is made,
_HOPED = 3        # or only so many times where there is reason to hope: a loop, where steps are short
_GAIN = 0.95      # of the time: less of a gain is not worth another mode
_LEAST_COST = 0.3  # seconds: no trial costs less, with what has to be compiled for it
_TRIAL_SECONDS = 0.2
_MOST_STEPS = 64
_LONG_STEP = 1e-3  # seconds: the start of a step, which is all that a loop saves, takes a twentieth of it
_WORDS = {"fused": "fused into one program", "unrolled": "several to a program", "looped": "in a loop on the device",
          "stepwise": "step by step"}


@dataclass(frozen=True)
class Mode:
    """How batches are run, and why.

    Attributes:
        name: one of `Trainee.modes`.
        step_seconds: seconds a batch took in it; `None` where it was not measured.
        because: why, as a part of a sentence.
        compared: whether more than one mode was tried.
    """

    name: str
    step_seconds: float | None
    because: str
    compared: bool = False

    def __str__(self):
        return f"Batches are run {_WORDS[self.name]} ({self.because})"


def check_engine(engine):
    """Raise `UsageError` for an `engine` that is none, or that names a back end other than the one that Keras runs on."""
    active = keras.backend.backend()
    if engine in BACKENDS and engine != active:
        raise UsageError(f"`engine` must be one of {', '.join(ENGINES)}; got {engine!r}, and Keras runs on {active} here. A back "
                         f"end is chosen when Python starts: set KERAS_BACKEND={engine} before that, and leave engine out.")
    if engine != active:
        one_of("engine", engine, ENGINES, 'Pass engine="auto".')


def mode_for(model, trainee, feed, n_updates, engine) -> Mode:
    """The `Mode` to train `n_updates` batches in (`None` where unknown); `engine` is `"auto"`, or a mode by name."""
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


def fastest_mode(trainee, data, rows, n_updates, order) -> Mode:
    """Try modes on a few batches and take the fastest. What is trained in a trial is undone.

    Args:
        data, rows: the data on the device, and int32[k, batch_size], the batches to try, of the shapes of the training.
        n_updates: batches that the training will have; `None` where unknown, and then nothing but the first mode is tried.
        order: modes, likely best first. The first one's program is needed anyway, so that trying it costs nothing more. A mode
            that this model does not allow is passed over, with the reason.

    Returns:
        The `Mode`. Its seconds are one measurement of a few batches, beside whatever else the machine is doing.
    """
    seconds, refused, cost = {}, {}, _LEAST_COST
    for mode in order:
        best = min(seconds.values(), default=None)
        repaid = _HOPED if mode == "fused" and best is not None and best < _LONG_STEP else _REPAID
        if best is not None and (n_updates is None or n_updates * best < repaid * cost):
            break
        if mode == "fused" and best is not None and best > _LONG_STEP and trainee.device == "cpu":
            refused[mode] = "steps are too long for a loop to save anything"
            continue
        try:
            long = None if not n_updates else _HOPED * _LEAST_COST / n_updates if len(order) > 1 else float("inf")
            seconds[mode], spent = _tried(trainee, data, rows, mode, long)
        except Unsupported as error:
            if mode == order[-1]:
                raise
            refused[mode] = str(error).split(". ")[0].rstrip(".")
            continue
        cost = max(cost, spent)
    fastest, first = min(seconds, key=seconds.get), next(iter(seconds))
    if seconds[fastest] > _GAIN * seconds[first]:
        fastest = first
    left = [mode for mode in order if mode not in seconds and mode not in refused]
    why = ["measured, a batch: " + ", ".join(f"{mode} {taken * 1e3:.3g} ms" for mode, taken in seconds.items()),
           *(f"not {mode}: {reason}" for mode, reason in refused.items()),
           *([f"{' and '.join(left)} not tried: the training is too short to repay it"] if left else [])]
    return Mode(fastest, seconds[fastest], "; ".join(why), len(seconds) + len(refused) > 1)


def _tried(trainee, data, rows, mode, long):
    """Seconds a batch takes once it is compiled, and the seconds that trying cost.

    A first look is enough where a batch takes less than `long` seconds, so that nothing hangs on it (`None`: in any case).
    """
    begun = perf_counter()
    with trainee.kept():
        first = rows[:1] if mode == "stepwise" else rows[:_MOST_STEPS]
        trainee.numbers(trainee.train(data, first, mode))
        n, taken = 1, 0.0
        while True:
            part = rows[np.arange(n) % len(rows)]
            start = perf_counter()
            trainee.numbers(trainee.train(data, part, mode))
            trainee.wait()
            taken = perf_counter() - start
            if long is None or taken / n < long or n >= _MOST_STEPS or taken * 4 > _TRIAL_SECONDS:
                break
            n = min(_MOST_STEPS, n * 8)
    return taken / n, perf_counter() - begun


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
