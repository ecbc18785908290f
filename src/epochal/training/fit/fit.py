"""`fit`, as Keras means it: its arguments, its `History`, its callbacks, its numbers; many batches at a time."""

import os
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import keras

from ...base.errors import UsageError
from ...base.progress import SILENT, Progress
from ...base.stop import Stop
from ...seam.trainee import only_keras, open_trainee
from ..checkpoint.checkpoint import Checkpoint, Position, file_in
from ..checkpoint.identity import digest_of, identity_of
from ..feeds.batches import Batching
from ..feeds.blocks import ParquetBlocks
from ..feeds.cast import OnlyKeras, n_rows_of
from ..feeds.sources import cuts_own_batches, feed_of, is_factory
from . import advice, arguments
from .arguments import FitRequest
from .callbacks import needing_batches
from .keras_fit import report_epoch, train_with_keras
from .loop import Work, run
from .modes import Mode, mode_for
from .other_back_ends import faster_back_end


def fit(request: FitRequest, *, progress: Progress = SILENT, stop: Stop | None = None) -> keras.callbacks.History:
    """Train a compiled Keras model as `model.fit` does, sooner; the workings of `epochal.fit`, where numbers are numbers.

    Args:
        stop: ends the training between two blocks of batches, with the model whole; Ctrl-C does so where there is none.

    Returns:
        The `keras.callbacks.History`; its `params` hold what was resolved beside what Keras puts there.
    """
    request = arguments.checked(request)
    if request.learning_rate is not None:
        arguments.set_learning_rate(request.model, request.learning_rate)
    rate = arguments.without_scaling(request.model.optimizer).learning_rate
    resolved = {"batch_size": request.batch_size, "learning_rate": float(keras.ops.convert_to_numpy(rate)),
                "batches": request.batches}
    by_keras = partial(train_with_keras, resolved=resolved, progress=progress, stop=stop or Stop())
    why = 'engine="keras"' if request.engine == "keras" else only_keras(request.model)
    if why:
        return by_keras(request, why)
    given, (request, held_out) = request, _split(request)
    n_rows, batching = n_rows_of(request.x), Batching(request.batch_size, request.shuffle, request.steps_per_epoch)
    order, shares = arguments.order_of(request.batches, request.y, batching.size(n_rows))
    advice.before(request, y=arguments.targets(request.y), held_out=arguments.targets(held_out), n_rows=n_rows, shares=shares)
    with ExitStack() as opened:
        try:
            feed = feed_of(request.x, request.y, replace(batching, order=order), sample_weight=request.sample_weight,
                           class_weight=request.class_weight)
        except OnlyKeras as error:
            return by_keras(replace(given, x=error.x), str(error))
        opened.callback(feed.close)
        try:
            validation = _validation_feed(request, feed)
        except OnlyKeras as error:
            again = keras.utils.pack_x_y_sample_weight(error.x, *keras.utils.unpack_x_y_sample_weight(request.validation_data)[1:])
            return by_keras(replace(given, x=feed.original(given.x), validation_data=again), str(error))
        if validation is not None:
            opened.callback(validation.close)
        resolved |= {"batch_size": request.batch_size or 32 if is_factory(request.x) else feed.batch_size} | shares
        return _train(request, feed, validation, resolved, progress, stop)


def _split(request):
    """The request with `validation_split` resolved, and the targets that it took, or `None`."""
    held_out, model = None, request.model
    if request.validation_split and request.validation_data is None:
        (x, y, weight), validation = arguments.split(request.x, request.y, request.sample_weight, request.validation_split)
        request, held_out = replace(request, x=x, y=y, sample_weight=weight, validation_data=validation), validation[1]
    arguments.refuse_without_targets(model, (request.x, request.y), "y")
    if request.validation_data is not None and not isinstance(request.validation_data, str):
        arguments.refuse_without_targets(model, keras.utils.unpack_x_y_sample_weight(request.validation_data), "validation_data")
    return request, held_out


def _validation_feed(request, feed):
    if request.validation_data is None:
        return None
    x, y, weight = keras.utils.unpack_x_y_sample_weight(request.validation_data)
    like = feed.source.rows if isinstance(feed.source, ParquetBlocks) else None  # the same features, and codes for classes
    size = None if cuts_own_batches(x) else request.validation_batch_size or request.batch_size
    return feed_of(x, y, Batching(size, False, request.validation_steps), sample_weight=weight, like=like)


def _train(request, feed, validation, resolved, progress, stop):
    model = request.model
    trainee, built = open_trainee(model, feed.sample, request.micro_batch_size)
    if built:
        feed.rehearse()
    feed.reset()
    callbacks = keras.callbacks.CallbackList(request.callbacks, add_history=True, add_progbar=request.verbose != 0, model=model,
                                             verbose=request.verbose, epochs=request.epochs, steps=feed.n_batches)
    kept = _checkpoint(request, feed, resolved)
    mode, notes = _mode(request, trainee, feed, kept)
    for sentence in (f"{mode}.", *map(str, notes)):
        progress.say(sentence)
    model.history.params.update(resolved, engine=mode.name, backend=trainee.backend, because=mode.because)
    model.stop_training = False
    if kept:
        kept.before_begin(trainee, mode.name)
    callbacks.on_train_begin()
    done = kept and kept.resume()
    trainee.load()  # a callback, or the checkpoint, may have put back what it kept
    epochs = _epochs(request, done)
    if done:
        progress.say(f"Continuing after {done.epoch} epochs and {done.n_batches} batches, from {request.checkpoint}.")
    elif kept:
        kept(Position(epochs.start))
    try:
        work = Work(model, trainee, mode.name, feed, validation, request.validation_freq, callbacks)
        logs = run(work, epochs, keep=kept, done=done.n_batches if done else 0, stop=stop,
                   after_epoch=partial(report_epoch, progress, model.history, epochs.stop))
        if kept:
            kept(Position(1 + max(model.history.epoch, default=epochs.start - 1)), last=True)
    finally:
        trainee.store()
        if request.epochs > 0:
            model.optimizer.finalize_variable_values(model.trainable_weights)
    callbacks.on_train_end(logs)
    advice.after(model)
    return model.history


def _mode(request, trainee, feed, kept):
    if kept and kept.ran_on:
        backend, before = kept.ran_on
        if backend != trainee.backend:
            raise UsageError(f"`checkpoint` must be the folder of a training on {trainee.backend}; the one in "
                             f"{os.fspath(request.checkpoint)!r} was trained on {backend} in a process of its own, which this "
                             "version no longer does. Name another folder to begin anew.")
        return Mode(before, None, "as before"), []  # another mode would round differently
    n_updates = None if feed.n_batches is None else feed.n_batches * max(0, request.epochs - request.initial_epoch)
    mode = mode_for(request.model, trainee, feed, n_updates, request.engine)
    faster = faster_back_end(request, trainee, feed, mode, n_updates) if request.engine == "auto" else None
    price = advice.every_batch(needing_batches(request.callbacks, "train"), feed.n_batches)
    return mode, [finding for finding in (faster, price) if finding is not None]


def _epochs(request, done):
    restored = getattr(request.model, "_initial_epoch", None)  # where `BackupAndRestore` leaves it: nowhere else
    first = done.epoch if done else restored or request.initial_epoch
    return range(first, first if done and request.model.stop_training else request.epochs)


def _checkpoint(request, feed, resolved):
    if request.checkpoint is None:
        return None
    if not feed.source.starts_anew:
        raise UsageError("`checkpoint` must be left out for a generator, which cannot be wound back to where a training stopped. "
                         "Pass a keras.utils.PyDataset, or a function make_dataset(batch_size).")
    asked = {"batch size": resolved["batch_size"], "kind of batches": resolved["batches"],
             "learning rate": request.learning_rate and float(request.learning_rate), "shuffle": str(request.shuffle),
             "class_weight": request.class_weight and sorted(map(str, request.class_weight.items())),
             "steps_per_epoch": request.steps_per_epoch and int(request.steps_per_epoch)}
    digests = {"set of rows": digest_of((request.x, request.y, request.sample_weight)),
               "set of validation rows": digest_of(keras.utils.unpack_x_y_sample_weight(request.validation_data))}
    identity = identity_of(request.model, feed, request.callbacks, asked, file_in(request.checkpoint)) | digests
    return Checkpoint(request.checkpoint, request.model, feed, request.callbacks, identity)
