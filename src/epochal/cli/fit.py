"""`epochal fit`: train a model on a table with planned or given numbers, and save it with its encoding in one file."""

import math
import shutil
import sys
import tempfile
from contextlib import nullcontext, redirect_stdout
from pathlib import Path

import click

from ..base.budget import seconds_of
from ..base.errors import UsageError
from ..base.files import whole_file
from ..base.progress import Silent
from ..base.text import counted, rich_table
from ..base.validate import require
from ..rules.training.prior import balanced_weights
from ..tables import open_table
from ..tables.encoding import class_shares, encoding_of, save_encoding
from ..tables.predictions import answers, meaning_of
from ..tables.score import score_rows, scores
from .common import (
    choose_backend,
    no_room,
    stops_as_an_interrupt,
    strict_json,
    tell,
    terminal,
    warnings_as_sentences,
    writable_file,
)
from .plan import builder
from .settings import announce, check_sources, plan_at, planned, settled

_LOOKED_AT = 256  # rows of which an untrained model shows what its outputs are
_JUDGED_IN = 1024  # rows at a time


def run(*, data, target, group, time, task, model, backend, plan, batch_size, epochs, learning_rate, goal, budget, class_weight,
        batches, engine, checkpoint, seed, out, as_json):
    """What `epochal fit` does; the arguments are its options."""
    path = writable_file(out, (".keras",))
    given = {"--batch-size": batch_size, "--epochs": epochs, "--learning-rate": learning_rate}
    check_sources(plan, given, {"--goal": goal, "--budget": budget})
    known = None if plan is None else plan_at(plan)
    seconds = seconds_of(budget or "1 min")
    require(class_weight is None or batches != "balanced", "--class-weight", class_weight, "left out beside --batches balanced",
            "Either makes up for rare classes; both would do it twice.")
    console, answer = terminal(stderr=True), terminal()
    say = console if as_json else answer
    choose_backend(backend)
    table = open_table(data, target=target, group=group, time=time, task=task, seed=seed)
    prior = class_shares(table)
    require(prior or (class_weight is None and batches == "shuffled"), "--batches" if batches != "shuffled" else "--class-weight",
            batches if batches != "shuffled" else class_weight, "left out for a target of numbers", "They need classes.")
    shifted = class_weight is not None or batches == "balanced"
    build = builder(table, model)
    if plan is None and epochs is None:
        known, plan = planned(table, build, class_weight, path, goal or "fastest", seconds, seed, console, say)
    else:
        for note in table.notes:
            tell(say, f"· {note}")
    settings = settled(known, plan, batch_size, learning_rate, epochs)

    from ..seam.model.copying import seeded

    with seeded(seed):
        network, meaning = _checked(build, table, say)

        def encoding():
            params = getattr(getattr(network, "history", None), "params", {})
            return encoding_of(table, target=_target(target, data), split_columns=[name for name in (group, time) if name],
                               outputs=meaning,
                               prior=prior, trained_prior=_trained_prior(params, prior, shifted))

        _save(network, encoding(), None)  # what cannot be saved is better known before the training
        announce(settings, known, table, network, say)
        options = {"class_weight": balanced_weights(prior) if class_weight else None, "batches": batches, "engine": engine,
                   "checkpoint": checkpoint}
        try:
            with stops_as_an_interrupt():
                history = _trained(network, table, settings, options, as_json, say)
                on_test, judged = _judged(network, table, encoding())
                _save(network, encoding(), path)
        except KeyboardInterrupt:
            tell(say, _stopped(network, encoding, path, checkpoint))
            sys.exit(130)
    if as_json:
        click.echo(_for_machines(path, table, settings, history, on_test, judged))
    else:
        _print_results(answer, settings, len(history.epoch), on_test, judged)
    correct = " --correct-prior" if shifted else ""
    tell(say, f"Written: {path} (for new rows: epochal predict {path} NEW.csv{correct} --out predictions.parquet)")


def _checked(build, table, say):
    """A new model that fits the table, and what its outputs mean."""
    from ..seam.model.file import answers_with_logits, check_fits

    network = build()
    outputs = check_fits(network, table.x_train[:_LOOKED_AT], table.y_train[:_LOOKED_AT])
    meaning = meaning_of(outputs, table.kind, len(table.classes), logits=answers_with_logits(network))
    if meaning == "raw":
        tell(say, "The model's outputs are neither probabilities nor one number a row: epochal predict writes them as they are.")
    return network, meaning


def _trained(network, table, settings, options, as_json, say):
    """The history of the training, whose progress goes where the sentences go."""
    from ..training.fit.fit import fit
    from ..training.fit.request import FitRequest

    with warnings_as_sentences(say), redirect_stdout(sys.stderr) if as_json else nullcontext():
        request = FitRequest(network, table.x_train, table.y_train, batch_size=settings.batch_size, epochs=settings.epochs,
                             verbose=1 if say.is_terminal else 2, callbacks=settings.callbacks,
                             validation_data=(table.x_validation, table.y_validation), learning_rate=settings.learning_rate,
                             **options)
        return fit(request, progress=_Told(say))


class _Told(Silent):
    """Progress of which sentences alone are shown."""

    def __init__(self, console):
        self._console = console

    def say(self, sentence):
        tell(self._console, sentence)


def _judged(network, table, encoding):
    """Loss and metrics on the test rows by Keras; and `(values, y, encoding)` for `tables.score`, `None` where outputs are raw."""
    on_test = network.evaluate(table.x_test, table.y_test, batch_size=_JUDGED_IN, verbose=0, return_dict=True)
    require(math.isfinite(on_test["loss"]), "training", f"a test loss of {on_test['loss']}", "one that ends in numbers",
            "Nothing is written. Pass a lower --learning-rate, or leave all numbers out to have them planned.")
    if encoding.outputs == "raw":
        return on_test, None
    outputs = network.predict(table.x_test, batch_size=_JUDGED_IN, verbose=0)
    y = table.y_test.reshape(-1)
    y = y.astype(float) * table.target_scale + table.target_mean if table.kind == "regression" else y.astype(int)
    return on_test, (answers(outputs, encoding), y, encoding)


def _stopped(network, encoding, path, checkpoint):
    """Keep what an interrupted training has reached; returns the sentence that says so."""
    again = f" The same command continues from {checkpoint}." if checkpoint else ""
    history = getattr(network, "history", None)
    n_epochs = 0 if history is None else len(history.epoch)
    if not n_epochs:
        return f"\nStopped before an epoch was finished: nothing is written.{again}"
    place = path.with_suffix(".interrupted.keras")
    try:
        _save(network, encoding(), place)
    except UsageError as error:
        return f"\nStopped after {counted(n_epochs, 'epoch')}, and nothing is written: {error}{again}"
    kept = f" {path} is as it was." if path.exists() else ""
    return f"\nStopped. The model as it is after {counted(n_epochs, 'finished epoch')} is in {place}.{kept}{again}"


def _save(network, encoding, path):
    """Write model and encoding as one file, whole or not at all; with `None` as the path, only show that it can be done."""
    from ..seam.model.file import save_model

    try:
        with tempfile.TemporaryDirectory() as room:
            draft = Path(room) / "model.keras"  # Keras writes to a name that ends so, and to no open file
            save_model(network, draft)
            save_encoding(encoding, draft)
            if path is not None:
                with open(draft, "rb") as finished, whole_file(path) as file:
                    shutil.copyfileobj(finished, file)
    except OSError as error:
        raise no_room(path or tempfile.gettempdir(), error) from error


def _print_results(console, settings, n_epochs, on_test, judged):
    early = ", ended by early stopping; the weights are those of the best one" if n_epochs < settings.epochs else ""
    tell(console, f"\nTrained for {counted(n_epochs, 'epoch')}{early}.\nOn the test rows, read once: "
         + ", ".join(f"{name} {value:.4g}" for name, value in on_test.items()) + "\n")
    if judged:
        console.print(rich_table(list(score_rows(*judged, where="on the test rows"))))


def _for_machines(path, table, settings, history, on_test, judged):
    resolved = {name: value for name, value in history.params.items() if isinstance(value, (str, int, float, bool, list, tuple))}
    last = {name: values[-1] for name, values in history.history.items() if values}
    document = {"model": str(path), "kind": table.kind, "classes": list(table.classes), "source": settings.source,
                "batch_size": settings.batch_size, "learning_rate": settings.learning_rate, "epochs": settings.epochs,
                "epochs_trained": len(history.epoch), "resolved": resolved, "last_epoch": last, "test": on_test,
                "scores": None if judged is None else {name: value for name, (value, *_) in scores(*judged).items()},
                "notes": list(table.notes)}
    return strict_json(document)


def _target(target, data):
    return target or ("y" if str(data).lower().endswith(".npz") else "target")


def _trained_prior(params, prior, shifted):
    """The shares of the classes that the model learned from; empty where they are those of the rows."""
    return tuple(params.get("trained_prior") or (1 / len(prior) for _ in prior)) if shifted else ()
