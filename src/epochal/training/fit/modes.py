"""In which mode the batches of a training are run: what this model allows, what is worth timing, what is remembered."""

from dataclasses import dataclass
from time import perf_counter

import keras
import numpy as np

from ...base.backends import BACKENDS
from ...base.errors import Unsupported, UsageError
from ...base.text import quantity
from ...base.validate import one_of
from ...seam.convolutions.layers import has_convolutions
from ...seam.identity.settings import shapes_of, speed_key
from ...seam.machine import this_machine
from ...seam.model.copying import layers
from ...seam.rows import leaves
from ..remembered import Remembered

MODES = ("fused", "unrolled", "looped", "stepwise")
ENGINES = ("auto", "keras", *MODES)
_SHORT_STEP = 2e7      # operations: about a millisecond on two cores
_REPAID = 50      # times the cost of another program must the rest of the training take before it is made
_FEW = 100        # updates, of which no mode saves enough to be worth a look
_GAIN = 0.95      # of the time: less of a gain is not worth another mode
_LEAST_COST = 0.3  # seconds: no program costs less
_TRIAL_SECONDS = 0.2
_FIRST, _TIMED, _MOST_STEPS = 4, 16, 64  # batches: with what has to be compiled; when timed first; at most
_LONG_STEP = 1e-3  # seconds: the start of a step, which is all that a loop saves, takes a twentieth of it
_WORDS = {"fused": "one after the other, many in a call of one compiled program",
          "unrolled": "one after the other, several in a call",
          "looped": "one after the other, many in a loop on the device", "stepwise": "one in a call"}


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


class Modes:
    """How the batches of a training are run: in one mode, or in one after the other until the fastest is known.

    Modes are timed on batches of the training itself, each of which is trained once, as in Keras: nothing has to be undone, and
    what callbacks set before the first batch holds.

    Args:
        order: modes, likely best first; or the one `Mode` that is to be. Where that hangs on the first batch, which is not read
            yet, a function without arguments that returns it and the `memory`, called when the batch is there.
        n_updates: batches that the training will have; `None` where unknown, and then only the first mode is used.
        memory: where the outcome of a comparison is kept, if anywhere.

    Attributes:
        name: the mode in use. mode: the `Mode` in which the rest is run; `None` while modes are timed. Its seconds are one
            measurement of a few batches, beside whatever else the machine is doing.
    """

    def __init__(self, trainee, order, n_updates, memory=None):
        self._trainee, self._n_updates, self._n_left, self._order, self._memory = trainee, n_updates, n_updates or 0, order, memory
        self._seconds, self._refused, self._cost, self._size, self._next = {}, {}, _LEAST_COST, None, _FIRST
        self.mode = self.name = None
        if not callable(order):
            self._begin()

    def _begin(self):
        if callable(self._order):
            self._order, self._memory = self._order()
        self.mode = self._order if isinstance(self._order, Mode) else None
        self.name = self.mode.name if self.mode else self._order[0]
        if self.mode is None and self._n_left <= _FEW:
            self.close()

    @property
    def most(self):
        """Batches that the next call should have at most; `None` for any number."""
        if self.name is None:
            self._begin()
        return self._next if self.mode is None else None

    def test(self, data, rows):
        """As `Trainee.test`, while modes are timed in the first that has trained."""
        return self._trainee.test(data, rows, self._proven())

    def train(self, data, rows):
        """As `Trainee.train`, in the mode in use; one that this model does not allow is passed over, before it has trained."""
        if self.name is None:
            self._begin()
        start = perf_counter()
        try:  # a short last batch begins no other mode, which would make a program for it
            logs = self._trainee.train(data, rows, self.name if rows.shape[1] == (self._size or rows.shape[1]) else self._proven())
        except Unsupported as error:
            self._refused[self.name] = str(error).split(". ")[0].rstrip(".")
            if isinstance(self._order, Mode) or set(self._order) == set(self._refused):
                raise
            self.mode = None
            self._go_on()
            return self.train(data, rows)
        if self.mode is None:
            self._trainee.wait()
            self._saw(*rows.shape, perf_counter() - start)
        return logs

    def close(self):
        """Decide on what is known: the training ends, or too little of it is left to repay another program."""
        if self.mode is not None:
            return
        if self.name is None:  # nothing was trained
            self._order, self.name = ["stepwise"], "stepwise"
        first = next(iter(self._seconds), self.name)
        fastest = min(self._seconds, key=self._seconds.get, default=first)
        if self._seconds and self._seconds[fastest] > _GAIN * self._seconds[first]:
            fastest = first
        left = [mode for mode in self._order if mode not in self._seconds and mode not in self._refused and mode != fastest]
        measured = ", ".join(f"{mode} {quantity('s', taken)}" for mode, taken in self._seconds.items())
        why = [*([f"time per batch: {measured}"] if measured else []),
               *(["convolutions as matrix products"] if fastest == "fused" and self._trainee.convolves_in_loops else []),
               *(f"not {mode}: {reason}" for mode, reason in self._refused.items()),
               *([f"{' and '.join(left)} not tried: the training is too short to repay it"] if left else [])]
        if not why:
            why = [f"the only mode worth a trial on {self._trainee.backend}{_why_not(self._trainee, 'fused')}"]
        self.mode = Mode(fastest, self._seconds.get(fastest), "; ".join(why), len(self._seconds) + len(self._refused) > 1)
        self.name = fastest
        if self._memory is not None and self.mode.compared:
            keep(self._memory, self._trainee.backend, self.mode, self._n_updates)

    def _proven(self):
        return self.name if self.mode else next(iter(self._seconds), self.name)

    def _saw(self, n, size, taken):
        self._n_left -= n
        self._size = self._size or size
        if size != self._size:  # a short last batch
            return
        if self._next == _FIRST:
            self._cost, self._next = max(self._cost, taken), _TIMED
            return
        self._seconds[self.name] = min(taken / n, self._seconds.get(self.name, taken))
        if taken * 4 > _TRIAL_SECONDS or n < self._next or self._next == _MOST_STEPS:
            self._go_on()
        else:
            self._next = _MOST_STEPS

    def _go_on(self):
        """Turn to the next mode that is worth it, or decide."""
        best = min(self._seconds.values(), default=None)
        for mode in self._order:
            if mode in self._seconds or mode in self._refused:
                continue
            if (mode == "fused" and best is not None and best > _LONG_STEP and self._trainee.device == "cpu"
                    and not self._trainee.convolves_in_loops):
                self._refused[mode] = "steps are too long for a loop to save anything"
            elif best is None or self._n_left * best > _REPAID * self._cost:
                self.name, self._next = mode, _FIRST
                return
        self.close()


def modes_for(model, trainee, feed, n_updates, engine, *, every_batch=False) -> Modes:
    """The `Modes` of a training of `n_updates` batches (`None` where unknown); `engine` is `"auto"`, or a mode by name.

    Args:
        every_batch: whether a callback looks at each batch, so that there is nothing for a loop to save.
    """
    if engine not in ("auto", trainee.backend):
        if engine not in trainee.modes:
            raise UsageError(f"`engine` must be \"auto\", \"keras\", or one of {', '.join(trainee.modes)} for this model on "
                             f"{trainee.backend}; got {engine!r}{_why_not(trainee, engine)}. Pass engine=\"auto\".")
        return Modes(trainee, Mode(engine, None, "as asked"), n_updates)
    if every_batch and trainee.convolves_in_loops:
        return Modes(trainee, ["stepwise", "fused"], n_updates)
    if every_batch:
        return Modes(trainee, Mode("stepwise", None, "a callback looks at every batch"), n_updates)

    def order():
        memory = memory_of(model, trainee, feed)
        known = recall(memory, trainee.backend, n_updates)
        return known if known is not None and known.name in trainee.modes else likely_best_first(model, trainee, feed), memory

    if feed.described is None:
        return Modes(trainee, order, n_updates)
    first, memory = order()
    return Modes(trainee, first, n_updates, memory)


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


def likely_best_first(model, trainee, feed):
    """The modes worth timing, on a guess that timing may correct.

    A loop saves the start of each step, some 0.05 ms, which matters where a step is short. Where it is long, a loop may cost: on a
    processor XLA's convolutions and large products lose their threads inside it. As matrix products, convolutions keep them; and
    what a step needs beside its weights is memory that the loop's next step uses again, which is half of the gain.
    """
    slow_in_loops = trainee.device == "cpu" and has_convolutions(model)
    if "looped" in trainee.modes:  # as safe as single steps, with less between them, and quicker to compile than a fused loop
        order = ("looped",) if slow_in_loops else ("looped", "fused")
    elif trainee.convolves_in_loops:
        order = ("fused", "stepwise")
    elif slow_in_loops:
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


def _why_not(trainee, mode):
    why = getattr(trainee, "why_not", {}).get(mode)
    return f" ({why.rstrip('.')})" if why else ""
