"""Plan: put the model on the bench, take the measurements that are not yet known, and decide."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from platformdirs import user_cache_path

from ..base.errors import MeasurementFailed, UsageError
from ..base.files import no_room
from ..base.progress import SILENT, Agenda, Progress, Reporter
from ..base.stop import Stop, Stopped
from ..base.text import duration, seconds_of
from ..base.validate import one_of, require
from ..probes.agenda import agenda
from ..records import Evidence, Plan, read, save
from ..rules.plan.decide import GOALS, decide
from ..seam.rigs.keras_rig import open_rig
from ..seam.rigs.rig import Rig
from .journal import Journal, measured
from .measure import measure
from .source import ArraySource, TableSource


@dataclass(frozen=True, eq=False)
class PlanRequest:
    """What to plan, and for how long.

    Attributes:
        source: the model and its data.
        goal, budget, seed: see `epochal.plan`.
        evidence: an `Evidence` about this model, these data and this machine, or a `Plan` that holds one.
        earlier: a file with the plan of an earlier call, whose evidence is used where it is about the same.
        folder: where finished measurements are kept until there is a plan; in the user's cache by default.
        out: the file that the plan is saved in, also where it is the answer so far; `None` saves none.
    """

    source: ArraySource | TableSource
    goal: str = "fastest"
    budget: float | str = "1 min"
    evidence: Evidence | Plan | None = None
    seed: int = 0
    earlier: Path | None = None
    folder: Path | None = None
    out: Path | None = None


def plan(request: PlanRequest, *, progress: Progress = SILENT, stop: Stop | None = None) -> Plan:
    """The `Plan` for a model, its data and this machine.

    The answer so far is told once the present setting has been trained, and after every comparison.

    Raises:
        Stopped: it was asked to end; with the answer so far. The same request goes on from there.
        UsageError: the request cannot be met as it stands. Unsupported: the model cannot be copied or measured.
        MeasurementFailed: the budget does not allow even the barest comparison, or every setting diverged.
    """
    work, reporter = _prepared(request, progress), Reporter(progress, stop)
    reporter.start(work.agenda)
    compared = 0

    def keep(evidence):
        nonlocal compared
        work.journal.keep(evidence)
        n_runs = len(evidence.of("present")) + len(evidence.of("confirm"))
        if n_runs > compared and (answer := _answer(evidence, request.goal)) is not None:
            reporter.answer(answer)
        compared = n_runs

    try:
        known = measure(work.rig, budget=work.seconds, evidence=work.known, seed=request.seed, keep=keep, reporter=reporter)
        decided = decide(known, goal=request.goal)
        _save(decided, request.out, work.journal)
    except Stopped:
        _save(reporter.latest, request.out, work.journal)
        raise Stopped(reporter.latest, work.journal.says()) from None
    finally:
        reporter.done()
    work.journal.ended()
    reporter.answer(decided)
    return decided


def agenda_of(request: PlanRequest, progress: Progress = SILENT) -> Agenda:
    """What `plan` would measure; nothing is."""
    return _prepared(request, progress).agenda


class _Work(NamedTuple):
    """A request on the bench."""

    rig: Rig
    known: Evidence
    journal: Journal
    seconds: float
    agenda: Agenda


def _prepared(request, progress):
    one_of("goal", request.goal, GOALS, 'Pass goal="fastest".')
    known, seconds = _evidence(request.evidence), seconds_of(request.budget)
    rig = open_rig(*request.source.open(request.seed))
    folder = request.folder or user_cache_path("epochal") / "unfinished"
    journal = Journal(folder, f"{rig.task.fingerprint}-{rig.machine.backend}", progress.say)
    if known is None and (known := journal.left_over()) is not None:
        progress.say(f"Continuing: {measured(known)} from an earlier run that did not end ({journal.path.name}).")
    known = (known or _earlier(request.earlier, rig) or Evidence()).about(rig.task, rig.machine, rig.present)
    items = agenda(rig.task, rig.present, known, seconds)
    seconds_in_all = duration(sum(item.seconds for item in items))
    sentence = (f"To be measured, in about {seconds_in_all} (Ctrl-C stops, and keeps what is done):" if items else
                "Everything is known already; nothing will be measured.")
    return _Work(rig, known, journal, seconds, Agenda(str(rig.task), f"on {rig.machine}", rig.task.notes, items, (sentence,)))


def _evidence(given):
    known = getattr(given, "evidence", given)
    require(known is None or isinstance(known, Evidence), "evidence", type(given).__name__, "an Evidence or a Plan",
            'Pass epochal.load("plan.json").')
    return known


def _earlier(path, rig):
    """The evidence of an earlier plan for this very model, data and machine, or `None`."""
    if path is None or not path.is_file():
        return None
    try:
        return read(path).evidence.about(rig.task, rig.machine, rig.present)
    except UsageError:  # of other data: the new plan takes its place
        return None


def _answer(evidence, goal):
    """The plan that can be made of what is known so far, or `None`."""
    try:
        return decide(evidence, goal=goal)
    except MeasurementFailed:
        return None


def _save(plan, path, journal):
    if plan is None or path is None:
        return
    try:
        save(plan, path)
    except OSError as error:
        raise no_room("--out", path, error, f"What was measured is kept in {journal.path}, if that could be written.") from error
