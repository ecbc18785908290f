"""Fit on a table: train with planned or given numbers, judge on the test rows, and save model and encoding as one file."""

import math
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from ..base.errors import UsageError
from ..base.files import no_room, whole_file
from ..base.progress import SILENT, Agenda, Progress
from ..base.stop import Stop, Stopped
from ..base.text import counted, number
from ..base.validate import require
from ..records import Plan
from ..rules.plan.resolve import resolve
from ..seam.model.copying import seeded
from ..seam.model.file import answers_with_logits, check_fits, save_model
from ..tables.encoding import Encoding, class_shares, encoding_of, save_encoding
from ..tables.predictions import answers, meaning_of
from ..tables.score import score_rows, scores
from ..training.fit.request import FitRequest
from .fit import trained
from .plan import PlanRequest
from .plan import plan as make_plan
from .source import TableSource

_LOOKED_AT = 256  # rows of which an untrained model shows what its outputs are
_JUDGED_IN = 1024  # rows at a time


@dataclass(frozen=True, eq=False)
class TableFitRequest:
    """A training on a table.

    Attributes:
        source: the table and the model. out: the `.keras` file to write.
        plan: where numbers come from that are not given, and `plan_path` its name; without one, and without epochs, they are
            planned first.
        batch_size, epochs, learning_rate: numbers that are given.
        goal, budget: of the plan that is made first.
        batches, engine, checkpoint, verbose: see `epochal.fit`.
        seed: makes it repeatable.
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


class Settings(NamedTuple):
    """What to train with, and where it is from."""

    batch_size: int
    learning_rate: float | None
    epochs: int
    callbacks: list[Any]
    source: str


class TableFit(NamedTuple):
    """A training that ended.

    Attributes:
        settings: what was trained with. history: Keras' `History`.
        on_test: loss and metrics on the test rows, read once.
        judged: `(values, y, encoding)` for `tables.score`; `None` where the outputs are neither probabilities nor numbers.
        table: the `Table`. corrects: whether its probabilities are those of other shares of the classes than the data's.
    """

    settings: Settings
    history: Any
    on_test: dict[str, float]
    judged: tuple[Any, Any, Encoding] | None
    table: Any
    corrects: bool

    def score_rows(self) -> list[Any]:
        """The scores on the test rows as a table; empty where the outputs are raw."""
        return list(score_rows(*self.judged, where="on the test rows")) if self.judged else []

    def scores(self) -> dict[str, float] | None:
        return None if self.judged is None else {name: value for name, (value, *_) in scores(*self.judged).items()}


def fit_table(request: TableFitRequest, *, progress: Progress = SILENT, stop: Stop | None = None) -> TableFit:
    """Train, judge and save.

    Raises:
        Stopped: it was asked to end; with the plan so far where it was planning, and a sentence on what is kept: measurements, or
            the model after the last whole epoch, beside the file it was meant for.
        UsageError: the request cannot be met as it stands, or the training does not end in numbers.
    """
    stop = stop or Stop()
    _check(request)
    request = replace(request, source=request.source.read(request.seed))
    table, shares = request.source.table, class_shares(request.source.table)
    weights = request.source.class_weights()
    require(shares or request.batches == "shuffled", "--batches", request.batches, "left out for a target of numbers",
            "They need classes.")
    request = _with_a_plan(request, progress, stop)
    settings = _settled(request)
    with seeded(request.seed):
        network, meaning = _checked(request.source, progress)
        shifted = weights is not None or request.batches == "balanced"

        def encoding():
            params = getattr(getattr(network, "history", None), "params", {})
            learned = tuple(params.get("trained_prior") or (1 / len(shares) for _ in shares)) if shifted else ()
            split_columns = [name for name in (request.source.group, request.source.time) if name]
            return encoding_of(table, target=_target(request.source), split_columns=split_columns, outputs=meaning, prior=shares,
                               trained_prior=learned)

        _save(network, encoding(), None)  # what cannot be saved is better known before the training
        progress.start(Agenda("", sentences=_announced(settings, request.plan, table, network), bar=False))
        training = FitRequest(network, table.x_train, table.y_train, settings.batch_size, settings.epochs, request.verbose,
                              settings.callbacks, validation_data=(table.x_validation, table.y_validation), class_weight=weights,
                              learning_rate=settings.learning_rate, batches=request.batches, engine=request.engine,
                              checkpoint=request.checkpoint)
        try:
            history = trained(training, progress=progress, stop=stop)
        except KeyboardInterrupt:
            raise Stopped(kept=_kept(network, encoding, request)) from None
        on_test, judged = _judged(network, table, encoding())
        _save(network, encoding(), request.out)
    return TableFit(settings, history, on_test, judged, table, shifted)


def _check(request: TableFitRequest) -> None:
    """A plan, numbers, or neither, and then they are planned first; and only one way to balance classes."""
    named = [name for name, value in (("--batch-size", request.batch_size), ("--epochs", request.epochs),
                                      ("--learning-rate", request.learning_rate)) if value is not None]
    require(request.plan is not None or not named or "--epochs" in named, "--epochs", None,
            f"given beside {named[0] if named else ''}", "Pass --epochs 50, or leave all numbers out to have them planned.")
    for name, value in (("--goal", request.goal), ("--budget", request.budget)):
        require(value is None or not (named or request.plan is not None), name, value, "left out where the numbers are given",
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
    asked = PlanRequest(request.source, request.goal or "fastest", request.budget or "1 min", seed=request.seed, earlier=place,
                        folder=request.out.parent, out=place)
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
        own = "" if request.batch_size else "; 32 is Keras' own batch size"
        return Settings(request.batch_size or 32, request.learning_rate, request.epochs, [], f"as given{own}")
    found = resolve(request.plan, batch_size=request.batch_size or "auto", learning_rate=request.learning_rate or "auto",
                    epochs=request.epochs or "auto")
    return Settings(found.batch_size, found.learning_rate, found.epochs, request.plan.callbacks() if found.stops_early else [],
                    f"from {request.plan_path}: {found.because.rstrip('.')}")


def _checked(source, progress):
    """A new model that fits the table, and what its outputs mean."""
    network, table = source.build(), source.table
    outputs = check_fits(network, table.x_train[:_LOOKED_AT], table.y_train[:_LOOKED_AT])
    meaning = meaning_of(outputs, table.kind, len(table.classes), logits=answers_with_logits(network))
    if meaning == "raw":
        progress.say("The model's outputs are neither probabilities nor one number a row: epochal predict writes them as they are.")
    return network, meaning


def _announced(settings, plan, table, network):
    """With what the training will run, and where the plan was made for another one."""
    task = None if plan is None else plan.evidence.task
    n_params = sum(math.prod(variable.shape) for variable in network.trainable_variables)
    other = task is not None and (task.n_train, task.n_params) != (len(table.x_train), n_params)
    caution = f"The plan was made for other rows or another model ({task}): its numbers need not be right here."
    rate = "the model's own learning rate" if settings.learning_rate is None else f"learning rate {number(settings.learning_rate)}"
    most = "at most " if settings.callbacks else ""
    stopping = "early stopping on the validation rows" if settings.callbacks else "no early stopping"
    return (*([caution] if other else []),
            f"{network.name}: batch size {settings.batch_size:,}, {rate}, {most}{counted(settings.epochs, 'epoch')} "
            f"({settings.source}); {stopping}.")


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


def _kept(network, encoding, request):
    """Keep what an interrupted training has reached; returns the sentence that says so."""
    path, again = request.out, f" The same command continues from {request.checkpoint}." if request.checkpoint else ""
    history = getattr(network, "history", None)
    n_epochs = 0 if history is None else len(history.epoch)
    if not n_epochs:
        return f"Stopped before an epoch was finished: nothing is written.{again}"
    place = path.with_suffix(".interrupted.keras")
    try:
        _save(network, encoding(), place)
    except UsageError as error:
        return f"Stopped after {counted(n_epochs, 'epoch')}, and nothing is written: {error}{again}"
    before = f" {path} is as it was." if path.exists() else ""
    return f"Stopped. The model as it is after {counted(n_epochs, 'finished epoch')} is in {place}.{before}{again}"


def _save(network, encoding, path):
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


def _target(source):
    return source.target or ("y" if str(source.path).lower().endswith(".npz") else "target")
