"""Study: compare batch sizes fairly, in a folder that keeps every finished training."""

import hashlib
import shutil
from dataclasses import dataclass, field, replace
from os import PathLike

from ..base.files import cache_folder
from ..base.progress import SILENT, Agenda, Progress, Reporter
from ..base.stop import Stop, Stopped
from ..base.text import counted
from ..base.validate import path_like, whole_number
from ..experiments import Crew, StudyFolder, run_fair
from ..experiments.ray.crew import RayCrew
from ..records import Study, dump
from ..rules.study.design import Choices, designed
from ..seam.rigs.keras_rig import open_rig
from .source import ArraySource, TableSource, decoding


@dataclass(frozen=True, eq=False)
class StudyRequest:
    """What to compare, and where.

    Attributes:
        source: the model and its data.
        choices: what the study compares and how it judges.
        folder: where the study is kept and resumed; in the user's cache, until it has ended, by default.
        ray: `"auto"` or the address of a Ray cluster, which then trains; `None`: the devices of this machine do.
        start: where trainings begin, of `STARTS`.
        wait: wait while another process holds the folder, instead of being refused.
    """

    source: ArraySource | TableSource
    choices: Choices = field(default_factory=Choices)
    folder: str | PathLike[str] | None = None
    ray: str | None = None
    start: str = "auto"
    wait: bool = False


def study(request: StudyRequest, *, progress: Progress = SILENT, stop: Stop | None = None) -> Study:
    """The `Study`; of the same request it has the same numbers, however often it was interrupted, up to what the clock says.

    The answer so far, of the batch sizes compared by then, is told after every comparison with fresh seeds.

    Raises:
        Stopped: it was asked to end; with the answer so far. The same request goes on from there.
        UsageError: the request cannot be met as it stands. Unsupported: the model cannot be copied or measured.
        MeasurementFailed: every learning rate diverged at the reference batch size, or a batch of it does not fit into memory.
    """
    with request.source.running():
        return _study(request, progress, stop)


def _study(request, progress, stop):
    choices = request.choices
    whole_number("seed", choices.seed, 0)
    if request.folder is not None:
        path_like("folder", request.folder, "a path, or None", 'Pass folder="study".')
    model, data = request.source.open(choices.seed, decoding(progress))
    data = replace(data, folds=None)  # all trainings of a study are judged on the same rows
    rig = open_rig(model, data, start=request.start)
    design = designed(rig.task, rig.present, choices)
    place, reporter = request.folder or _unfinished(design, rig), Reporter(progress, stop)
    reporter.start(Agenda(str(rig.task), f"on {rig.machine}", rig.task.notes, None, _declared(design, place)))
    try:
        with StudyFolder(place, wait=request.wait, say=progress.say) as kept:
            kept.begin(design, rig.task, rig.machine)
            if n_kept := sum(len(kept.block(name)) for name in kept.blocks()):
                progress.say(f"Continuing: {n_kept:,} trainings of an earlier run are kept in {place}.")
            with Crew(rig) if request.ray is None else RayCrew(rig, model, data, address=request.ray, start=request.start) as crew:
                found = run_fair(rig, design, kept, crew, reporter=reporter)
        reporter.answer(found)
    except Stopped:
        raise Stopped(reporter.latest, place) from None
    finally:
        reporter.done()
    if request.folder is None:
        shutil.rmtree(place, ignore_errors=True)
    return found


def _unfinished(design, rig):
    """A folder of this very study's own in the user's cache."""
    digest = hashlib.blake2b(f"{dump(design)}{rig.task.fingerprint}{rig.machine.backend}".encode(), digest_size=8).hexdigest()
    return cache_folder() / "studies" / digest


def _declared(design, place):
    """What was settled before the first training, in sentences."""
    sizes = ", ".join(f"{size:,}" for size in design.batch_sizes)
    rates = ", ".join(f"{rate:.4g}" for rate in design.learning_rates) or "searched for each batch size, as many tried for each"
    better = "more is better" if design.larger_is_better else "less is better"
    margin = "1 % of what training gains" if design.margin is None else f"{design.margin:.4g}"
    return (f"Batch sizes {sizes}; learning rates {rates}; compared after equal {', '.join(design.equal)} with {design.n_seeds} "
            "new random seeds each.",
            f"Set beforehand: a difference in {design.metric} ({better}) below {margin} is too small to matter; the reference is "
            f"batch size {design.reference:,}, {counted(design.epochs, 'epoch')}.",
            f"Ctrl-C stops, and keeps what is done in {place}.")
