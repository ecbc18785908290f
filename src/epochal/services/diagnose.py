"""Diagnose: read a training's curves, say what they show, and with model and data test it; in a process of its own."""

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..base.errors import EpochalError, MeasurementFailed, Unsupported, UsageError
from ..base.isolated import Isolated
from ..base.progress import SILENT, Agenda, Progress, Reporter
from ..base.stop import Stop
from ..base.text import Wording, counted, seconds_of
from ..base.validate import positive_number, require, whole_number
from ..experiments.folder.folder import FILE, read_folder
from ..histories import history_of
from ..histories.mapping import about_model
from ..histories.read import KINDS, of_curve
from ..records import Curve, Diagnosis, Evidence, History, Plan, Study, Unchecked, read
from ..rules.diagnosis.diagnose import diagnosed
from ..seam.machine import backend_in_use
from ..seam.model.copying import is_builder
from .diagnose_tests import tests_of
from .measure import carried_source
from .source import ArraySource, TableSource, decoding

_STARTING = 600.0  # seconds that reading the data, building and compiling may take
_KINDS = {kind.__name__: kind for kind in (EpochalError, MeasurementFailed, Unsupported, UsageError)}
_NOT_CARRIED = ("No other process can build this model (parts of it are not Keras' own, or this one holds the device's memory): it "
                "is tested in this process, on a copy.")


@dataclass(frozen=True, eq=False)
class DiagnoseRequest:
    """What to diagnose.

    Attributes:
        history, baseline: see `histories.read.KINDS`; also a `Plan`, `Study` or `Evidence` of Epochal.
        known: fields of `records.Known` that the caller says.
        source: the model and its data, to test with; `None`: the curves alone are read.
        training: which training of a plan or study, counted from 0; `None`: the first of the setting that was chosen.
        budget: seconds for the tests, about, or words. seed: makes them repeatable. apart: in a process of their own.
    """

    history: Any
    baseline: Any = None
    known: dict[str, Any] = field(default_factory=dict)
    source: ArraySource | TableSource | None = None
    training: int | None = None
    budget: float | str = "1 min"
    seed: int = 0
    apart: bool = True


@dataclass(frozen=True, eq=False)
class _Job:
    """The tests, as they travel to the process that makes them: plain data and arrays."""

    source: Any
    backend: str
    history: History
    seconds: float
    seed: int


def diagnose(request: DiagnoseRequest, *, progress: Progress = SILENT, stop: Stop | None = None) -> Diagnosis:
    """The `Diagnosis`: what the curves show; where a source is given, what tests of it showed goes before.

    Raises:
        Stopped: it was asked to end. UsageError: there is no history, or the request cannot be met.
        Unsupported: the model cannot be copied or measured.
    """
    whole_number("seed", request.seed, 0)
    seconds = seconds_of(request.budget)
    history = training_of(request.history, request.training, request.known)
    baseline = None if request.baseline is None else training_of(request.baseline, request.training, {}, "baseline")
    if request.source is None:
        return diagnosed(history, baseline)
    reporter = Reporter(progress, stop)
    reporter.start(Agenda(f"To be tested with model and data, in about {request.budget} and what compiling takes (Ctrl-C stops): "
                          f"{counted(history.n_epochs, 'epoch')} of {history.source}.", bar=True))
    try:
        source, history = _settled(request.source, history, request.seed, progress)
        carried = carried_source(source) if request.apart else None
        if carried is None:
            if request.apart:
                reporter.say(_NOT_CARRIED)
            with source.running():
                tested = tests_of(source, history, seconds, request.seed, partial(_step, reporter))
        else:
            tested = _apart(_Job(carried, backend_in_use(), history, seconds, request.seed), reporter)
    finally:
        progress.done()
    return diagnosed(history, baseline, tested)


def _step(reporter, share, what):
    reporter.step(share, what)


def _settled(source, history, seed, progress):
    """The source with its table read, and the history with what the model tells of itself."""
    if isinstance(source, TableSource):
        build = source.read(seed, decoding(progress)).build
        with source.running():
            model = build()
    else:
        model = source.model() if is_builder(source.model) else source.model
    told = {name: value for name, value in about_model(model).items() if getattr(history.known, name) in (None, "")}
    return source, replace(history, known=replace(history.known, **told))


def _apart(job, reporter):
    """The tests in a process of its own, which cannot end this one."""
    ended = Isolated(_STARTING + 10 * job.seconds, environment={"KERAS_BACKEND": job.backend},
                     watch=lambda: reporter.step(0.0, "testing with model and data")).run(
                         f"{__name__}:{tested_apart.__name__}", job)
    if ended.failure is not None:
        return (Unchecked("model and data", f"the process that tests ended before it had finished: {ended.sentence}"),)
    kind, answer = ended.value
    if kind:
        raise _KINDS[kind](answer)
    return answer


def tested_apart(job: _Job) -> tuple[str, Any]:
    """The tests, in a process that was started for them: `("", findings)`, or the name of an error of this package and its text."""
    source = job.source
    try:
        if isinstance(source, ArraySource):
            source = replace(source, model=source.model.build())
        with source.running():
            return "", tests_of(source, job.history, job.seconds, job.seed, _silently)
    except EpochalError as error:
        return type(error).__name__, str(error)


def _silently(share: float, what: str) -> None:
    """The process that waits tells that something is under way."""


def training_of(source: Any, number: int | None, known: dict[str, Any], name: str = "history") -> History:
    """One training: of a source that holds one, or of a plan or study of Epochal's, which hold many."""
    for what, value in known.items():
        if value is None:
            continue
        if what == "learning_rate":
            positive_number(what, value, "Pass the rate that was trained with, such as 1e-3.")
        elif what in ("batch_size", "n_rows", "n_validation", "steps_per_epoch", "planned_epochs", "patience"):
            whole_number(what, value, 1)
    found = _epochal(source, name)
    if found is None:
        require(number is None, "training", number, "left out where there is but one", "Only a plan or a study holds several.")
        return history_of(source, **known)
    curves, task, first = found
    metrics = () if task is None else task.metrics
    known = known | ({} if task is None or known.get("n_validation") else {"n_validation": task.n_validation})
    require(curves, name, Wording("one without whole trainings"), "a plan or study that holds the curves of trainings",
            "Pass the History of one of your own.")
    number = first if number is None else number
    require(0 <= number < len(curves), "training", number, f"between 0 and {len(curves) - 1}", "Trainings are counted from 0.")
    curve = curves[number]
    return history_of(of_curve(curve, f"training {number} of {len(curves)} ({curve.setting}, seed {curve.seed})", metrics), **known)


def _epochal(source, name):
    """`(curves, task, the place of the first of the setting that was chosen)`; `None` where it is not ours."""
    if isinstance(source, str | Path):
        path = Path(source)
        if (path / FILE).is_file():
            _, task, _, _, blocks = read_folder(path)
            curves = [curve for block in blocks.values() for curve in block]
            return curves, task, _first(curves, None)
        if not (path.is_file() and path.suffix == ".json" and b'"epochal_format"' in path.read_bytes()[:200]):
            return None
        source = read(path)
    if isinstance(source, Plan):
        evidence, size, rate = source.evidence, source.batch_size.value, source.learning_rate.value
        chosen = next((c.setting for c in evidence.curves if c.stage == "confirm" and c.setting.batch_size == size
                       and c.setting.learning_rate == rate), None)
        return list(evidence.curves), evidence.task, _first(evidence.curves, chosen)
    if isinstance(source, Evidence):
        return list(source.curves), source.task, _first(source.curves, None)
    if isinstance(source, Study):
        return list(source.curves), source.task, _first(source.curves, None)
    require(not isinstance(source, Diagnosis), name, Wording("a Diagnosis"), KINDS, "Its `history` is one.")
    return None


def _first(curves: Any, setting: Any) -> int:
    fine = (i for i, c in enumerate(curves) if isinstance(c, Curve) and c.stage == "confirm" and setting in (None, c.setting))
    return next(fine, 0)


