"""The epochs of a training, in the order of events of Keras' own `fit`, with many batches between two of them."""

from contextlib import nullcontext
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from ...base.stop import Stop, set_by_ctrl_c
from ...base.validate import is_whole
from ...seam.trainee import epoch_logs, logs_of_its_own
from ..checkpoint.checkpoint import Position
from .callbacks import hearing_batches, needing_batches, pacing, seeing_the_model

_PATIENCE = 0.3  # seconds between two looks at the progress bar, at Ctrl-C and at the checkpoint
_LEAST = 8       # batches at a time in a program that loops, which takes fresh memory each time it is called
_FIRST = 16      # batches before anything is known about how long one takes


@dataclass(eq=False)
class Work:
    """A training: the user's model, its `Trainee` and the `Modes` of that, the `Feed`s of the rows, and a `CallbackList`.

    `look(moment)` is called after callbacks had the model, before an `"epoch"` or a `"test"`: it may put another trainee in place.
    """

    model: Any
    trainee: Any
    modes: Any
    feed: Any
    validation: Any
    validation_freq: Any
    callbacks: Any
    look: Any


def run(work, epochs, *, keep=None, done=0, stop=None, after_epoch=None):
    """Train a `range` of epochs, and validate where it is asked for; returns the logs of the last epoch.

    Args:
        done: batches of the first epoch that an earlier run has done.
        keep: called with a `Position` whenever the training could go on from there later, and its `begins()` before an epoch's
            order of rows is drawn; `None` where nobody asks.
        stop: a token whose `check()` ends the training where the model is whole.
        after_epoch: called with the number of every epoch that ended.
    """
    model, callbacks = work.model, work.callbacks
    train, test = _Pass("train", work), _Pass("test", work)
    # Variables hold the truth whenever somebody may look at them; else it stays on the device.
    seen = bool(seeing_the_model(callbacks.callbacks))
    show, read = (lambda: seen and work.trainee.store()), (lambda: seen and work.trainee.load())
    logs = {}
    with set_by_ctrl_c(Stop()) if stop is None else nullcontext(stop) as stopping:
        for epoch in epochs:
            if not done:
                work.trainee.reset_metrics()
                show()
                callbacks.on_epoch_begin(epoch)
                work.look("epoch")
                read()
            if keep:
                keep.begins()
            last = train(work.feed, stopping, skip=done, keep=keep and (lambda n, epoch=epoch: keep(Position(epoch, n))))
            done = 0
            show()
            judged = _validates(work, epoch) and _validated(test, work, stopping, show, read)
            logs = work.trainee.numbers(last) | {f"val_{name}": value for name, value in (judged or {}).items()}
            callbacks.on_epoch_end(epoch, logs)
            read()
            if keep:
                keep(Position(epoch + 1))
            if after_epoch:
                after_epoch(epoch)
            if model.stop_training:
                break
            stopping.check()
    return logs


def _validates(work, epoch):
    often = work.validation_freq
    return work.validation is not None and ((epoch + 1) % often == 0 if is_whole(often) else (epoch + 1) in often)


def _validated(test, work, stopping, show, read):
    work.validation.reset()
    work.callbacks.on_test_begin()
    work.look("test")
    read()
    work.trainee.reset_metrics()
    last = test(work.validation, stopping)
    show()
    logs = work.trainee.numbers(last)
    work.callbacks.on_test_end(logs)
    read()
    return logs


class _Pass:
    """One pass over a feed: its batches in as few calls as the callbacks, and a user who presses Ctrl-C, allow."""

    def __init__(self, what, work):
        model, callbacks = work.model, work.callbacks
        self._work, self._model, self._what, self._trains = work, model, what, what == "train"
        self._begin, self._end = (getattr(callbacks, f"on_{what}_batch_{when}") for when in ("begin", "end"))
        needing = needing_batches(callbacks.callbacks, what)
        self._stop = "stop_training" if what == "train" else "stop_evaluating"
        self._heard = bool(hearing_batches(callbacks.callbacks, what))
        self._every = model.steps_per_execution if needing else None
        self._pacing = pacing(callbacks.callbacks, what)
        self._seen = bool(seeing_the_model(needing) or self._pacing)
        self._changed = self._seen or logs_of_its_own(model, what)  # the metrics may not be what the last step logged
        self._trainee, self._seconds, self._warm = None, None, False  # seconds a batch takes; the programs are compiled

    def __call__(self, feed, stopping, *, skip=0, keep=None):
        """Train or judge the batches; returns the logs of the epoch."""
        logs = self._batches(feed, stopping, skip, keep)
        if not self._changed:
            return logs
        self._work.trainee.store()
        return epoch_logs(self._model, logs)

    def _batches(self, feed, stopping, skip, keep):
        if self._stop == "stop_evaluating":
            self._model.stop_evaluating = False
        run, trainee = getattr(self._work.modes, self._what), self._work.trainee
        if trainee is not self._trainee:
            self._trainee, self._seconds, self._warm = trainee, None, False
        first = step = skip  # of the batches between two hooks; of all
        wanted, logs, since, under_way = 0, {}, perf_counter(), 0
        for chunk in feed.epoch(trainee, skip):
            at, n = 0, len(chunk.rows)
            while at < n:
                if under_way:  # waited for only now: while they trained, the next were read
                    self._look(under_way, since, stopping)
                    under_way = 0
                if first == step:
                    if keep and step > skip:  # not after the last batch, from which there is no way to the end of the epoch
                        keep(step)
                    wanted, since = self._wanted(n - at, step), perf_counter()
                    self._tell(self._begin, step)
                taken = min(n - at, wanted - (step - first))
                logs = run(chunk.data, chunk.rows[at : at + taken])
                at, step = at + taken, step + taken
                if step - first == wanted:
                    self._tell(self._end, first + wanted - 1, logs)
                    under_way, first = step - first, step
                    if getattr(self._model, self._stop):
                        return logs
        if step > first:
            self._tell(self._end, first + wanted - 1 if self._every else step - 1, logs)
        return logs

    def _wanted(self, left, step):
        if self._every:
            return self._every
        left = min([left, *(every - step % every for every in self._pacing)])
        if self._trains and self._work.modes.most:
            left = min(left, self._work.modes.most)
        if getattr(self._model, self._stop):
            return 1  # asked to stop before the first batch: Keras trains that one
        if self._seconds is None:
            return min(left, _FIRST)
        most = max(_LEAST if self._work.modes.name == "fused" else 1, int(_PATIENCE / self._seconds))
        return left if left < 1.5 * most else most

    def _look(self, n_batches, since, stopping):
        """Wait, see how long a batch takes, and answer Ctrl-C."""
        if not self._every:
            self._work.trainee.wait()
            if self._warm:
                self._seconds = (perf_counter() - since) / n_batches
        self._warm = True
        stopping.check()

    def _tell(self, hook, *news):
        if self._heard:
            if self._seen:
                self._work.trainee.store()
            hook(*news)
            if self._seen:
                self._work.trainee.load()

