"""Fit: train with numbers that are given, a plan's, or planned first; on a table, also judge on the test rows and save."""

import math
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from ..base.errors import UsageError
from ..base.files import no_room, whole_file
from ..base.progress import SILENT, Agenda, Item, Progress
from ..base.stop import Stop, Stopped
from ..base.system.lock import writing
from ..base.text import counted, number
from ..base.validate import require
from ..records import Plan
from ..rules.plan.resolve import Resolved, resolve
from ..seam.frozen.preprocessing import are_raw_rows, is_task
from ..seam.model.copying import seeded
from ..seam.model.file import answers_with_logits, check_fits, save_model
from ..seam.rows import leaves
from ..tables.encoding import class_shares, encoding_of, save_encoding
from ..tables.predictions import answers, meaning_of
from ..tables.score import scores
from ..training.feeds.sources import cuts_own_batches, is_factory
from ..training.fit.arguments import FitRequest, History
from ..training.fit.fit import fit as train
from .plan import PlanRequest
from .plan import plan as make_plan
from .source import ArraySource, TableSource, decoding

_LOOKED_AT = 256  # rows of which an untrained model shows what its outputs are
_JUDGED_IN = 1024  # rows at a time
_PART, _LEAST, _MOST = "10%", 10.0, 60.0  # of the training, for measuring what is "auto"; and seconds within which that stays
_FOUND = ("batch_size", "epochs", "learning_rate")  # what may be "auto"


def fit(request: FitRequest, *, plan: Plan | None = None, budget: float | str | None = None, metric: str | None = None,
        progress: Progress = SILENT, stop: Stop | None = None) -> History:
    """Train as asked; `batch_size`, `epochs` and `learning_rate` may be `"auto"`, and with a plan `None` is the plan's.

    Where something is `"auto"` and no plan is given, it is measured within the budget: without one, a tenth of the training, of
    as many epochs as are usual (10 to 100, `usual_epochs`) where they are not given, ten seconds at least and a minute at most.
    They are chosen by the loss, or by the metric that is named. The `params` of the `History` say what was resolved, and why.

    Raises:
        Stopped: it was asked to end, which leaves the model as it was between two batches; with the `History` so far. With a
            checkpoint the same request goes on from there.
        UsageError: the request cannot be met as it stands. Unsupported: this model cannot be trained that way.
    """
    stop, wanted = stop or Stop(), {name: getattr(request, name) for name in _FOUND}
    because, measures = None, plan is None and "auto" in wanted.values()
    require(metric is None or measures, "metric", metric, 'left out where nothing is "auto", or a plan is given',
            "It says by what numbers are chosen that are measured.")
    if plan is not None or "auto" in wanted.values():
        require(plan is None or isinstance(plan, Plan), "plan", type(plan).__name__, "a Plan", 'Pass epochal.load("plan.json").')
        _check(request, plan)
        sentences: list[str] = []
        if plan is None:
            plan, sentences = _planned(request, budget, metric, progress, stop)
            present = {"batch_size": 32, "epochs": 1, "learning_rate": plan.evidence.present.learning_rate}
        else:
            present = dict.fromkeys(_FOUND, "auto")
        found = resolve(plan, **{name: present[name] if value is None else value for name, value in wanted.items()},
                        validated=bool(request.validation_data is not None or request.validation_split))
        because = " ".join([found.because.removesuffix(".") + ".", *sentences]) if sentences else found.because
        request = replace(request, batch_size=found.batch_size, learning_rate=found.learning_rate, epochs=found.epochs,
                          default_callbacks=plan.callbacks() if found.stops_early else [])
        if request.verbose != 0:
            progress.say(f"{_numbers(found, plan)}: {because}")
    request = replace(request, epochs=1 if request.epochs is None else request.epochs)
    progress.start(Agenda("training", items=(Item("training", f"{request.epochs} epochs"),), bar=False))
    history = trained(request, progress=progress, stop=stop)
    if because is not None and isinstance(history, History):
        history.params["resolved"] = because
    return history


@dataclass(frozen=True, eq=False)
class TableFitRequest:
    """A training on a table; what is not told here, see `epochal.fit`.

    Attributes:
        source: the table and the model. out: the `.keras` file to write.
        plan: where numbers come from that are not given, and `plan_path` its name; without one, and without epochs, they are
            planned first, for `goal` and within `budget`, by the metric of the source if it has one.
    """

    source: TableSource
    out: Path
    plan: Plan | None = None
    plan_path: Any = None
    batch_size: int | None = None
    epochs: int | None = None
    learning_rate: float | None = None
    goal: str | None = None
    budget: float | str | None = None
    batches: str = "shuffled"
    engine: str = "auto"
    checkpoint: Any = None
    verbose: int = 0
    seed: int = 0


class TableFit(NamedTuple):
    """A training that ended: what it ran with and why, Keras' `History`, and loss and metrics on the test rows, read once.

    Attributes:
        scores: what `tables.score.scores` says of these rows; `None` where the outputs are neither probabilities nor numbers.
        best: what early stopping watched, and the epoch, counted from 1, whose weights were kept; `None` without it.
        table: the `Table`. corrects: whether its probabilities are those of other shares of the classes than the data's.
        seconds: what the training took, compilation and validation included.
    """

    settings: Resolved
    history: Any
    on_test: dict[str, float]
    scores: dict[str, tuple[Any, ...]] | None
    table: Any
    corrects: bool
    seconds: float
    best: tuple[str, int] | None = None


def fit_table(request: TableFitRequest, *, progress: Progress = SILENT, stop: Stop | None = None) -> TableFit:
    """Train, judge and save.

    Raises:
        Stopped: it was asked to end; with the plan so far where it was planning, and a sentence on what is kept: measurements, or
            the model after the last whole epoch, beside the file it was meant for.
        UsageError: the request cannot be met as it stands, or the training does not end in numbers.
    """
    with writing(request.out, say=progress.say):
        return _fit_table(request, progress, stop or Stop())


def _fit_table(request, progress, stop):
    _check_table(request)
    request = replace(request, source=request.source.read(request.seed, decoding(progress)))
    table, shares = request.source.table, class_shares(request.source.table)
    weights = request.source.class_weights()
    require(shares or request.batches == "shuffled", "--batches", request.batches, "left out for a target of numbers",
            "They need classes.")
    request = _with_a_plan(request, progress, stop)
    settings = _settled(request)
    with seeded(request.seed):
        network = request.source.build()
        outputs = check_fits(network, table.x_train[:_LOOKED_AT], table.y_train[:_LOOKED_AT])
        meaning = meaning_of(outputs, table.kind, len(table.classes), logits=answers_with_logits(network))
        if meaning == "raw":
            progress.say("The model's outputs are neither probabilities nor one number a row: epochal predict writes them as they "
                         "are.")
        shifted = weights is not None or request.batches == "balanced"

        def encoding():
            params = getattr(getattr(network, "history", None), "params", {})
            learned = tuple(params.get("trained_prior") or (1 / len(shares) for _ in shares)) if shifted else ()
            source = request.source
            return encoding_of(table, target=_target_of(source),
                               split_columns=[name for name in (source.groups, source.time) if name], outputs=meaning, prior=shares,
                               trained_prior=learned)

        save_with_encoding(network, encoding(), None)  # what cannot be saved is better known before the training
        progress.start(Agenda("", sentences=_announced(settings, request.plan, table, network), bar=False))
        callbacks = request.plan.callbacks() if settings.stops_early else []
        training = FitRequest(network, table.x_train, table.y_train, settings.batch_size, settings.epochs, request.verbose,
                              callbacks, validation_data=(table.x_validation, table.y_validation),
                              class_weight=weights, learning_rate=settings.learning_rate, batches=request.batches,
                              engine=request.engine, checkpoint=request.checkpoint)
        started = time.perf_counter()
        try:
            history = trained(training, progress=progress, stop=stop)
        except KeyboardInterrupt:
            raise Stopped(kept=_kept(network, encoding, request)) from None
        seconds = time.perf_counter() - started
        on_test, scored = _judged(network, table, encoding())
        save_with_encoding(network, encoding(), request.out)
    best = _best(request.plan, history) if settings.stops_early else None
    return TableFit(settings, history, on_test, scored, table, shifted, seconds, best)


def _target_of(source):
    """What the target is called."""
    named = "folder" if source.table.files else "y" if str(source.path).lower().endswith(".npz") else "target"
    return source.target or named


def trained(request: FitRequest, *, progress: Progress, stop: Stop) -> History:
    before, told = getattr(request.model, "history", None), progress
    if request.verbose == 0:  # then without its sentences
        told = SimpleNamespace(start=told.start, step=told.step, answer=told.answer, done=told.done, say=lambda sentence: None)
    try:
        return train(request, progress=told, stop=stop)
    except Stopped:
        history = getattr(request.model, "history", None)
        raise Stopped(history if history is not before and getattr(history, "epoch", None) else None, request.checkpoint) from None
    finally:
        progress.done()


def _check(request: FitRequest, plan: Plan | None) -> None:
    """Refuse, before anything is measured, what numbers of a plan cannot serve."""
    x = request.x
    if cuts_own_batches(x):
        raise UsageError(f'`x` must be arrays, or a function make_dataset(batch_size), where something is "auto" or a plan is '
                         f"given; got a {type(x).__name__}, which cuts its own batches. Pass the function that makes it.")
    known = plan is not None or is_factory(x) or (is_task(request.model) and are_raw_rows(x))
    if not known and (isinstance(x, str) or not all(hasattr(leaf, "shape") or isinstance(leaf, int | float) for leaf in leaves(x))):
        raise UsageError(f'`batch_size`, `epochs` and `learning_rate` must be numbers for a {type(x).__name__}; "auto" has to try '
                         "several batch sizes, which takes arrays. Call epochal.plan on a sample of the rows, and pass plan=.")
    if request.steps_per_epoch is not None and (request.epochs == "auto" or (plan is not None and request.epochs is None)):
        came = "'auto'" if request.epochs == "auto" else "those of the plan"
        raise UsageError(f"`epochs` must be a number beside steps_per_epoch; got {came}. Those of a plan are passes over the data; "
                         "pass epochs=10, or leave steps_per_epoch out.")
    if plan is None and is_factory(x):
        require(not request.validation_split, "validation_split", request.validation_split,
                "left out for a function make_dataset", "Its data cannot be cut; pass validation_data.")
        require(request.batches == "shuffled", "batches", request.batches, '"shuffled" for a function make_dataset',
                "Let it cut its batches so.")


def _planned(request, budget, metric, progress, stop):
    """A plan made now, and sentences about the rows that it was made on."""
    source, sentences = ArraySource(
        request.model, request.x, request.y, sample_weight=request.sample_weight, class_weight=request.class_weight,
        validation_data=request.validation_data, validation_split=request.validation_split,
        steps_per_epoch=request.steps_per_epoch, validation_steps=request.validation_steps).as_arrays()
    given = {name: value for name in _FOUND if (value := getattr(request, name)) not in (None, "auto")}
    asked = PlanRequest(source, budget=_PART if budget is None else budget, **given, trains_with=_who(request), least=_LEAST,
                        most=_MOST, usual=True, metric=metric)
    return make_plan(asked, progress=progress, stop=stop), sentences


def _who(request):
    """Who will train, by whose clock the numbers are found."""
    return "keras" if request.engine == "keras" else "epochal"


def _numbers(found: Resolved, plan: Plan) -> str:
    rate = "as compiled" if found.learning_rate is None else f"{found.learning_rate:.4g}"
    early = f" at most, stopping early (patience {plan.stopping.patience})" if found.stops_early else ""
    return f"batch_size={found.batch_size}, learning_rate={rate}, epochs={found.epochs}{early}"


def _check_table(request: TableFitRequest) -> None:
    """A plan, numbers, or neither, and then they are planned first; and only one way to balance classes."""
    named = [name for name, value in (("--batch-size", request.batch_size), ("--epochs", request.epochs),
                                      ("--learning-rate", request.learning_rate)) if value is not None]
    require(request.plan is not None or not named or "--epochs" in named, "--epochs", None,
            f"given beside {named[0] if named else ''}", "Pass --epochs 50, or leave all numbers out to have them planned.")
    metric = request.source.metric if request.plan is None else None
    asked = (("--goal", request.goal), ("--budget", request.budget), ("--metric", metric))
    for name, value in asked:
        require(not value or not (named or request.plan is not None), name, value, "left out where the numbers are given",
                "It is about planning them.")
    weight = request.source.class_weight
    require(weight is None or request.batches != "balanced", "--class-weight", weight, "left out beside --batches balanced",
            "Either makes up for rare classes; both would do it twice.")


def _with_a_plan(request, progress, stop):
    """The request with a plan where one is needed: made now, and kept beside the model, so that nothing is measured twice."""
    if request.plan is not None or request.epochs is not None:
        for note in request.source.table.notes:
            progress.say(f"· {note}")
        return request
    place = request.out.with_suffix(".plan.json")
    asked = PlanRequest(request.source, request.goal or "fastest", request.budget or _PART, seed=request.seed, out=place,
                        reuse=True, trains_with=_who(request), least=_LEAST, most=_MOST, usual=True,
                        metric=request.source.metric or None)
    try:
        plan = make_plan(asked, progress=progress, stop=stop)
    except Stopped as stopped:
        kept = f"Stopped while planning. {stopped.kept or 'Nothing new was measured yet'}: the same command continues there."
        raise Stopped(stopped.answer, kept) from None
    progress.say(f"Written: {place}, which --plan takes.")
    return replace(request, plan=plan, plan_path=place)


def _settled(request):
    """What to train with: from a plan where it is not given, else Keras' own habits."""
    if request.plan is None:
        because = "as given" if request.batch_size else "as given; 32 is Keras' own batch size"
        return Resolved(request.batch_size or 32, request.learning_rate, request.epochs, False, because)
    found = resolve(request.plan, **{name: getattr(request, name) or "auto" for name in _FOUND})
    return found._replace(because=f"from {request.plan_path}: {found.because.rstrip('.')}")


def _best(plan, history):
    """What early stopping watched, and the epoch with the best of it, counted from 1."""
    name, way = plan.stopping.monitor, -1 if plan.stopping.mode == "max" else 1
    judged = [way * value if math.isfinite(value) else math.inf for value in history.history[name]]
    return name, history.epoch[judged.index(min(judged))] + 1


def _announced(settings, plan, table, network):
    """With what the training will run, and where the plan was made for another one."""
    task = None if plan is None else plan.evidence.task
    n_params = sum(math.prod(variable.shape) for variable in network.trainable_variables)
    other = task is not None and (task.n_train, task.n_params) != (len(table.x_train), n_params)
    caution = f"The plan was made for other rows or another model ({task}): its numbers need not be right here."
    rate = "the model's own learning rate" if settings.learning_rate is None else f"learning rate {number(settings.learning_rate)}"
    most = "at most " if settings.stops_early else ""
    stopping = "no early stopping" if not settings.stops_early else (
        f"early stopping on the validation rows ({plan.stopping.monitor}, patience {plan.stopping.patience})")
    name = "The built-in network" if network.name == "tutorial" else network.name
    return (*([caution] if other else []),
            f"{name}: batch size {settings.batch_size:,}, {rate}, {most}{counted(settings.epochs, 'epoch')} "
            f"({settings.because}); {stopping}.")


def _judged(network, table, encoding):
    """Loss and metrics on the test rows by Keras; and the scores of the answers, `None` where outputs are raw."""
    on_test = network.evaluate(table.x_test, table.y_test, batch_size=_JUDGED_IN, verbose=0, return_dict=True)
    require(math.isfinite(on_test["loss"]), "training", f"a test loss of {on_test['loss']}", "one that ends in numbers",
            "Nothing is written. Pass a lower --learning-rate, or leave all numbers out to have them planned.")
    if encoding.outputs == "raw":
        return on_test, None
    outputs = network.predict(table.x_test, batch_size=_JUDGED_IN, verbose=0)
    y = table.y_test.reshape(-1)
    y = y.astype(float) * table.target_scale + table.target_mean if table.kind == "regression" else y.astype(int)
    return on_test, scores(answers(outputs, encoding), y, encoding)


def _kept(network, encoding, request):
    """Keep what an interrupted training has reached; returns the sentence that says so."""
    path, again = request.out, f" The same command continues from {request.checkpoint}." if request.checkpoint else ""
    history = getattr(network, "history", None)
    n_epochs = len(getattr(history, "epoch", ()))  # which there is none of until a training has begun
    if not n_epochs:
        return f"Stopped before an epoch was finished: nothing is written.{again}"
    place = path.with_suffix(".interrupted.keras")
    try:
        save_with_encoding(network, encoding(), place)
    except UsageError as error:
        return f"Stopped after {counted(n_epochs, 'epoch')}, and nothing is written: {error}{again}"
    before = f" {path} is as it was." if path.exists() else ""
    return f"Stopped. The model as it is after {counted(n_epochs, 'finished epoch')} is in {place}.{before}{again}"


def save_with_encoding(network, encoding, path):
    """Write model and encoding as one file, whole or not at all; with `None` as the path, only show that it can be done."""
    try:
        with tempfile.TemporaryDirectory() as room:
            draft = Path(room) / "model.keras"  # Keras writes to a name that ends so, and to no open file
            save_model(network, draft)
            save_encoding(encoding, draft)
            if path is not None:
                with open(draft, "rb") as finished, whole_file(path) as file:
                    shutil.copyfileobj(finished, file)
    except OSError as error:
        raise no_room("--out", path or tempfile.gettempdir(), error) from error
