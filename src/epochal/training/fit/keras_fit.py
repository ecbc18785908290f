"""Training by Keras' own `fit`, where nothing else can, and what cannot be asked for then."""

import os

import keras

from ...base.errors import UsageError
from ...base.progress import Progress
from ...base.stop import Stop
from ..feeds.sources import is_factory, made_by
from .arguments import FitRequest


class _EpochReporter(keras.callbacks.Callback):
    """Tells of every epoch that ended, and ends the training between two batches where it is asked to."""

    def __init__(self, progress: Progress, stop: Stop, n_epochs: int) -> None:
        super().__init__()
        self._progress, self._stop, self._n_epochs = progress, stop, n_epochs

    def on_epoch_begin(self, epoch, *_, **__):
        if epoch > 0 and self.model.history.epoch:  # which is complete only after the last callback of an epoch's end
            report_epoch(self._progress, self.model.history, self._n_epochs, epoch - 1)

    def on_train_batch_end(self, *_, **__):
        self._stop.check()

    def on_train_end(self, *_, **__):
        if self.model.history.epoch:
            report_epoch(self._progress, self.model.history, self._n_epochs, self.model.history.epoch[-1])


def report_epoch(progress: Progress, history: keras.callbacks.History, n_epochs: int, epoch: int) -> None:
    progress.step((epoch + 1) / n_epochs, f"epoch {epoch + 1} of {n_epochs}")
    progress.answer(history)


def train_with_keras(request: FitRequest, why: str, *, resolved, progress: Progress, stop: Stop) -> keras.callbacks.History:
    """`model.fit`, with what Keras does not know of resolved before, or refused for the reason `why`, a part of a sentence."""
    r = request
    progress.say(f"Trained by Keras' own fit: {why}.")
    for name, default in (("batches", "shuffled"), ("micro_batch_size", None), ("checkpoint", None)):
        if getattr(r, name) != default:
            raise UsageError(f"`{name}` must be left out where Keras' own fit trains ({why}); got {getattr(r, name)!r}. Leave it "
                             "out, or remove the cause.")
    for name, data in (("x", r.x), ("validation_data", r.validation_data)):
        x = data[0] if isinstance(data, tuple | list) and data else data
        if isinstance(x, str | os.PathLike) or type(x).__name__ == "ParquetRows":
            raise UsageError(f"`{name}` must be arrays where Keras' own fit trains ({why}); got "
                             f"{os.fspath(getattr(x, 'path', x))!r}. Pass what pandas.read_parquet gives, or remove the cause.")
    x, validation_data = (made_by(data, size or 32) if is_factory(data) else data  # Keras knows no functions
                          for data, size in ((r.x, r.batch_size), (r.validation_data, r.validation_batch_size or r.batch_size)))
    callbacks = [*r.callbacks, _EpochReporter(progress, stop, r.epochs)]
    history = r.model.fit(x, r.y, r.batch_size, r.epochs, r.verbose, callbacks, r.validation_split, validation_data, r.shuffle,
                          r.class_weight, r.sample_weight, r.initial_epoch, r.steps_per_epoch, r.validation_steps,
                          r.validation_batch_size, r.validation_freq)
    history.params.update(resolved, engine="keras", because=why)
    return history
