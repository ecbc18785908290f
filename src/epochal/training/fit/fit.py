"""`fit`, as Keras means it: its arguments, its `History`, its callbacks, its numbers; the batches run by the engine."""

from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

import keras

from ...base.errors import UsageError
from ...seam.trainee import open_trainee
from ..checkpoint.checkpoint import Checkpoint, file_in
from ..checkpoint.identity import digest_of, identity_of
from ..feeds.blocks import ParquetBlocks
from ..feeds.sources import OnlyKeras, cuts_own_batches, feed_of, is_factory, made_by, size_of
from . import advice, arguments
from .hooks import needing_batches
from .loop import Position, Span, run
from .manner import as_before, fastest, only_keras


def fit(model, x=None, y=None, batch_size=None, epochs=1, verbose="auto", callbacks=None, validation_split=0.0,
        validation_data=None, shuffle=True, class_weight=None, sample_weight=None, initial_epoch=0, steps_per_epoch=None,
        validation_steps=None, validation_batch_size=None, validation_freq=1, *, learning_rate=None, batches="shuffled",
        micro_batch_size=None, engine="auto", checkpoint=None, unless_given=(), say=None):
    """Train a compiled Keras model as `model.fit` does, sooner; the workings of `epochal.fit`, where numbers are numbers.

    Args:
        model, x, y, …, checkpoint: see `epochal.fit`.
        unless_given: callbacks that are added where the user passes none of their class.
        say: called with each sentence that a user who wants progress should read.

    Returns:
        The `keras.callbacks.History`; its `params` hold what was resolved beside what Keras puts there.
    """
    say = say or (lambda sentence: None)
    arguments.check(model, x, batch_size=batch_size, epochs=epochs, batches=batches, micro_batch_size=micro_batch_size,
                    engine=engine, validation_freq=validation_freq)
    arguments.check_numbers(initial_epoch=initial_epoch, steps_per_epoch=steps_per_epoch, validation_steps=validation_steps,
                            validation_batch_size=validation_batch_size, validation_split=validation_split)
    arguments.check_things(callbacks=callbacks, checkpoint=checkpoint, class_weight=class_weight)
    epochs, steps_per_epoch, validation_steps = arguments.limited(epochs, steps_per_epoch, validation_steps)
    callbacks = [] if callbacks is None else keras.tree.flatten(callbacks)
    callbacks = callbacks + [added for added in unless_given if not any(isinstance(given, type(added)) for given in callbacks)]
    if learning_rate is not None:
        arguments.set_learning_rate(model, learning_rate)
    resolved = {"batch_size": batch_size, "learning_rate": arguments.learning_rate_of(model), "batches": batches}

    def by_keras(x, why, validation_data=validation_data):
        arguments.refuse_beside_keras(why, batches=batches if batches != "shuffled" else None, micro_batch_size=micro_batch_size,
                                      checkpoint=checkpoint)
        arguments.refuse_files_beside_keras(why, x=x, validation_data=validation_data)
        say(f"Trained by Keras' own fit: {why}.")
        x, validation_data = (made_by(data, size or 32) if is_factory(data) else data  # Keras knows no functions
                              for data, size in ((x, batch_size), (validation_data, validation_batch_size or batch_size)))
        history = model.fit(x, y, batch_size, epochs, verbose, callbacks, validation_split, validation_data, shuffle, class_weight,
                            sample_weight, initial_epoch, steps_per_epoch, validation_steps, validation_batch_size, validation_freq)
        history.params.update(resolved, engine="keras", because=why)
        return history

    why = only_keras(model, engine)
    if why:
        return by_keras(x, why)
    rows, held = (x, y, sample_weight), validation_data
    held_out = None
    if validation_split and validation_data is None:
        rows, held = arguments.split(*rows, validation_split)
        held_out = held[1]
    arguments.refuse_without_targets(model, rows, "y")
    if held is not None and not isinstance(held, str):
        arguments.refuse_without_targets(model, keras.utils.unpack_x_y_sample_weight(held), "validation_data")
    order, shares = arguments.order_of(batches, rows[1], size_of(batch_size, arguments.n_rows_of(rows[0]), steps_per_epoch))
    advice.before(model, y=arguments.targets(rows[1]), held_out=arguments.targets(held_out), n_rows=arguments.n_rows_of(rows[0]),
                  batch_size=batch_size, callbacks=callbacks, class_weight=class_weight, batches=batches,
                  continues=initial_epoch > 0 or checkpoint is not None)
    if checkpoint is not None and cuts_own_batches(x) and not hasattr(x, "__next__"):  # a generator is refused
        advice.resumable(x)
    with ExitStack() as opened:
        try:
            feed = feed_of(*rows[:2], sample_weight=rows[2], batch_size=batch_size, class_weight=class_weight, shuffle=shuffle,
                           steps_per_epoch=steps_per_epoch, order=order)
        except OnlyKeras as error:
            return by_keras(error.x, str(error))
        opened.callback(feed.close)
        try:
            validation = _validation(held, feed, validation_batch_size or batch_size, validation_steps)
        except OnlyKeras as error:
            again = keras.utils.pack_x_y_sample_weight(error.x, *keras.utils.unpack_x_y_sample_weight(held)[1:])
            return by_keras(feed.original(x), str(error), again)
        if validation is not None:
            opened.callback(validation.close)
        resolved |= {"batch_size": batch_size or 32 if is_factory(x) else feed.batch_size} | shares
        digests = {} if checkpoint is None else {
            "set of rows": digest_of(rows), "set of validation rows": digest_of(keras.utils.unpack_x_y_sample_weight(held))}
        told = {"learning rate": learning_rate and float(learning_rate), "shuffle": str(shuffle),
                "class_weight": class_weight and sorted(map(str, class_weight.items())),
                "steps_per_epoch": steps_per_epoch and int(steps_per_epoch)}
        asked = _Asked(epochs, verbose, callbacks, initial_epoch, validation_freq, micro_batch_size, engine, checkpoint, told,
                       digests)
        return _fitted(model, feed, validation, asked, resolved, say)


class _Asked(NamedTuple):
    """What was asked for beside the data; the names are those of `fit`."""

    epochs: int
    verbose: Any
    callbacks: list
    initial_epoch: int
    validation_freq: Any
    micro_batch_size: int | None
    engine: str
    checkpoint: Any
    told: dict     # of what else makes a training another one, by name
    digests: dict  # of its rows, by name, where there is a checkpoint


def _validation(held, feed, batch_size, steps):
    if held is None:
        return None
    x, y, weight = keras.utils.unpack_x_y_sample_weight(held)
    like = feed.source.rows if isinstance(feed.source, ParquetBlocks) else None  # the same features, and codes for classes
    return feed_of(x, y, sample_weight=weight, shuffle=False, steps_per_epoch=steps, like=like,
                   batch_size=None if cuts_own_batches(x) else batch_size)


def _fitted(model, feed, validation, asked, resolved, say):
    ours, built = open_trainee(model, feed.sample, asked.micro_batch_size)
    if built:
        feed.rehearse()
    feed.reset()
    n_updates = None if feed.n_batches is None else feed.n_batches * max(0, asked.epochs - asked.initial_epoch)
    called = keras.callbacks.CallbackList(asked.callbacks, add_history=True, add_progbar=asked.verbose != 0, verbose=asked.verbose,
                                          epochs=asked.epochs, steps=feed.n_batches, model=model)
    kept = _checkpoint(model, feed, asked, resolved)
    if kept and kept.manner:
        trainee, manner = as_before(model, ours, feed, kept.manner, asked.micro_batch_size)
    else:
        trainee, manner = fastest(model, ours, feed, n_updates, asked.engine, asked.micro_batch_size)
    say(f"{manner}.")
    price = advice.every_batch(needing_batches(asked.callbacks, "train"), feed.n_batches)
    if price:
        say(price)
    model.history.params.update(resolved, engine=manner.mode, backend=trainee.backend, because=manner.because)
    model.stop_training = False
    if kept:
        kept.before_begin()
    called.on_train_begin()
    done = kept and kept.resume()
    trainee.load()  # a callback, or the checkpoint, may have put back what it kept
    first = getattr(model, "_initial_epoch", None) or asked.initial_epoch  # where `BackupAndRestore` leaves it: nowhere else
    keep = kept and _Keep(kept, trainee, manner.mode)
    if done:
        first = done.epoch
        say(f"Going on after {done.epoch} epochs and {done.n_batches} batches, from {asked.checkpoint}.")
    elif keep:
        keep(Position(first))
    span = Span(first, first if done and model.stop_training else asked.epochs, partial(arguments.validates, asked.validation_freq))
    logs, finished = {}, False
    try:
        logs = run(model, trainee, feed, called, span, mode=manner.mode, test_mode=manner.mode, validation=validation, keep=keep,
                   done=done.n_batches if done else 0)
        if keep:
            keep(Position(1 + max(model.history.epoch, default=first - 1)), last=True)
        finished = True
    finally:
        trainee.store()
        if trainee is not ours:
            trainee.close()
        if asked.epochs > 0:
            model.optimizer.finalize_variable_values(model.trainable_weights)
        if finished:
            called.on_train_end(logs)
    advice.after(model)
    return model.history


class _Keep(NamedTuple):
    """A checkpoint that knows where and how the training runs."""

    checkpoint: Checkpoint
    trainee: Any
    mode: str

    def begins(self):
        self.checkpoint.begins()

    def __call__(self, position, *, last=False):
        self.checkpoint(position, self.trainee.store, manner=[self.trainee.backend, self.mode], last=last)


def _checkpoint(model, feed, asked, resolved):
    if asked.checkpoint is None:
        return None
    if not feed.source.starts_anew:
        raise UsageError("`checkpoint` must be left out for a generator, which cannot be wound back to where a training stopped. "
                         "Pass a keras.utils.PyDataset, or a function make_dataset(batch_size).")
    told = {"batch size": resolved["batch_size"], "kind of batches": resolved["batches"], **asked.told}
    identity = identity_of(model, feed, asked.callbacks, told, file_in(asked.checkpoint)) | asked.digests
    return Checkpoint(asked.checkpoint, model, feed, asked.callbacks, identity)
