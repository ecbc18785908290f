"""Plan: put the model on the bench, take the measurements that are not yet known, and decide."""

import math
import os
import re
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple
from warnings import catch_warnings, simplefilter

from ..base.errors import Advice, MeasurementFailed, UsageError
from ..base.files import cache_folder, no_room
from ..base.progress import SILENT, Agenda, Progress, Reporter
from ..base.stop import Stop, Stopped
from ..base.system.lock import locked, writing
from ..base.text import bytes_of, counted, duration, seconds_of, share_of
from ..base.validate import one_of, positive_number, require, whole_number
from ..probes.agenda import agenda
from ..records import FIXABLE, TRAINERS, Evidence, Plan, Until, read, save
from ..rules.metric import declared_metric
from ..rules.plan.decide import GOALS, decide
from ..rules.plan.propose import usual_epochs
from ..rules.scaling import steps_per_epoch
from ..seam.rigs.keras_rig import Once, open_rig
from ..seam.rigs.rig import Rig
from ..training.fit.arguments import FitRequest
from ..training.fit.fit import fit as train
from .plan_evidence import measure, with_pace
from .source import ArraySource, TableSource, decoding

_UNKNOWN = "1 min"  # the budget that the first update is timed for, where the budget is a share of the training
_FROZEN = 0.5  # of the budget: computing a frozen base once may take no more
_MOST = 2**31  # of what is counted in a compiled program


@dataclass(frozen=True, eq=False)
class PlanRequest:
    """What to plan, and for how long.

    Attributes:
        source: the model and its data.
        batch_size, learning_rate, epochs: what is trained with now; all `None` is as the evidence says, else Keras' 32, what the
            model is compiled with, and unknown.
        goal, budget, seed: see `epochal.plan`. least, most: seconds that a budget which is a share of the training stays within.
        usual: whether it is a share of a training as long as they usually are (`usual_epochs`), where `epochs` says none.
        fixed: what of it is to stay, of `FIXABLE`; with `"epochs"`, no training is longer.
        max_memory: what an update may take, bytes or words such as `"4 GB"`; `None` is all that the device has.
        max_time: what a whole training may take, seconds or words such as `"10 min"`: it limits the epochs.
        metric, mode: by what settings are compared, a compiled metric with or without `val_`, and whether `"min"` or `"max"` of it
            is best (`"auto"` goes by its name); `None` is as the evidence says, else the loss.
        until: what a training is to reach, such as `"val_accuracy>=0.95"`: a compiled metric or the loss.
        trains_with: by whose clock it is decided, of `TRAINERS`; `None` is as the evidence says, else Keras' own `fit`.
        start: where trainings begin, of `STARTS`.
        evidence: an `Evidence` about this model, these data and this machine, or a `Plan` that holds one.
        out: the file that the plan is saved in, also where it is the answer so far; finished measurements are kept beside it
            until there is a plan. `None` saves no plan, and keeps them in the user's cache.
        reuse: whether the evidence of a plan that `out` holds already is used, where it is about the same.
    """

    source: ArraySource | TableSource
    goal: str = "fastest"
    budget: float | str = "1 min"
    evidence: Evidence | Plan | None = None
    seed: int = 0
    out: Path | None = None
    reuse: bool = False
    batch_size: int | None = None
    learning_rate: float | None = None
    epochs: int | None = None
    fixed: str | Iterable[str] = ()
    trains_with: str | None = None
    max_memory: float | str | None = None
    max_time: float | str | None = None
    until: str | None = None
    metric: str | None = None
    mode: str = "auto"
    start: str = "auto"
    least: float = 0.0
    most: float = math.inf
    usual: bool = False

    @property
    def said(self) -> bool:
        """Whether anything is said of what is trained with now."""
        return (self.batch_size, self.learning_rate, self.epochs) != (None, None, None)


def plan(request: PlanRequest, *, progress: Progress = SILENT, stop: Stop | None = None) -> Plan:
    """The `Plan` for a model, its data and this machine.

    The answer so far is told once the present setting has been trained, and after every comparison.

    Raises:
        Stopped: it was asked to end; with the answer so far. The same request goes on from there.
        UsageError: the request cannot be met as it stands. Unsupported: the model cannot be copied or measured.
        MeasurementFailed: not even a training step could be timed in this budget, or every setting diverged.
    """
    with request.source.running(), ExitStack() as held:
        return _planned(_prepared(request, progress, held), request, Reporter(progress, stop))


def _planned(work, request, reporter):
    reporter.start(work.agenda)
    compared = 0

    def keep(evidence):
        nonlocal compared
        work.journal.keep(evidence)
        n_known = (len(evidence.of("present")) + len(evidence.of("confirm")) + sum(len(run.marks) for run in evidence.runs)
                   + ("throughput" in evidence))
        if n_known > compared:
            with suppress(MeasurementFailed):  # too little is known yet
                reporter.answer(decide(evidence, goal=request.goal))
        compared = n_known

    try:
        known = measure(work.rig, budget=work.seconds, goal=request.goal, evidence=work.known, seed=request.seed, keep=keep,
                        reporter=reporter)
        decided = decide(known, goal=request.goal)
        _save(decided, request.out, work.journal)
    except Stopped:
        _save(reporter.latest, request.out, work.journal)
        raise Stopped(reporter.latest, work.journal.kept()) from None
    finally:
        reporter.done()
    work.journal.ended()
    reporter.answer(decided)
    return decided


def agenda_of(request: PlanRequest, progress: Progress = SILENT) -> Agenda:
    """What `plan` would measure; nothing is, but the time of a few updates."""
    return _prepared(request, progress, None).agenda


class Journal:
    """A file that holds the evidence of a run under way, so that a kill loses nothing; it is gone when the run ended.

    There is one for each task, by its fingerprint. `warn` is told once if it cannot be written; the run goes on.
    """

    def __init__(self, folder, fingerprint, warn):
        self.path, self._warn, self._warned = folder / f"evidence-{fingerprint}.json", warn, False
        self.latest = None

    def hold(self, out, held):
        """Keep other processes away until the `ExitStack` called `held` ends: from the folder of the file `out`, which is refused
        where one works there; or, with `None`, from this file, and where one has it already, this run keeps its own beside it."""
        if out is not None:
            held.enter_context(writing(out, say=self._warn))
            return
        with suppress(OSError):  # `keep` says what that costs
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                held.enter_context(locked(self.path))
            except UsageError:
                self.path = self.path.with_suffix(f".{os.getpid()}.json")
                self._warn(f"Another process measures the same just now: this one keeps its own in {self.path.name}.")

    def left_over(self):
        """The evidence of an earlier run that did not end, or `None`; a damaged file counts as none, and is said so."""
        if not self.path.is_file():
            return None
        try:
            return read(self.path)
        except UsageError as error:
            self._warn(f"{self.path} is left aside: {error}")
            return None

    def kept(self):
        """What is kept and where, in words, or `None` where nothing new was measured."""
        return f"{_amount(self.latest)} are kept in {self.path}" if self.latest else None

    def keep(self, evidence):
        self.latest = evidence
        try:
            save(evidence, self.path)
        except OSError as error:
            if not self._warned:
                self._warn(f"Could not write {self.path} ({os.strerror(error.errno or 0)}): a kill would lose what is measured.")
            self._warned = True

    def ended(self):
        self.path.unlink(missing_ok=True)


class _Work(NamedTuple):
    """A request on the bench."""

    rig: Rig
    known: Evidence
    journal: Journal
    seconds: float
    agenda: Agenda


def _prepared(request, progress, held):
    """What `request` asks for, made ready; other processes are kept away until the `ExitStack` called `held` ends, if any."""
    whole_number("seed", request.seed, 0)
    one_of("goal", request.goal, GOALS, 'Pass goal="fastest".')
    for name in ("batch_size", "epochs"):
        if getattr(request, name) is not None:
            whole_number(name, getattr(request, name), 1)
            require(getattr(request, name) < _MOST, name, getattr(request, name), f"below {_MOST:,}", "More rows than there are "
                    "make one batch of them all." if name == "batch_size" else "")
    if request.learning_rate is not None:
        positive_number("learning_rate", request.learning_rate, "Pass the rate that you train with, such as 1e-3.")
    if request.trains_with is not None:
        one_of("trains_with", request.trains_with, TRAINERS, 'Pass trains_with="keras".')
    fixed = (request.fixed,) if isinstance(request.fixed, str) or not isinstance(request.fixed, Iterable) else tuple(request.fixed)
    for name in fixed:
        one_of("fixed", name, FIXABLE, 'Pass fixed="batch_size".')
    require(not {"batch_size", "learning_rate"} <= {*fixed}, "fixed", fixed, "one of batch_size and learning_rate",
            "With both there is nothing to compare.")
    max_memory = None if request.max_memory is None else bytes_of(request.max_memory)
    max_time = None if request.max_time is None else seconds_of(request.max_time, "max_time")
    known, share = getattr(request.evidence, "evidence", request.evidence), share_of(request.budget)
    seconds = seconds_of(request.budget if share is None else _UNKNOWN)
    require(known is None or isinstance(known, Evidence), "evidence", type(request.evidence).__name__, "an Evidence or a Plan",
            'Pass epochal.load("plan.json").')
    if not request.said and known is not None and known.said:
        rate = known.present.learning_rate if known.present.schedule == "constant" else None
        request = replace(request, batch_size=known.present.batch_size, learning_rate=rate, epochs=known.present_epochs)
    require("epochs" not in fixed or request.epochs is not None, "fixed", "epochs", "beside how many epochs you train for",
            "Pass epochs=20 (--epochs 20) as well.")
    trains_with = request.trains_with or (known.trains_with if known is not None else "keras")
    own = {"fit": _own_fit} if trains_with == "epochal" else {}
    rig = open_rig(*request.source.open(request.seed, decoding(progress)), request.batch_size, request.learning_rate, **own,
                   start=_start(request, known), once=Once(_computing(progress), _FROZEN * seconds),
                   decides=_decides(request, known))
    now = f"-{request.batch_size or ''}-{request.learning_rate or ''}" if request.batch_size or request.learning_rate else ""
    journal = Journal(request.out.parent if request.out else cache_folder() / "unfinished",
                      f"{rig.task.fingerprint}-{rig.machine.backend}{now}", progress.say)
    if held is not None:
        journal.hold(request.out, held)
    if known is None and (known := journal.left_over()) is not None:
        progress.say(f"Continuing: {_amount(known)} from an earlier run that did not end ({journal.path.name}).")
    if known is None and request.reuse and request.out.is_file():
        with suppress(UsageError):  # of other data: the new plan takes its place
            known = read(request.out).evidence.about(rig.task, rig.machine, rig.present)
    known = (known or Evidence()).about(rig.task, rig.machine, rig.present).clocked(trains_with).within(max_memory)
    known = replace(known.holding(fixed, request.epochs), said=request.said, max_time=max_time,
                    until=None if request.until is None else _until(request.until, rig.task))
    if share is not None:
        usual = usual_epochs(rig.present.batch_size, rig.task.n_train) if request.usual else None
        epochs = request.epochs or usual
        require(epochs is not None, "budget", request.budget, "a time where the epochs are not said",
                "Say how many epochs you train for now (`epochs`, --epochs), or pass a budget such as 60.")
        known = with_pace(rig, known, seconds)
        seconds = min(max(share * _whole_training(known, epochs), request.least), request.most)
    known = with_pace(rig, known, seconds)
    items = agenda(rig.task, rig.present, known, seconds)
    sentence = (f"To be measured, in about {duration(sum(item.seconds for item in items))} (Ctrl-C stops, and keeps what is done):"
                if items else "Everything is known already; nothing will be measured.")
    return _Work(rig, known, journal, seconds, Agenda(str(rig.task), f"on {rig.machine}", rig.task.notes, items, (sentence,)))


def _start(request, known):
    """Where trainings begin: as asked, else where those of the evidence began; a model that was trained since may go on with it."""
    fresh = known is not None and known.task is not None and not known.task.trained_before
    return "fresh" if request.start == "auto" and fresh else request.start


def _computing(progress):
    """Tells how far a frozen base is."""
    return lambda share: progress.step(0.0, f"computing the frozen part of the model once: {share:.0%} of the rows")


def _decides(request, known):
    """What decides, of the metrics of the model once they are known, as for `open_rig`."""
    said, mode = request.metric, request.mode
    if said is None and known is not None and known.task is not None:
        said, mode = known.task.decides, "max" if known.task.larger_is_better else "min"

    def decides(metrics):
        name, larger = declared_metric("loss" if said is None else said, mode, ("loss", *metrics))
        return None if name == "loss" else (name, larger)

    return decides


def _until(said, task):
    """What a training is to reach, in words such as `"val_accuracy>=0.95"`, as an `Until`."""
    form = r"\s*(?:val_)?(\w+)\s*(>=|<=)\s*([-+]?\d*\.?\d+(?:e[-+]?\d{1,2})?)\s*"
    found = re.fullmatch(form, said, re.IGNORECASE) if isinstance(said, str) else None
    metric, way, value = found.groups() if found else ("", "", "")
    require(bool(metric), "until", said, "a validation metric, >= or <=, and a number", 'Pass "val_accuracy>=0.95".')
    names = (task.decides, *task.metrics)
    require(metric in names, "until", said, f"about one of {', '.join(names)}", "Compile the model with that metric.")
    require(metric != "loss" or way == "<=", "until", said, "about a loss that is to be low", 'Pass "val_loss<=0.1".')
    return Until(metric=metric, value=float(value), at_least=way == ">=")


def _own_fit(model, x, y, **arguments):
    """Our own training with arguments of Keras' `fit`, timed on a copy: advice on it is of no use."""
    with catch_warnings():
        simplefilter("ignore", Advice)
        train(FitRequest(model, x, y, **arguments))


def _whole_training(evidence, epochs):
    """Seconds that the updates of so many epochs take with the present setting, from the pace that was measured."""
    pace, n = evidence.get("pace"), evidence.task.n_train
    if pace is None:  # trainings have begun: their own time tells
        timed = [curve.seconds / curve.n_epochs for curve in evidence.of("present") if curve.n_epochs]
        return epochs * min(timed, default=0.0)
    return epochs * steps_per_epoch(n, min(evidence.present.batch_size, n)) * pace.value


def _amount(evidence):
    return f"{counted(len(evidence.readings), 'measurement')} and {counted(len(evidence.curves) + len(evidence.runs), 'training')}"


def _save(plan, path, journal):
    if plan is None or path is None:
        return
    try:
        save(plan, path)
    except OSError as error:
        raise no_room("--out", path, error, f"What was measured is kept in {journal.path}, if that could be written.") from error
