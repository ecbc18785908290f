"""`fit`, as Keras means it: its arguments, its `History`, its callbacks, its numbers; many batches at a time."""

import inspect
import os
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import keras

from ...base.errors import UsageError
from ...base.progress import SILENT, Progress
from ...base.stop import Stop
from ...base.system.lock import writing
from ...rules.training.advice import every_batch
from ...seam.frozen.features import StepAside
from ...seam.model.copying import inside, own_way
from ...seam.trainee import build_for_training, only_keras, open_trainee
from ..checkpoint.checkpoint import Checkpoint, Position, file_in
from ..checkpoint.identity import digest_of, identity_of
from ..feeds.batches import Batching
from ..feeds.blocks import ParquetBlocks
from ..feeds.cast import OnlyKeras, are_arrays, n_rows_of, sparse_in
from ..feeds.sources import cuts_own_batches, feed_of, is_factory, made_by
from . import advice, arguments
from .arguments import FitRequest
from .callbacks import changing_the_model, needing_batches
from .frozen import computed_once
from .hold import Hold
from .loop import Work, run
from .modes import Mode, Modes, modes_for
from .other_back_ends import faster_back_end
from .preprocessor import can_prepare, with_rows_prepared

_BETWEEN = ("on_epoch_begin", "on_epoch_end", "on_test_begin", "on_test_end")  # hooks between the trainings of two epochs
_OF_KERAS = ("batch_size", "epochs", "verbose", "validation_split", "shuffle", "class_weight", "sample_weight", "initial_epoch",
             "steps_per_epoch", "validation_steps", "validation_batch_size", "validation_freq")


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
    rates = [float(keras.ops.convert_to_numpy(part.learning_rate)) for part in inside(request.model.optimizer) if part is not None]
    resolved = {"batch_size": request.batch_size, "batches": request.batches,
                "learning_rate": rates[0] if len(rates) == 1 else rates or None}
    by_keras = partial(_by_keras, resolved=resolved, progress=progress, stop=stop or Stop())
    judges = request.validation_data is not None or request.validation_split
    made = ("make_train_function", *(("make_test_function",) if judges else ()))
    own = own_way(request.model, ("fit", *(("evaluate",) if judges else ()), *made))
    prepares = bool(own) and can_prepare(request) and own_way(request.model, made) is None
    why = 'engine="keras"' if request.engine == "keras" else (
        (None if prepares else own) or only_keras(request.model) or sparse_in((request.x, request.y, request.sample_weight)))
    if why:
        return by_keras(request, why)
    given = request
    if prepares:
        try:
            request, sentence = with_rows_prepared(request, _telling(progress, stop, "preparing the rows"))
        except StepAside as aside:
            return by_keras(request, f"{own}, and its preprocessor cannot be run beforehand: {aside}")
        progress.say(sentence)
    request, held_out = _split(request)
    n_rows, batching = n_rows_of(request.x), Batching(request.batch_size, request.shuffle, request.steps_per_epoch)
    order, shares = arguments.order_of(request.batches, request.y, batching.size(n_rows))
    advice.before(request, y=arguments.targets(request.y), held_out=arguments.targets(held_out), n_rows=n_rows, shares=shares)
    with ExitStack() as opened:
        try:
            feed = feed_of(request.x, request.y, replace(batching, order=order), sample_weight=request.sample_weight,
                           class_weight=request.class_weight)
            feed.source.look()
        except OnlyKeras as error:
            return by_keras(given if are_arrays(given.x) else replace(given, x=error.x), error.why)
        opened.callback(feed.close)
        try:
            validation = _validation_feed(request, feed)
        except OnlyKeras as error:
            if given.validation_split:
                return by_keras(given, error.why)
            again = keras.utils.pack_x_y_sample_weight(error.x, *keras.utils.unpack_x_y_sample_weight(request.validation_data)[1:])
            x = getattr(feed.source, "original", lambda: given.x)()  # a generator has lost batches that were looked at
            return by_keras(replace(given, x=x, validation_data=again), error.why)
        if validation is not None:
            opened.callback(validation.close)
        if request.checkpoint is not None:
            opened.enter_context(writing(file_in(request.checkpoint), "checkpoint", say=progress.say))
        resolved |= {"batch_size": request.batch_size or 32 if is_factory(request.x) else feed.batch_size} | shares
        return _train(request, feed, validation, resolved, progress, stop)


def _by_keras(request, why, *, resolved, progress, stop):
    """`model.fit`, with what it does not know of resolved before, or refused for the reason `why`, a part of a sentence."""
    r = request
    progress.say(f"Trained by model.fit: {why}.")
    for name, defaults in (("batches", ("shuffled",)), ("micro_batch_size", (None,)), ("checkpoint", (None,)),
                           ("engine", ("auto", "keras", keras.backend.backend()))):
        if getattr(r, name) not in defaults:
            raise UsageError(f"`{name}` must be left out where model.fit trains ({why}); got {getattr(r, name)!r}. Leave it "
                             "out, or remove the cause.")
    judged = r.validation_data[0] if isinstance(r.validation_data, tuple | list) and r.validation_data else r.validation_data
    for name, x in (("x", r.x), ("validation_data", judged)):
        if isinstance(x, str | os.PathLike) or type(x).__name__ == "ParquetRows":
            raise UsageError(f"`{name}` must be arrays where model.fit trains ({why}); got "
                             f"{os.fspath(getattr(x, 'path', x))!r}. Pass what pandas.read_parquet gives, or remove the cause.")
    x, validation_data = (made_by(data, size or 32) if is_factory(data) else data  # Keras knows no functions
                          for data, size in ((r.x, r.batch_size), (r.validation_data, r.validation_batch_size or r.batch_size)))
    takes = inspect.signature(r.model.fit).parameters.values()
    told = any(parameter.name == "callbacks" or parameter.kind is parameter.VAR_KEYWORD for parameter in takes)
    callbacks = [*r.callbacks, *([_EpochReporter(progress, stop, r.epochs)] if told else [])]
    given = {name: getattr(r, name) for name in _OF_KERAS} | {"validation_data": validation_data, "callbacks": callbacks or None}
    # What is as Keras has it is left out: a `fit` of the user's own may take fewer arguments, in another order.
    asked = {name: value for name, value in given.items()
             if type(value) is not type(default := getattr(FitRequest, name)) or value != default}
    history = r.model.fit(x, *(() if r.y is None else (r.y,)), **asked)
    if isinstance(history, arguments.History):
        history.params.update(resolved, engine="keras", because=why)
    return history


class _EpochReporter(keras.callbacks.Callback):
    """Tells of every epoch that ended, and ends the training between two batches where it is asked to."""

    def __init__(self, progress, stop, n_epochs):
        super().__init__()
        self._progress, self._stop, self._n_epochs = progress, stop, n_epochs

    def on_epoch_begin(self, epoch, *_, **__):
        if epoch > 0 and self.model.history.epoch:  # which is complete only after the last callback of an epoch's end
            _report_epoch(self._progress, self.model.history, self._n_epochs, epoch - 1)

    def on_train_batch_end(self, *_, **__):
        self._stop.check()

    def on_train_end(self, *_, **__):
        if self.model.history.epoch:
            _report_epoch(self._progress, self.model.history, self._n_epochs, self.model.history.epoch[-1])


def _report_epoch(progress, history, n_epochs, epoch):
    progress.step((epoch + 1) / n_epochs, f"epoch {epoch + 1} of {n_epochs}")
    progress.answer(history)


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
    if build_for_training(model, feed.rehearsed, request.micro_batch_size, all_now=request.checkpoint is not None):
        feed.rehearsed()
    feed.reset()
    for one in (feed, validation):
        if one is not None:
            one.at_once = model.steps_per_execution
    callbacks = keras.callbacks.CallbackList(request.callbacks, add_history=True, add_progbar=request.verbose != 0, model=model,
                                             verbose=request.verbose, epochs=request.epochs, steps=feed.n_batches)
    kept = _checkpoint(request, feed, resolved)
    price = every_batch(sorted({type(one).__name__ for one in needing_batches(request.callbacks, "train")}), feed.n_batches)
    if price is not None:
        progress.say(str(price))
    hold, ours = Hold(request, feed, validation), [one for one in request.callbacks if hasattr(one, "attach")]
    work = _work(request, feed, validation, callbacks, kept, progress, stop)
    hold.follow(work)
    for one in ours:
        one.attach(hold)
    model.history.params.update(resolved, backend=work.trainee.backend)
    told = []

    def tell(n_epochs_left):
        """Say how batches are run, once that is known, and never into the line of an epoch's progress."""
        mode = work.modes.mode
        if mode is None or mode in told:
            return
        told.append(mode)
        progress.say(f"{mode}.")
        if request.engine == "auto" and n_epochs_left > 0 and "frozen" not in model.history.params:
            faster = faster_back_end(request, work.trainee, feed, mode, n_epochs_left * (feed.n_batches or 0))
            if faster is not None:
                progress.say(str(faster))

    def after_epoch(epoch):
        tell(epochs.stop - epoch - 1)
        _report_epoch(progress, model.history, epochs.stop, epoch)

    tell(request.epochs - request.initial_epoch)
    model.stop_training = False
    if kept:
        kept.before_begin(work)
    callbacks.on_train_begin()
    done = kept and kept.resume()
    for one in ours if done else ():
        one.resumed()
    work.look("begin")
    work.trainee.load()  # a callback, or the checkpoint, may have put back what it kept
    epochs = _epochs(request, done)
    if done:
        progress.say(f"Continuing after {done.epoch} epochs and {done.n_batches} batches, from {request.checkpoint}.")
    elif kept:
        kept(Position(epochs.start))
    try:
        logs = run(work, epochs, keep=kept, done=done.n_batches if done else 0, stop=stop, after_epoch=after_epoch)
        work.modes.close()
        tell(0)
        if kept:
            kept(Position(1 + max(model.history.epoch, default=epochs.start - 1)), last=True)
    finally:
        hold.active = False
        work.trainee.store()
        work.modes.close()
        model.history.params.update(engine=work.modes.mode.name, because=work.modes.mode.because)
        if request.epochs > 0:
            model.optimizer.finalize_variable_values(model.trainable_weights)
    callbacks.on_train_end(logs)
    advice.after(model)
    return model.history


def _work(request, feed, validation, callbacks, kept, progress, stop):
    """The `Work` of a training: of the whole model, or of its head where its frozen base can be computed beforehand."""
    model, n_epochs = request.model, max(0, request.epochs - request.initial_epoch)

    def modes_of(trainee, network):
        n_updates = None if feed.n_batches is None else feed.n_batches * n_epochs
        return _modes(request, trainee, network, feed, n_updates, kept)

    computing = _telling(progress, stop, "computing the frozen part of the model once")
    once, why_not = computed_once(request, feed, validation, n_epochs, computing)
    if once is None:
        if why_not:
            progress.say(f"The frozen part of the model is computed anew in every epoch: {why_not}.")
        trainee = open_trainee(model, request.micro_batch_size)
        return Work(model, trainee, modes_of(trainee, model), feed, validation, request.validation_freq, callbacks, _nothing)
    progress.say(once.sentence)
    model.history.params["frozen"] = once.figures
    trainee = open_trainee(model, request.micro_batch_size, trains=once.head, judges=once.judges)
    after = {"begin": True, "test": changing_the_model(request.callbacks, ("on_test_begin",)),
             "epoch": changing_the_model(request.callbacks, _BETWEEN)}

    def look(moment):
        if work.trainee is trainee and (why := once.why_not(changed=after[moment])):
            progress.say(why)
            trainee.store()
            once.leave()
            work.trainee = open_trainee(model, request.micro_batch_size)
            work.modes = modes_of(work.trainee, model)

    work = Work(model, trainee, modes_of(trainee, once.head), feed, validation, request.validation_freq, callbacks, look)
    return work


def _telling(progress, stop, what):
    """What is called with the share that is done of something that is computed before training."""
    def tell(share):
        if stop is not None:
            stop.check()
        progress.step(0.0, f"{what}: {share:.0%} of the rows")

    return tell


def _nothing(_):
    """Nothing to look at."""


def _modes(request, trainee, network, feed, n_updates, kept):
    if kept and kept.ran_on:
        backend, before = kept.ran_on
        if backend != trainee.backend:
            raise UsageError(f"`checkpoint` must be the folder of a training on {trainee.backend}; the one in "
                             f"{os.fspath(request.checkpoint)!r} was trained on {backend} in a process of its own, which this "
                             "version no longer does. Name another folder to begin anew.")
        return Modes(trainee, Mode(before, None, "as before"), n_updates)  # another mode would round differently
    often = bool(needing_batches(request.callbacks, "train")) and request.model.steps_per_execution == 1
    return modes_for(network, trainee, feed, n_updates, request.engine, every_batch=often)


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
    known = set(map(id, request.model.variables))
    others = [f"`{name}`" for name, part in vars(request.model).items() if isinstance(part, keras.optimizers.Optimizer)
              and part is not request.model.optimizer and not known.issuperset(map(id, part.variables))]
    if others:
        raise UsageError("`checkpoint` must be left out for a model that keeps optimizers of its own, whose state Keras does not "
                         f"know of; got {' and '.join(others)}. Leave it out, or hold their variables in a list of the model.")
    asked = {"batch size": resolved["batch_size"], "kind of batches": resolved["batches"],
             "learning rate": request.learning_rate and float(request.learning_rate), "shuffle": str(request.shuffle),
             "class_weight": request.class_weight and sorted(map(str, request.class_weight.items())),
             "steps_per_epoch": request.steps_per_epoch and int(request.steps_per_epoch)}
    digests = {"set of rows": digest_of((request.x, request.y, request.sample_weight)),
               "set of validation rows": digest_of(keras.utils.unpack_x_y_sample_weight(request.validation_data))}
    identity = identity_of(request.model, feed, request.callbacks, asked, file_in(request.checkpoint)) | digests
    return Checkpoint(request.checkpoint, request.model, feed, request.callbacks, identity)
